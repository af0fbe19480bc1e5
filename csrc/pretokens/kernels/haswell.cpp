// AVX2: 64 bytes a step in two registers. ASCII is classified by comparisons; the code points of 2 and 3 bytes are put
// together at all places at once, then looked up one by one. (No gathers: those of AVX2 lose to single loads. No pdep
// and pext: some processors of this tier take hundreds of cycles for one.)
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <span>

#include "cpu/region.hpp"
#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::pretokens {

namespace {

#include "pretokens/kernels/scalar_lookups.inc"

TOKMILL_ALWAYS_INLINE __m256i splat(std::uint8_t byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }

// `value` where `mask` has ones, else `other`.
TOKMILL_ALWAYS_INLINE __m256i choose(std::uint8_t mask, __m256i value, __m256i other) {
    return _mm256_or_si256(_mm256_and_si256(splat(mask), value), _mm256_andnot_si256(splat(mask), other));
}

// 64 bytes.
struct Bytes {
    __m256i low, high;
};

TOKMILL_ALWAYS_INLINE Bytes load_bytes(const std::uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}

TOKMILL_ALWAYS_INLINE std::uint64_t top_bits(Bytes x) {
    const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(x.low)),
               high = static_cast<std::uint32_t>(_mm256_movemask_epi8(x.high));
    return static_cast<std::uint64_t>(high) << 32 | low;
}

TOKMILL_ALWAYS_INLINE std::uint64_t equal(Bytes x, std::uint8_t byte) {
    return top_bits({_mm256_cmpeq_epi8(x.low, splat(byte)), _mm256_cmpeq_epi8(x.high, splat(byte))});
}

// Bytes from `first` on, `count` of them, with the bits of `fold` set beforehand.
TOKMILL_ALWAYS_INLINE __m256i in_range(__m256i x, std::uint8_t first, std::uint8_t count, std::uint8_t fold = 0) {
    const __m256i offset = _mm256_sub_epi8(fold != 0 ? _mm256_or_si256(x, splat(fold)) : x, splat(first));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(offset, splat(static_cast<std::uint8_t>(count - 1))), offset);
}

TOKMILL_ALWAYS_INLINE std::uint64_t in_range(Bytes x, std::uint8_t first, std::uint8_t count, std::uint8_t fold = 0) {
    return top_bits({in_range(x.low, first, count, fold), in_range(x.high, first, count, fold)});
}

// Bytes that are equal to the entry of `table` (16 bytes, twice) that their low half selects.
TOKMILL_ALWAYS_INLINE std::uint64_t in_table(Bytes x, __m256i table) {
    return top_bits(
        {_mm256_cmpeq_epi8(x.low, _mm256_shuffle_epi8(table, x.low)), _mm256_cmpeq_epi8(x.high, _mm256_shuffle_epi8(table, x.high))});
}

// The places with a bit of what scalar_lookups.inc found.
struct Found {
    alignas(32) std::uint8_t bytes[64];

    TOKMILL_ALWAYS_INLINE std::uint64_t mask(std::uint8_t bit) const {
        const Bytes x = load_bytes(bytes);
        const __m128i shift = _mm_cvtsi32_si128(__builtin_clz(bit) - 24);  // the bit becomes the top one of its byte
        return top_bits({_mm256_sll_epi16(x.low, shift), _mm256_sll_epi16(x.high, shift)});
    }
};

// Code points of 2 and 3 bytes at the places of their first bytes; nonsense elsewhere.
struct Codes {
    alignas(32) std::uint16_t at[64];
};

// 32 places. A character of 3 bytes, 1110aaaa 10bbbbcc 10dddddd, has the code aaaabbbb ccdddddd; one of 2 bytes,
// 110aaabb 10cccccc, has 00000aaa bbcccccc.
TOKMILL_ALWAYS_INLINE void put_codes(__m256i x, __m256i y, __m256i z, std::uint16_t* codes) {
    const __m256i three = _mm256_cmpeq_epi8(_mm256_max_epu8(x, splat(0xE0)), x);
    const __m256i high3 = choose(0xF0, _mm256_slli_epi16(x, 4), _mm256_srli_epi16(y, 2));
    const __m256i low3 = choose(0xC0, _mm256_slli_epi16(y, 6), z);
    const __m256i high2 = _mm256_and_si256(_mm256_srli_epi16(x, 2), splat(7));
    const __m256i low2 = choose(0xC0, _mm256_slli_epi16(x, 6), y);
    const __m256i high = _mm256_blendv_epi8(high2, high3, three), low = _mm256_blendv_epi8(low2, low3, three);
    const __m256i even = _mm256_unpacklo_epi8(low, high), odd = _mm256_unpackhi_epi8(low, high);
    _mm256_store_si256(reinterpret_cast<__m256i*>(codes), _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_store_si256(reinterpret_cast<__m256i*>(codes + 16), _mm256_permute2x128_si256(even, odd, 0x31));
}

template <Pattern kPattern, bool kCuts>
TOKMILL_ALWAYS_INLINE void classify(const KernelTables& tables, const std::uint8_t* p, BlockMasks& m, CutCarry& cuts) {
    const Bytes x = load_bytes(p);
    m.non_ascii = top_bits(x);
    const std::uint64_t letters = in_range(x, 'a', 26, 0x20);
    constexpr Traits t = kTraits<kPattern>;
    if constexpr (t.words == Words::cased) {
        const std::uint64_t lower_bit = top_bits({_mm256_slli_epi16(x.low, 2), _mm256_slli_epi16(x.high, 2)});
        m.upper = letters & ~lower_bit;
        m.lower = letters & lower_bit;
        m.letter = m.mark = 0;
    } else {
        m.letter = letters;
    }
    if constexpr (t.tail == Tail::newlines_and_slashes) m.slash = equal(x, '/');
    m.number = in_range(x, '0', 10);
    // An entry that no byte with this low half equals stands for "none": 1 for half 0, else 0.
    m.space = in_table(x, _mm256_broadcastsi128_si256(_mm_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', '\v', '\f', '\r', 0, 0)));
    if constexpr (t.words != Words::bare)
        m.newline = in_table(x, _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\n', 0, 0, '\r', 0, 0)));
    m.blank = equal(x, ' ');
    if constexpr (t.words == Words::punctuated) m.gap = (in_range(x, 0, 0x20) & ~m.space) | equal(x, 0x7F);
    m.continuation = m.space2 = m.space3 = 0;
    if constexpr (t.script != Script::none) m.script = m.script_symbol = m.odd_script = 0;
    if constexpr (t.contractions != Contractions::none) m.quote = equal(x, '\'');

    std::uint64_t after3 = 0, after2 = 0, after_ascii = 0;
    if constexpr (kCuts) start_cuts(m, cuts, after3, after2, after_ascii);
    if (m.non_ascii != 0) {
        m.continuation = m.non_ascii & ~top_bits({_mm256_slli_epi16(x.low, 1), _mm256_slli_epi16(x.high, 1)});
        const std::uint64_t leads4 = in_range(x, 0xF0, 16);
        const std::uint64_t leads3 = in_range(x, 0xE0, 16);
        const std::uint64_t leads2 = m.non_ascii & ~(m.continuation | leads3 | leads4);
        const Bytes y = load_bytes(p + 1), z = load_bytes(p + 2);
        if constexpr (t.script == Script::han) m.odd_script = odd_han(x, y, z);
        Codes codes;
        put_codes(x.low, y.low, z.low, codes.at);
        put_codes(x.high, y.high, z.high, codes.at + 32);
        Found found;
        std::memset(found.bytes, 0, sizeof found.bytes);
        if (leads2 != 0) look_up2<kCuts>(tables, codes.at, leads2, found.bytes, cuts);
        if (leads3 != 0) look_up3<kCuts>(tables, codes.at, leads3, found.bytes, cuts);
        if (leads4 != 0) look_up4(tables, p, leads4, found.bytes);
        add_wide_classes<kPattern, kCuts>(found, leads2, leads3, after2, after3, after_ascii, m, cuts);
    }
}

// Eight bits at a time: the positions of a byte's bits are in a table of 2 KB.
TOKMILL_ALWAYS_INLINE std::uint32_t write_positions(std::uint64_t mask, std::uint32_t base, std::uint32_t* starts) {
    std::uint32_t* out = starts;
    __m256i bases = _mm256_set1_epi32(static_cast<int>(base));
    for (int byte = 0; byte < 8; ++byte, mask >>= 8, bases = _mm256_add_epi32(bases, _mm256_set1_epi32(8))) {
        const __m128i positions = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kBytePositions.of[mask & 255]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_add_epi32(bases, _mm256_cvtepu8_epi32(positions)));
        out += __builtin_popcountll(mask & 255);
    }
    return static_cast<std::uint32_t>(out - starts);
}

#include "pretokens/kernels/block_loop.inc"

}  // namespace

ScanFunction scan_haswell(Pattern pattern, bool safe_cuts) noexcept { return scan_function(pattern, safe_cuts); }
WriteFunction write_haswell(bool safe_cuts) noexcept { return write_function(safe_cuts); }

}  // namespace tokmill::pretokens

TOKMILL_REGION_END

#endif
