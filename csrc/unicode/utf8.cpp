// UTF-8 of single characters, and the choice of the kernels for whole texts.
#include <cstring>

#include "unicode/kernels/utf8.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::unicode {

std::size_t count_characters(const std::uint8_t* text, std::size_t byte_count) noexcept {
    // Eight bytes at a time. A continuation byte has bit 7 and not bit 6: its bit 7 is what stays of x & ~(x << 1); of E4 BD A0 41 that
    // is 00 80 80 00. Their number is the sum of the bytes, which the multiplication leaves in the highest one.
    constexpr std::uint64_t kBit7 = 0x8080808080808080, kOnes = 0x0101010101010101;
    std::size_t continuations = 0;
    std::size_t i = 0;
    for (; i + 8 <= byte_count; i += 8) {
        std::uint64_t bytes;
        std::memcpy(&bytes, text + i, sizeof bytes);
        continuations += ((bytes & ~(bytes << 1) & kBit7) >> 7) * kOnes >> 56;
    }
    for (; i < byte_count; ++i) continuations += is_continuation(text[i]) ? 1 : 0;
    return byte_count - continuations;
}

std::size_t encode_utf8(std::uint32_t code_point, std::uint8_t* out) noexcept {
    if (code_point < 0x80) {
        out[0] = static_cast<std::uint8_t>(code_point);
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = static_cast<std::uint8_t>(0xC0 | code_point >> 6);
        out[1] = static_cast<std::uint8_t>(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = static_cast<std::uint8_t>(0xE0 | code_point >> 12);
        out[1] = static_cast<std::uint8_t>(0x80 | (code_point >> 6 & 0x3F));
        out[2] = static_cast<std::uint8_t>(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = static_cast<std::uint8_t>(0xF0 | code_point >> 18);
    out[1] = static_cast<std::uint8_t>(0x80 | (code_point >> 12 & 0x3F));
    out[2] = static_cast<std::uint8_t>(0x80 | (code_point >> 6 & 0x3F));
    out[3] = static_cast<std::uint8_t>(0x80 | (code_point & 0x3F));
    return 4;
}

std::size_t ill_formed_length(const std::uint8_t* source, std::size_t count) noexcept {
    // The longest prefix that some well-formed character starts with: E4 BD 41 gives 2, ED A0 gives 1 (no character
    // starts with ED A0), F0 9F 98 at the end gives 3.
    const std::uint8_t lead = source[0];
    if (lead < 0xE0 || lead > 0xF4 || count < 2) return 1;
    const SecondByteRange range = second_byte_range(lead);
    if (source[1] < range.low || source[1] > range.high) return 1;
    return lead >= 0xF0 && count > 2 && is_continuation(source[2]) ? 3 : 2;
}

const Kernels& kernels(cpu::Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return kHaswellKernels;
        case cpu::Isa::icelake: return kIcelakeKernels;
#elif defined(__aarch64__)
        case cpu::Isa::neon: return kNeonKernels;
#endif
        default: return kScalarKernels;
    }
}

}  // namespace tokmill::unicode
