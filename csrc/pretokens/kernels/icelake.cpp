// AVX-512 (VBMI, VBMI2): 64 bytes a step. ASCII is classified by one lookup in 128 flags; characters of 2 bytes by bit
// planes of the class in three 256-byte tables; those of 3 bytes are packed and gathered from a table of
// U+0000-FFFF, a byte each, that holds the safe-cut flags too; those of 4 bytes go through the two-stage class table.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>
#include <span>

#include "cpu/region.hpp"
#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// False alarms inside the compiler's own intrinsics (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::pretokens {

namespace {

TOKMILL_ALWAYS_INLINE std::uint64_t starts_of_ends(std::uint64_t starts, std::uint64_t ends, std::uint64_t wanted) {
    return _pdep_u64(_pext_u64(wanted, ends), starts);
}

TOKMILL_ALWAYS_INLINE __m512i splat(std::uint8_t byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }

// Looks 64 indices up in 128 bytes; 0 where the index has its top bit set.
TOKMILL_ALWAYS_INLINE __m512i lookup128(const std::uint8_t* table, __m512i index) {
    return _mm512_maskz_permutex2var_epi8(_knot_mask64(_mm512_movepi8_mask(index)), _mm512_load_si512(table), index,
                                          _mm512_load_si512(table + 64));
}

TOKMILL_ALWAYS_INLINE __m512i lookup256(const std::uint8_t* table, __m512i index, __mmask64 upper_half) {
    const __m512i low = _mm512_permutex2var_epi8(_mm512_load_si512(table), index, _mm512_load_si512(table + 64));
    const __m512i high = _mm512_permutex2var_epi8(_mm512_load_si512(table + 128), index, _mm512_load_si512(table + 192));
    return _mm512_mask_blend_epi8(upper_half, low, high);
}

struct Suffixes {
    std::uint64_t short_ones, long_ones;  // of one byte behind the apostrophe, of two
};

TOKMILL_ALWAYS_INLINE Suffixes find_suffixes(const KernelTables& tables, const std::uint8_t* p, std::uint64_t quotes) {
    const __m512i y = _mm512_loadu_si512(p + 1), z = _mm512_loadu_si512(p + 2);
    const __m512i first = lookup128(tables.suffix_first, y), second = lookup128(tables.suffix_second, z);
    const std::uint64_t long_s = _mm512_cmpeq_epi8_mask(y, splat(0xC5)) & _mm512_cmpeq_epi8_mask(z, splat(0xBF));  // U+017F folds to s
    return {quotes & _mm512_test_epi8_mask(first, splat(1)),
            quotes & (_mm512_test_epi8_mask(first, second) | (tables.suffix_long_s ? long_s : 0))};
}

TOKMILL_ALWAYS_INLINE std::uint64_t equal(__m512i x, std::uint8_t byte) { return _mm512_cmpeq_epi8_mask(x, splat(byte)); }

// Bytes from `first` on, `count` of them.
TOKMILL_ALWAYS_INLINE std::uint64_t in_range(__m512i x, std::uint8_t first, std::uint8_t count) {
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(x, splat(first)), splat(count));
}

#include "pretokens/kernels/mask_algebra.inc"

// What the safe-cut test has to know of the characters before a block.
struct CutCarry {
    std::uint64_t after3 = 0, after2 = 0;  // masks: the first byte behind a character of 3 or 2 bytes
    std::uint64_t cut_before_ascii = 0;    // mask: a cut here if it is ASCII
    std::uint64_t after_ascii = 0;         // 1 behind an ASCII character other than a space
    std::uint32_t code3 = 0;               // the last character of 3 bytes ...
    std::uint32_t partial_right = 0;       // ... and whether it has that flag
    std::uint32_t code2 = 0;               // the last character of 2 bytes
};

// 16 bytes of a compressed register as 32-bit elements.
template <int kQuarter>
TOKMILL_ALWAYS_INLINE __m512i widen(__m512i bytes) {
    return _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, kQuarter));
}

// The low bits of 16 bytes, shifted into their place in a code point.
TOKMILL_ALWAYS_INLINE __m512i bits_of(__m512i elements, int bits, unsigned shift) {
    return _mm512_slli_epi32(_mm512_and_si512(elements, _mm512_set1_epi32(bits)), shift);
}

TOKMILL_ALWAYS_INLINE std::uint32_t test32(__m512i elements, int bits) {
    return _cvtmask16_u32(_mm512_test_epi32_mask(elements, _mm512_set1_epi32(bits)));
}

// Which of 16 pairs of neighbours (left << 16 | right) may be joined.
TOKMILL_ALWAYS_INLINE std::uint32_t joined(const KernelTables& tables, __m512i pairs, std::uint32_t factor) {
    const __m512i product = _mm512_mullo_epi32(pairs, _mm512_set1_epi32(static_cast<int>(factor)));
    const __m512i bit = _mm512_srl_epi32(product, _mm_cvtsi32_si128(static_cast<int>(tables.joined_shift)));
    const __m512i words = _mm512_i32gather_epi32(_mm512_srli_epi32(bit, 5), tables.joined, 4);
    return test32(_mm512_srlv_epi32(words, _mm512_and_si512(bit, _mm512_set1_epi32(31))), 1);
}

// The same for 8 pairs: half a gather is nearly half the time.
TOKMILL_ALWAYS_INLINE std::uint32_t joined8(const KernelTables& tables, __m256i pairs, std::uint32_t factor) {
    const __m256i product = _mm256_mullo_epi32(pairs, _mm256_set1_epi32(static_cast<int>(factor)));
    const __m256i bit = _mm256_srl_epi32(product, _mm_cvtsi32_si128(static_cast<int>(tables.joined_shift)));
    const __m256i words = _mm256_i32gather_epi32(reinterpret_cast<const int*>(tables.joined), _mm256_srli_epi32(bit, 5), 4);
    const __m256i found = _mm256_srlv_epi32(words, _mm256_and_si256(bit, _mm256_set1_epi32(31)));
    return _cvtmask8_u32(_mm256_test_epi32_mask(found, _mm256_set1_epi32(1)));
}

// Each element with the one before it in its upper half; `before` holds the 16 elements in front.
TOKMILL_ALWAYS_INLINE __m512i with_left_neighbours(__m512i elements, __m512i before) {
    return _mm512_or_si512(elements, _mm512_slli_epi32(_mm512_alignr_epi32(elements, before, 15), 16));
}

struct ClassPlanes {
    std::uint64_t bit0 = 0, bit1 = 0, bit2 = 0;  // of the classes of traits.hpp, at first bytes
};

// Characters of 2 bytes. The bit of code point c is bit c & 7 of byte c >> 3 of a plane.
template <bool kCuts>
TOKMILL_ALWAYS_INLINE void classify2(const KernelTables& tables, const std::uint8_t* p, __m512i x, __m512i y, std::uint64_t leads,
                                     ClassPlanes& planes, BlockMasks& m, std::uint64_t after2, CutCarry& cuts) {
    // c >> 3: the low 5 bits of the first byte, the upper 3 of the second one's 6. (0xCA is "first ? second : third".)
    const __m512i index = _mm512_ternarylogic_epi32(splat(0xF8), _mm512_slli_epi16(x, 3), _mm512_srli_epi16(y, 3), 0xCA);
    const __mmask64 upper_half = _mm512_movepi8_mask(index);
    const __m512i bit = _mm512_shuffle_epi8(_mm512_set1_epi64(0x8040201008040201), _mm512_and_si512(y, splat(7)));
    const std::uint64_t bit0 = leads & _mm512_test_epi8_mask(lookup256(tables.class_plane[0], index, upper_half), bit);
    const std::uint64_t bit1 = leads & _mm512_test_epi8_mask(lookup256(tables.class_plane[1], index, upper_half), bit);
    const std::uint64_t bit2 = leads & _mm512_test_epi8_mask(lookup256(tables.class_plane[2], index, upper_half), bit);
    planes.bit0 |= bit0;
    planes.bit1 |= bit1;
    planes.bit2 |= bit2;
    m.space2 = bit2 & bit1;
    if constexpr (kCuts) {
        const std::uint64_t borders = leads & (leads << 2 | after2);
        cuts.after2 = leads >> 62;
        if (borders != 0) {
            const __m512i first = _mm512_maskz_compress_epi8(leads, x), second = _mm512_maskz_compress_epi8(leads, y);
            const __m512i code = _mm512_or_si512(bits_of(widen<0>(first), 31, 6), bits_of(widen<0>(second), 63, 0));
            const __m512i before = _mm512_set1_epi32(static_cast<int>(cuts.code2));
            std::uint32_t joins = joined(tables, with_left_neighbours(code, before), kPairFactor2);
            if (__builtin_popcountll(leads) > 16) {
                const __m512i more = _mm512_or_si512(bits_of(widen<1>(first), 31, 6), bits_of(widen<1>(second), 63, 0));
                joins |= joined(tables, with_left_neighbours(more, code), kPairFactor2) << 16;
            }
            m.cut |= borders & _pdep_u64(static_cast<std::uint32_t>(~joins), leads);
        }
        const std::uint8_t* last = p + (63 - __builtin_clzll(leads));
        cuts.code2 = (last[0] & 31u) << 6 | (last[1] & 63u);
    }
}

// Characters of 3 bytes, at most 22 in a block.
template <bool kCuts>
TOKMILL_ALWAYS_INLINE void classify3(const KernelTables& tables, const std::uint8_t* p, __m512i x, __m512i y, std::uint64_t leads,
                                     ClassPlanes& planes, BlockMasks& m, std::uint64_t after3, std::uint64_t after_ascii, CutCarry& cuts) {
    // Code points are put together where they stand, then packed: with the bytes 1110aaaa 10bbbbcc 10dddddd the upper
    // byte is aaaabbbb, the lower one ccdddddd.
    const __m512i z = _mm512_loadu_si512(p + 2);
    const __m512i high = _mm512_ternarylogic_epi32(splat(0xF0), _mm512_slli_epi16(x, 4), _mm512_srli_epi16(y, 2), 0xCA);
    const __m512i low = _mm512_ternarylogic_epi32(splat(0xC0), _mm512_slli_epi16(y, 6), z, 0xCA);
    const __m256i packed_high = _mm512_castsi512_si256(_mm512_maskz_compress_epi8(leads, high));
    const __m256i packed_low = _mm512_castsi512_si256(_mm512_maskz_compress_epi8(leads, low));
    const __m512i codes =
        _mm512_or_si512(_mm512_slli_epi16(_mm512_cvtepu8_epi16(packed_high), 8), _mm512_cvtepu8_epi16(packed_low));  // 32 of 16 bits
    const auto count = static_cast<std::uint32_t>(__builtin_popcountll(leads));

    const __m512i index0 = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(codes));
    __m256i flags = _mm256_castsi128_si256(_mm512_cvtepi32_epi8(_mm512_i32gather_epi32(index0, tables.bmp, 1)));
    if (count > 16) {
        const __m256i index1 = _mm256_cvtepu16_epi32(_mm512_extracti32x4_epi32(codes, 2));
        const __m256i entries = _mm256_i32gather_epi32(reinterpret_cast<const int*>(tables.bmp), index1, 1);
        flags = _mm256_inserti128_si256(flags, _mm256_cvtepi32_epi8(entries), 1);
    }
    if constexpr (kCuts) {
        // Each with its left neighbour in the upper half: element 0 has the last one of the blocks before.
        const __m512i neighbours0 =
            _mm512_setr_epi32(0x00200000, 0x00000001, 0x00010002, 0x00020003, 0x00030004, 0x00040005, 0x00050006, 0x00060007, 0x00070008,
                              0x00080009, 0x0009000A, 0x000A000B, 0x000B000C, 0x000C000D, 0x000D000E, 0x000E000F);
        const __m512i pairs0 = _mm512_permutex2var_epi16(codes, neighbours0, _mm512_set1_epi16(static_cast<short>(cuts.code3)));
        std::uint32_t joins = joined(tables, pairs0, kPairFactor3);
        if (count > 16) {
            const __m256i neighbours1 =
                _mm256_setr_epi32(0x000F0010, 0x00100011, 0x00110012, 0x00120013, 0x00130014, 0x00140015, 0x00150016, 0x00160017);
            const __m512i pairs1 = _mm512_permutexvar_epi16(_mm512_castsi256_si512(neighbours1), codes);
            joins |= joined8(tables, _mm512_castsi512_si256(pairs1), kPairFactor3) << 16;
        }
        const std::uint32_t partial_left = _cvtmask32_u32(_mm256_movepi8_mask(flags));
        const std::uint32_t partial_right = _cvtmask32_u32(_mm256_test_epi8_mask(flags, _mm256_set1_epi8(kJoinsPartialRight)));
        static_assert(kJoinsPartialLeft == 128);
        joins |= (partial_right << 1 | cuts.partial_right) & partial_left;
        cuts.partial_right = partial_right >> (count - 1) & 1;
        flags = _mm256_or_si256(flags, _mm256_maskz_mov_epi8(joins, _mm256_set1_epi8(kJoinsAnyLeft)));
        const std::uint8_t* last = p + (63 - __builtin_clzll(leads));
        cuts.code3 = (last[0] & 15u) << 12 | (last[1] & 63u) << 6 | (last[2] & 63u);
    }
    // Back to where they stand.
    const __m512i in_place = _mm512_maskz_expand_epi8(leads, _mm512_castsi256_si512(flags));
    const auto flagged = [&](int bit) -> std::uint64_t { return _mm512_test_epi8_mask(in_place, splat(static_cast<std::uint8_t>(bit))); };
    const std::uint64_t bit0 = flagged(1), bit1 = flagged(2), bit2 = flagged(4);
    planes.bit0 |= bit0;
    planes.bit1 |= bit1;
    planes.bit2 |= bit2;
    m.space3 = bit1 & bit2 & ~bit0;
    if constexpr (kCuts) {
        const std::uint64_t ascii_may_follow = leads & ~flagged(kJoinsAsciiRight);
        m.cut |= (leads & (leads << 3 | after3) & ~flagged(kJoinsAnyLeft)) | (leads & after_ascii & ~flagged(kJoinsAsciiLeft)) |
                 (ascii_may_follow << 3 & ~m.non_ascii);
        cuts.cut_before_ascii = ascii_may_follow >> 61;
        cuts.after3 = leads >> 61;
    }
}

// Characters of 4 bytes, at most 16 in a block. Out of line: they are rare.
__attribute__((noinline)) void classify4(const KernelTables& tables, const std::uint8_t* p, std::uint64_t leads, ClassPlanes& planes) {
    const auto byte_at = [&](int offset) { return widen<0>(_mm512_maskz_compress_epi8(leads, _mm512_loadu_si512(p + offset))); };
    const __m512i code = _mm512_or_si512(_mm512_or_si512(bits_of(byte_at(0), 7, 18), bits_of(byte_at(1), 63, 12)),
                                         _mm512_or_si512(bits_of(byte_at(2), 63, 6), bits_of(byte_at(3), 63, 0)));
    const __mmask16 used = _cvtu32_mask16((1u << __builtin_popcountll(leads)) - 1);
    const __m512i zero = _mm512_setzero_si512();
    const __m512i page = _mm512_and_si512(_mm512_mask_i32gather_epi32(zero, used, _mm512_srli_epi32(code, 8), tables.class_pages, 1),
                                          _mm512_set1_epi32(255));
    const __m512i word = _mm512_or_si512(_mm512_slli_epi32(page, 5), bits_of(_mm512_srli_epi32(code, 3), 31, 0));
    const __m512i classes = _mm512_srlv_epi32(_mm512_mask_i32gather_epi32(zero, used, word, tables.class_words, 4), bits_of(code, 7, 2));
    planes.bit0 |= _pdep_u64(test32(classes, 1), leads);
    planes.bit1 |= _pdep_u64(test32(classes, 2), leads);
    planes.bit2 |= _pdep_u64(test32(classes, 4), leads);
}

template <Pattern kPattern, bool kCuts>
TOKMILL_ALWAYS_INLINE void classify(const KernelTables& tables, const std::uint8_t* p, BlockMasks& m, CutCarry& cuts) {
    const __m512i x = _mm512_loadu_si512(p);
    const __m512i flags = lookup128(tables.ascii, x);
    const auto flagged = [&](int bits) -> std::uint64_t { return _mm512_test_epi8_mask(flags, splat(static_cast<std::uint8_t>(bits))); };
    m.non_ascii = _mm512_movepi8_mask(x);
    constexpr Traits t = kTraits<kPattern>;
    if constexpr (t.words == Words::cased) {
        m.upper = flagged(kAsciiUpper);
        m.lower = flagged(kAsciiLower);
        m.letter = m.mark = 0;
    } else {
        m.letter = flagged(kAsciiUpper | kAsciiLower);
    }
    m.number = flagged(kAsciiNumber);
    m.space = flagged(kAsciiSpace);
    if constexpr (t.words != Words::bare) m.newline = flagged(kAsciiNewline);
    m.blank = flagged(kAsciiBlank);
    if constexpr (t.contractions != Contractions::none) m.quote = flagged(kAsciiQuote);
    if constexpr (t.tail == Tail::newlines_and_slashes) m.slash = flagged(kAsciiSlash);
    if constexpr (t.words == Words::punctuated) m.gap = flagged(kAsciiGap);
    m.continuation = m.space2 = m.space3 = 0;
    if constexpr (t.script != Script::none) m.script = m.script_symbol = m.odd_script = 0;

    std::uint64_t after3 = 0, after2 = 0, after_ascii = 0;
    if constexpr (kCuts) {
        const std::uint64_t joinable = ~(m.non_ascii | m.blank);
        after_ascii = joinable << 1 | cuts.after_ascii;
        cuts.after_ascii = joinable >> 63;
        after3 = cuts.after3;
        after2 = cuts.after2;
        m.cut = cuts.cut_before_ascii & ~m.non_ascii;
        cuts.cut_before_ascii = cuts.after3 = cuts.after2 = 0;
    }
    if (m.non_ascii != 0) {
        m.continuation = _mm512_cmplt_epi8_mask(x, splat(0xC0));
        const std::uint64_t leads34 = _mm512_cmpge_epu8_mask(x, splat(0xE0));
        const std::uint64_t leads2 = m.non_ascii & ~m.continuation & ~leads34;
        const __m512i y = _mm512_loadu_si512(p + 1);
        ClassPlanes planes;
        if (leads2 != 0) classify2<kCuts>(tables, p, x, y, leads2, planes, m, after2, cuts);
        if (leads34 != 0) {
            const std::uint64_t leads4 = _mm512_cmpge_epu8_mask(x, splat(0xF0));
            const std::uint64_t leads3 = leads34 & ~leads4;
            if (leads3 != 0) classify3<kCuts>(tables, p, x, y, leads3, planes, m, after3, after_ascii, cuts);
            if (leads4 != 0) classify4(tables, p, leads4, planes);
            if constexpr (t.script == Script::han) m.odd_script = odd_han(x, y, _mm512_loadu_si512(p + 2));
        }
        add_classes<kPattern>(m, planes.bit0, planes.bit1, planes.bit2);
    }
}

// At most 64 positions, 16 or 32 at a stroke: what is written beyond the count is overwritten by the next block.
TOKMILL_ALWAYS_INLINE std::uint32_t write_positions(std::uint64_t mask, std::uint32_t base, std::uint32_t* starts) {
    const __m512i indices = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40,
                                            39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                            15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i packed = _mm512_maskz_compress_epi8(mask, indices), bases = _mm512_set1_epi32(static_cast<int>(base));
    const auto count = static_cast<std::uint32_t>(__builtin_popcountll(mask));
    _mm512_storeu_si512(starts, _mm512_add_epi32(bases, widen<0>(packed)));
    _mm512_storeu_si512(starts + 16, _mm512_add_epi32(bases, widen<1>(packed)));
    if (count > 32) [[unlikely]] {
        _mm512_storeu_si512(starts + 32, _mm512_add_epi32(bases, widen<2>(packed)));
        _mm512_storeu_si512(starts + 48, _mm512_add_epi32(bases, widen<3>(packed)));
    }
    return count;
}

// Whole vectors are stored, so that the loads which follow at once get them from the store buffer: 5 ns of a short call.
TOKMILL_ALWAYS_INLINE void copy_padded(std::uint8_t* to, std::uint32_t size, const std::uint8_t* text, std::uint32_t byte_count,
                                       char after) {
    for (std::uint32_t at = 0; at < size; at += 64) {
        const std::uint32_t left = byte_count > at ? byte_count - at : 0;
        // Example: left = 2 -> bytes 0 and 1 of the text, `after`, and 61 letters.
        __m512i block = splat('x');
        if (at < 3 * 64) {
            block = _mm512_mask_loadu_epi8(block, _cvtu64_mask64(_bzhi_u64(~std::uint64_t(0), left)), text + at);
            if (byte_count - at < 64) block = _mm512_mask_set1_epi8(block, _cvtu64_mask64(std::uint64_t(1) << left), after);
        }
        _mm512_storeu_si512(to + at, block);
    }
}

#include "pretokens/kernels/block_loop.inc"

}  // namespace

ScanFunction scan_icelake(Pattern pattern, bool safe_cuts) noexcept { return scan_function(pattern, safe_cuts); }
WriteFunction write_icelake(bool safe_cuts) noexcept { return write_function(safe_cuts); }

}  // namespace tokmill::pretokens

TOKMILL_REGION_END

#endif
