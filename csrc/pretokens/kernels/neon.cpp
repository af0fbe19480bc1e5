// NEON: 64 bytes a step in four registers. As haswell: ASCII is classified by comparisons, other characters are put
// together at all places at once and looked up one by one.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>
#include <span>

#include "cpu/region.hpp"
#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"

namespace tokmill::pretokens {

namespace {

#include "pretokens/kernels/scalar_lookups.inc"

// 64 bytes.
struct Bytes {
    uint8x16_t at[4];
};

TOKMILL_ALWAYS_INLINE Bytes load_bytes(const std::uint8_t* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}

// The mask of the places where `test` gives 0xFF, else 0. Each byte keeps the bit of its place among 8; three rounds of
// adding neighbours put 8 places into a byte.
template <class Test>
TOKMILL_ALWAYS_INLINE std::uint64_t where(const Bytes& x, Test test) {
    const uint8x16_t bits = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t pairs01 = vpaddq_u8(vandq_u8(test(x.at[0]), bits), vandq_u8(test(x.at[1]), bits));
    const uint8x16_t pairs23 = vpaddq_u8(vandq_u8(test(x.at[2]), bits), vandq_u8(test(x.at[3]), bits));
    const uint8x16_t fours = vpaddq_u8(pairs01, pairs23);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)), 0);
}

TOKMILL_ALWAYS_INLINE std::uint64_t equal(const Bytes& x, std::uint8_t byte) {
    return where(x, [=](uint8x16_t v) { return vceqq_u8(v, vdupq_n_u8(byte)); });
}

// Bytes from `first` on, `count` of them, with the bits of `fold` set beforehand.
TOKMILL_ALWAYS_INLINE std::uint64_t in_range(const Bytes& x, std::uint8_t first, std::uint8_t count, std::uint8_t fold = 0) {
    return where(x, [=](uint8x16_t v) { return vcltq_u8(vsubq_u8(vorrq_u8(v, vdupq_n_u8(fold)), vdupq_n_u8(first)), vdupq_n_u8(count)); });
}

TOKMILL_ALWAYS_INLINE std::uint64_t with_bit(const Bytes& x, std::uint8_t bit) {
    return where(x, [=](uint8x16_t v) { return vtstq_u8(v, vdupq_n_u8(bit)); });
}

// The places with a bit of what scalar_lookups.inc found.
struct Found {
    alignas(16) std::uint8_t bytes[64];

    TOKMILL_ALWAYS_INLINE std::uint64_t mask(std::uint8_t bit) const { return with_bit(load_bytes(bytes), bit); }
};

// Code points of 2 and 3 bytes at the places of their first bytes; nonsense elsewhere. A character of 3 bytes,
// 1110aaaa 10bbbbcc 10dddddd, has the code aaaabbbb ccdddddd; one of 2 bytes, 110aaabb 10cccccc, has 00000aaa bbcccccc.
TOKMILL_ALWAYS_INLINE void put_codes(uint8x16_t x, uint8x16_t y, uint8x16_t z, std::uint16_t* codes) {
    const uint8x16_t three = vcgeq_u8(x, vdupq_n_u8(0xE0));
    const uint8x16_t high3 = vsliq_n_u8(vandq_u8(vshrq_n_u8(y, 2), vdupq_n_u8(0x0F)), x, 4);
    const uint8x16_t low3 = vsliq_n_u8(vandq_u8(z, vdupq_n_u8(0x3F)), y, 6);
    const uint8x16_t high2 = vandq_u8(vshrq_n_u8(x, 2), vdupq_n_u8(7));
    const uint8x16_t low2 = vsliq_n_u8(vandq_u8(y, vdupq_n_u8(0x3F)), x, 6);
    const uint8x16_t high = vbslq_u8(three, high3, high2), low = vbslq_u8(three, low3, low2);
    vst1q_u16(codes, vreinterpretq_u16_u8(vzip1q_u8(low, high)));
    vst1q_u16(codes + 8, vreinterpretq_u16_u8(vzip2q_u8(low, high)));
}

template <Pattern kPattern, bool kCuts>
TOKMILL_ALWAYS_INLINE void classify(const KernelTables& tables, const std::uint8_t* p, BlockMasks& m, CutCarry& cuts) {
    const Bytes x = load_bytes(p);
    const uint8x16_t any = vorrq_u8(vorrq_u8(x.at[0], x.at[1]), vorrq_u8(x.at[2], x.at[3]));
    m.non_ascii = vmaxvq_u8(any) < 0x80 ? 0 : with_bit(x, 0x80);
    const std::uint64_t letters = in_range(x, 'a', 26, 0x20);
    constexpr Traits t = kTraits<kPattern>;
    if constexpr (t.words == Words::cased) {
        const std::uint64_t lower_bit = with_bit(x, 0x20);
        m.upper = letters & ~lower_bit;
        m.lower = letters & lower_bit;
        m.letter = m.mark = 0;
    } else {
        m.letter = letters;
    }
    if constexpr (t.tail == Tail::newlines_and_slashes) m.slash = equal(x, '/');
    m.number = in_range(x, '0', 10);
    m.blank = equal(x, ' ');
    m.space = m.blank | in_range(x, '\t', 5);
    if constexpr (t.words != Words::bare)
        m.newline = where(x, [](uint8x16_t v) { return vorrq_u8(vceqq_u8(v, vdupq_n_u8('\n')), vceqq_u8(v, vdupq_n_u8('\r'))); });
    if constexpr (t.words == Words::punctuated) m.gap = (in_range(x, 0, 0x20) & ~m.space) | equal(x, 0x7F);
    m.continuation = m.space2 = m.space3 = 0;
    if constexpr (t.script != Script::none) m.script = m.script_symbol = m.odd_script = 0;
    if constexpr (t.contractions != Contractions::none) m.quote = equal(x, '\'');

    std::uint64_t after3 = 0, after2 = 0, after_ascii = 0;
    if constexpr (kCuts) start_cuts(m, cuts, after3, after2, after_ascii);
    if (m.non_ascii != 0) {
        m.continuation = in_range(x, 0x80, 0x40);
        const std::uint64_t leads4 = in_range(x, 0xF0, 16);
        const std::uint64_t leads3 = in_range(x, 0xE0, 16);
        const std::uint64_t leads2 = m.non_ascii & ~(m.continuation | leads3 | leads4);
        const Bytes y = load_bytes(p + 1), z = load_bytes(p + 2);
        if constexpr (t.script == Script::han) m.odd_script = odd_han(x, y, z);
        alignas(16) std::uint16_t codes[64];
        for (int i = 0; i < 4; ++i) put_codes(x.at[i], y.at[i], z.at[i], codes + 16 * i);
        Found found;
        std::memset(found.bytes, 0, sizeof found.bytes);
        if (leads2 != 0) look_up2<kCuts>(tables, codes, leads2, found.bytes, cuts);
        if (leads3 != 0) look_up3<kCuts>(tables, codes, leads3, found.bytes, cuts);
        if (leads4 != 0) look_up4(tables, p, leads4, found.bytes);
        add_wide_classes<kPattern, kCuts>(found, leads2, leads3, after2, after3, after_ascii, m, cuts);
    }
}

// Eight bits at a time: the positions of a byte's bits are in a table of 2 KB.
TOKMILL_ALWAYS_INLINE std::uint32_t write_positions(std::uint64_t mask, std::uint32_t base, std::uint32_t* starts) {
    // Byte i of the product is the number of bits in bytes 0 to i.
    const std::uint64_t counts = vget_lane_u64(vreinterpret_u64_u8(vcnt_u8(vcreate_u8(mask))), 0) * 0x0101010101010101u;
    for (std::uint32_t byte = 0; byte < 8; ++byte) {
        std::uint32_t* out = starts + (byte == 0 ? 0 : counts >> (8 * byte - 8) & 255);
        const uint16x8_t positions = vmovl_u8(vld1_u8(kBytePositions.of[mask >> (8 * byte) & 255]));
        const uint32x4_t bases = vdupq_n_u32(base + 8 * byte);
        vst1q_u32(out, vaddw_u16(bases, vget_low_u16(positions)));
        vst1q_u32(out + 4, vaddw_high_u16(bases, positions));
    }
    return static_cast<std::uint32_t>(counts >> 56);
}

#include "pretokens/kernels/block_loop.inc"

}  // namespace

ScanFunction scan_neon(Pattern pattern, bool safe_cuts) noexcept { return scan_function(pattern, safe_cuts); }
WriteFunction write_neon(bool safe_cuts) noexcept { return write_function(safe_cuts); }

}  // namespace tokmill::pretokens

#endif
