// Advances of tokens to their spans, the inner loop of tiling: a running sum, each step of it written twice.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"

namespace tokmill::tokens {

// How far an id leads, in one byte. By up to 31 places (the five low bits): eight of them and what begins late sum up to less than 256, so
// that one multiplication adds eight up. It begins where the one before ends, a place behind it, or a place before it. Example: 0x43 begins
// one late and leads on by 3: at place p, [p + 1, p + 3).
namespace advance {
inline constexpr std::uint8_t kPlaces = 0x1F, kOdd = 0x20, kBeginsLate = 0x40, kBeginsEarly = 0x80;
// Odd ones lead on by their places, but do not begin or end there. Of kOther, odd too, the byte says nothing.
inline constexpr std::uint8_t kOther = 0xFF;
}  // namespace advance

struct SpanKernels {
    // Writes begin and end of tokens one behind the other, the first at `place`; none of them is kOther. Returns the place behind the last.
    std::int64_t (*lay)(const std::uint8_t* advances, std::size_t count, std::int64_t place, std::int64_t* spans);
};

const SpanKernels& span_kernels(cpu::Isa isa);

namespace scalar {
extern const SpanKernels kSpanKernels;
}
namespace haswell {
extern const SpanKernels kSpanKernels;
}
namespace icelake {
extern const SpanKernels kSpanKernels;
}

}  // namespace tokmill::tokens
