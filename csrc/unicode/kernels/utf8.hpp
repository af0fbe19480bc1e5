// What the UTF-8 kernels of all instruction sets share: the tables they fill, and the steps that are taken one
// character at a time. Everything here is compiled for the baseline of the platform.
#pragma once

#include <cstddef>
#include <cstdint>

#include "unicode/unicode.hpp"

namespace tokmill::unicode {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kHaswellKernels;
extern const Kernels kIcelakeKernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
#endif

// The second byte decides most of what can be wrong with a character; these are its bounds for a lead from E0 to F4.
struct SecondByteRange {
    std::uint8_t low;
    std::uint8_t high;
};
constexpr SecondByteRange second_byte_range(std::uint8_t lead) noexcept {
    switch (lead) {
        case 0xE0: return {0xA0, 0xBF};  // below: over-long
        case 0xED: return {0x80, 0x9F};  // above: surrogates
        case 0xF0: return {0x90, 0xBF};  // below: over-long
        case 0xF4: return {0x80, 0x8F};  // above: beyond U+10FFFF
        default: return {0x80, 0xBF};
    }
}

// Bytes of the well-formed character at p, 0 if there is none. `count` > 0.
constexpr std::size_t well_formed_length(const std::uint8_t* p, std::size_t count) noexcept {
    const std::uint8_t lead = p[0];
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4 || count < 2) return 0;
    if (lead < 0xE0) return is_continuation(p[1]) ? 2 : 0;
    const SecondByteRange range = second_byte_range(lead);
    if (p[1] < range.low || p[1] > range.high || count < 3 || !is_continuation(p[2])) return 0;
    if (lead < 0xF0) return 3;
    return count >= 4 && is_continuation(p[3]) ? 4 : 0;
}

// The position of the first ill-formed sequence at or after `from`, which is the start of a character; `count` if none.
std::size_t first_ill_formed(const std::uint8_t* source, std::size_t count, std::size_t from) noexcept;

// Where to look again one character at a time, when a vector kernel found an error in the block at `block` and none
// before: the last character that starts before the block and may reach into it. A byte that is no continuation starts
// a character; if the last three all continue, they end one of four bytes and the block starts the next.
constexpr std::size_t last_start_before(const std::uint8_t* source, std::size_t block) noexcept {
    for (std::size_t back = 1; back <= 3 && back <= block; ++back)
        if (!is_continuation(source[block - back])) return block - back;
    return block;
}

constexpr bool is_surrogate(std::uint32_t unit) noexcept { return (unit & 0xFFFFF800u) == 0xD800; }

// Remembers the first lone surrogate for a caller that asked.
struct LoneSurrogate {
    std::size_t* where;

    void note(std::size_t position) noexcept {
        if (where == nullptr) return;
        *where = position;
        where = nullptr;
    }
};

// Encodes the unit at `position`, or the surrogate pair that starts there; returns the position after it. Not inline:
// a copy compiled inside a target region must not be the one that the linker keeps.
std::size_t encode_next(const std::uint16_t* source, std::size_t count, std::size_t position, std::uint8_t*& out,
                        LoneSurrogate& lone) noexcept;
std::size_t encode_next(const std::uint32_t* source, std::size_t count, std::size_t position, std::uint8_t*& out,
                        LoneSurrogate& lone) noexcept;

}  // namespace tokmill::unicode
