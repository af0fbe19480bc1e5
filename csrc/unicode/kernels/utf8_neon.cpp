// UTF-8 with NEON: four vectors of 16 bytes a step for validation; transcoding takes vectors of ASCII at once and goes
// through the rest a character at a time.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>

#include "unicode/kernels/utf8.hpp"
#include "unicode/kernels/utf8_errors.hpp"

namespace tokmill::unicode {

namespace {

constexpr std::size_t kBlock = 64;

// Non-zero bytes where `bytes` holds an error, or ends one that began in `previous`.
inline uint8x16_t errors_in(uint8x16_t bytes, uint8x16_t previous) noexcept {
    const uint8x16_t back1 = vextq_u8(previous, bytes, 15);
    const uint8x16_t back2 = vextq_u8(previous, bytes, 14);
    const uint8x16_t back3 = vextq_u8(previous, bytes, 13);
    const uint8x16_t first_high = vqtbl1q_u8(vld1q_u8(kFirstHigh.kinds), vshrq_n_u8(back1, 4));
    const uint8x16_t first_low = vqtbl1q_u8(vld1q_u8(kFirstLow.kinds), vandq_u8(back1, vdupq_n_u8(0x0F)));
    const uint8x16_t second_high = vqtbl1q_u8(vld1q_u8(kSecondHigh.kinds), vshrq_n_u8(bytes, 4));
    const uint8x16_t bad = vandq_u8(vandq_u8(first_high, first_low), second_high);
    const uint8x16_t third = vqsubq_u8(back2, vdupq_n_u8(kThirdByteBias));
    const uint8x16_t fourth = vqsubq_u8(back3, vdupq_n_u8(kFourthByteBias));
    const uint8x16_t due = vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(0x80));
    return veorq_u8(bad, due);
}

template <bool kCopy>
std::size_t validate([[maybe_unused]] std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    // A block of ASCII needs a look only when the vector before it has a byte that is not: that may lead a character.
    uint8x16_t previous = vdupq_n_u8(0);
    bool previous_ascii = true;
    const auto take_block = [&]([[maybe_unused]] std::uint8_t* to, const std::uint8_t* from) {
        const uint8x16x4_t block = vld1q_u8_x4(from);
        if constexpr (kCopy) vst1q_u8_x4(to, block);
        const uint8x16_t any = vorrq_u8(vorrq_u8(block.val[0], block.val[1]), vorrq_u8(block.val[2], block.val[3]));
        if (vmaxvq_u8(any) < 0x80 && previous_ascii) return true;
        uint8x16_t errors = errors_in(block.val[0], previous);
        for (int k = 1; k < 4; ++k) errors = vorrq_u8(errors, errors_in(block.val[k], block.val[k - 1]));
        previous = block.val[3];
        previous_ascii = vmaxvq_u8(previous) < 0x80;
        return vmaxvq_u8(errors) == 0;
    };
    std::size_t i = 0;
    for (; i + kBlock <= count; i += kBlock)
        if (!take_block(kCopy ? destination + i : nullptr, source + i))
            return first_ill_formed(source, count, last_start_before(source, i));
    // What is left, filled up with zeros; even when nothing is left, zeros tell whether the last character is whole.
    std::uint8_t rest[kBlock] = {};
    if (i < count) std::memcpy(rest, source + i, count - i);
    if (!take_block(kCopy ? destination + i : nullptr, rest)) return first_ill_formed(source, count, last_start_before(source, i));
    return count;
}

std::size_t copy_valid_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    return validate<true>(destination, source, count);
}
std::size_t valid_utf8(const std::uint8_t* source, std::size_t count) { return validate<false>(nullptr, source, count); }

std::size_t latin1_to_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    std::uint8_t* out = destination;
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16_t bytes = vld1q_u8(source + i);
        if (vmaxvq_u8(bytes) < 0x80) {
            vst1q_u8(out, bytes);
            out += 16;
        } else {
            out += kScalarKernels.latin1_to_utf8(out, source + i, 16);
        }
    }
    return static_cast<std::size_t>(out - destination) + kScalarKernels.latin1_to_utf8(out, source + i, count - i);
}

std::size_t ucs2_to_utf8(std::uint8_t* destination, const std::uint16_t* source, std::size_t count, std::size_t* lone_surrogate) {
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    std::size_t i = 0;
    while (i < count) {
        const std::size_t end = count - i < 8 ? count : i + 8;
        if (end == i + 8) {
            const uint16x8_t units = vld1q_u16(source + i);
            if (vmaxvq_u16(units) < 0x80) {
                vst1_u8(out, vmovn_u16(units));
                out += 8;
                i = end;
                continue;
            }
        }
        while (i < end) i = encode_next(source, count, i, out, lone);
    }
    return static_cast<std::size_t>(out - destination);
}

std::size_t ucs4_to_utf8(std::uint8_t* destination, const std::uint32_t* source, std::size_t count, std::size_t* lone_surrogate) {
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    std::size_t i = 0;
    while (i < count) {
        const std::size_t end = count - i < 8 ? count : i + 8;
        if (end == i + 8) {
            const uint32x4_t low = vld1q_u32(source + i), high = vld1q_u32(source + i + 4);
            if (vmaxvq_u32(vorrq_u32(low, high)) < 0x80) {
                vst1_u8(out, vmovn_u16(vcombine_u16(vmovn_u32(low), vmovn_u32(high))));
                out += 8;
                i = end;
                continue;
            }
        }
        while (i < end) i = encode_next(source, count, i, out, lone);
    }
    return static_cast<std::size_t>(out - destination);
}

}  // namespace

const Kernels kNeonKernels{copy_valid_utf8, valid_utf8, latin1_to_utf8, ucs2_to_utf8, ucs4_to_utf8};

}  // namespace tokmill::unicode

#endif
