// The passes with AVX-512: 64 bytes a step, and 16 tokens a step.
#include "tokens/kernels/superword_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include "cpu/region.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::tokens::icelake {

namespace {

alignas(64) constexpr std::uint8_t kCounting[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                                                    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

// Writes base + i for every bit i of the mask; whole vectors, so up to 64 elements too many.
TOKMILL_ALWAYS_INLINE std::uint32_t* write_positions(std::uint64_t mask, std::uint32_t base, std::uint32_t* to) {
    const __m512i bits = _mm512_maskz_compress_epi8(mask, _mm512_load_si512(kCounting));
    const __m512i bases = _mm512_set1_epi32(static_cast<int>(base));
    const auto count = static_cast<std::uint32_t>(_mm_popcnt_u64(mask));
    _mm512_storeu_si512(to, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bits))));
    if (count > 16) {
        _mm512_storeu_si512(to + 16, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 1))));
        if (count > 32) {
            _mm512_storeu_si512(to + 32, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 2))));
            _mm512_storeu_si512(to + 48, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 3))));
        }
    }
    return to + count;
}

std::size_t cut_words(const WordCuts& cuts, const BorderedText& text, std::uint32_t* starts) {
    static_assert(WordCuts::kClasses == 8);
    const __m512i low = _mm512_load_si512(cuts.class_of), high = _mm512_load_si512(cuts.class_of + 64);
    const __m512i not_ascii = _mm512_set1_epi8(static_cast<char>(cuts.class_of[0x80]));
    const __m512i followers_of = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(cuts.followers)));
    const __m512i bit_of = _mm512_set1_epi64(static_cast<long long>(0x8040201008040201));  // byte c, modulo 8: bit c
    const __m512i one_back = _mm512_add_epi8(_mm512_load_si512(kCounting), _mm512_set1_epi8(63));
    __m512i before = _mm512_setzero_si512();
    std::uint32_t* to = starts;
    for (std::uint32_t at = text.begin & ~63u; at < text.end; at += 64) {
        const __m512i bytes = _mm512_loadu_si512(text.text + at);
        __m512i classes = _mm512_permutex2var_epi8(low, bytes, high);
        classes = _mm512_mask_mov_epi8(classes, _mm512_movepi8_mask(bytes), not_ascii);
        const __m512i followers = _mm512_shuffle_epi8(followers_of, classes);
        // Byte i: the followers of byte i - 1. Indices 63 to 126: the last one before, then this block's.
        const __m512i allowed = _mm512_permutex2var_epi8(before, one_back, followers);
        before = followers;
        std::uint64_t mask = _mm512_testn_epi8_mask(allowed, _mm512_shuffle_epi8(bit_of, classes)) | text.borders[at / 64];
        if (at < text.begin) mask &= ~std::uint64_t(0) << (text.begin - at);
        if (text.end - at < 64) mask = _bzhi_u64(mask, text.end - at);
        to = write_positions(mask, at, to);
    }
    return static_cast<std::size_t>(to - starts);
}

// Lane i: the sum of lanes 0 to i.
TOKMILL_ALWAYS_INLINE __m512i running_sum(__m512i x) {
    const __m512i zero = _mm512_setzero_si512();
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 15));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 14));
    x = _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 12));
    return _mm512_add_epi32(x, _mm512_alignr_epi32(x, zero, 8));
}

// For each lane: is that bit of the bits set?
TOKMILL_ALWAYS_INLINE __mmask16 bits_at(const void* bits, __m512i at, __mmask16 wanted) {
    const __m512i words = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted, _mm512_srli_epi32(at, 5), bits, 4);
    return _mm512_test_epi32_mask(words, _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(at, _mm512_set1_epi32(31))));
}

void find_joins(const JoinTables& tables, const BorderedText& text, const std::uint32_t* tokens, std::size_t count, std::uint64_t* joins) {
    const __m512i left_factor = _mm512_set1_epi32(static_cast<int>(JoinTables::kLeft));
    const __m512i right_factor = _mm512_set1_epi32(static_cast<int>(JoinTables::kRight));
    const __m512i last_lane = _mm512_set1_epi32(15);
    __m512i at = _mm512_set1_epi32(static_cast<int>(text.begin));
    for (std::size_t first = 0; first < count; first += 64) {
        std::uint64_t mask = 0;
        for (std::size_t i = first; i < first + 64 && i < count; i += 16) {
            const std::size_t here = count - i;
            // The last token has no next one.
            const auto exist = static_cast<__mmask16>(here > 16 ? 0xFFFF : (1u << here) - 1);
            const auto have_next = static_cast<__mmask16>(here > 16 ? 0xFFFF : (1u << (here - 1)) - 1);
            const __m512i left = _mm512_maskz_loadu_epi32(exist, tokens + i);
            const __m512i right = _mm512_maskz_loadu_epi32(have_next, tokens + i + 1);
            const __m512i lengths = _mm512_and_si512(
                _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), exist, left, tables.byte_lengths, 2), _mm512_set1_epi32(0xFFFF));
            at = _mm512_add_epi32(at, running_sum(lengths));
            const __m512i hash =
                _mm512_srli_epi32(_mm512_add_epi32(_mm512_mullo_epi32(left, left_factor), _mm512_mullo_epi32(right, right_factor)),
                                  32 - JoinTables::kHashBits);
            const __mmask16 neighbours = bits_at(tables.neighbours, hash, have_next);
            const __mmask16 parted = bits_at(text.borders, at, neighbours);
            mask |= std::uint64_t(static_cast<std::uint16_t>(neighbours & ~parted)) << (i - first);
            at = _mm512_permutexvar_epi32(last_lane, at);
        }
        joins[first / 64] = mask;
    }
}

void write_kept(const SymbolIds& table, const std::uint32_t* symbols, std::size_t count, const std::uint64_t* dropped, std::uint32_t* ids) {
    const __m512i first_end = _mm512_set1_epi32(static_cast<int>(table.first_end));
    const __m512i distance = _mm512_set1_epi32(static_cast<int>(table.distance));
    for (std::size_t i = 0; i < count; i += 16) {
        const std::uint32_t exist = count - i < 16 ? (1u << (count - i)) - 1 : 0xFFFF;
        const auto keep = static_cast<__mmask16>(~(dropped[i / 64] >> (i % 64)) & exist);
        const __m512i kept = _mm512_maskz_compress_epi32(keep, _mm512_maskz_loadu_epi32(static_cast<__mmask16>(exist), symbols + i));
        const auto written = static_cast<std::uint32_t>(_mm_popcnt_u32(keep));
        const auto there = static_cast<__mmask16>((1u << written) - 1);
        const __mmask16 low = _mm512_mask_cmplt_epu32_mask(there, kept, first_end);
        __m512i found = _mm512_add_epi32(kept, distance);
        if (low != 0) found = _mm512_mask_i32gather_epi32(found, low, kept, table.first, 4);
        _mm512_mask_storeu_epi32(ids, there, found);
        ids += written;
    }
}

}  // namespace

const SuperwordKernels kSuperwordKernels{cut_words, find_joins, write_kept};

}  // namespace tokmill::tokens::icelake

TOKMILL_REGION_END

#endif
