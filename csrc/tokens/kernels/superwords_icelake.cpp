// The passes with AVX-512: 64 bytes a step, and 16 tokens a step.
#include "tokens/kernels/superword_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

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
    // English has 15 words in 64 bytes: up to 16 or more is a coin toss.
    _mm512_storeu_si512(to + 16, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 1))));
    if (count > 32) {
        _mm512_storeu_si512(to + 32, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 2))));
        _mm512_storeu_si512(to + 48, _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bits, 3))));
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

// JoinTables::bits of each lane.
TOKMILL_ALWAYS_INLINE __m512i bits_of(__m512i hash) {
    const __m512i one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(31);
    const __m512i first = _mm512_sllv_epi32(one, _mm512_and_si512(_mm512_srli_epi32(hash, 27 - JoinTables::kWordBits), low));
    const __m512i second = _mm512_sllv_epi32(one, _mm512_and_si512(_mm512_srli_epi32(hash, 22 - JoinTables::kWordBits), low));
    const __m512i third = _mm512_sllv_epi32(one, _mm512_and_si512(_mm512_srli_epi32(hash, 17 - JoinTables::kWordBits), low));
    return _mm512_or_si512(_mm512_or_si512(first, second), third);
}

// For each lane: does a border stand there? The lanes ascend.
TOKMILL_ALWAYS_INLINE __mmask16 borders_at(const std::uint64_t* borders, std::uint32_t first, std::uint32_t last, __m512i at,
                                           __mmask16 wanted) {
    const std::uint32_t word = first / 32;
    __m512i words;
    if (last / 32 - word < 16) {
        // Nearly always 512 bits hold all sixteen: read once, they serve without a gather.
        const __m512i window = _mm512_loadu_si512(reinterpret_cast<const std::uint32_t*>(borders) + word);
        words = _mm512_permutexvar_epi32(_mm512_sub_epi32(_mm512_srli_epi32(at, 5), _mm512_set1_epi32(static_cast<int>(word))), window);
    } else {
        words = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), wanted, _mm512_srli_epi32(at, 5), borders, 4);
    }
    const __m512i bit = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(at, _mm512_set1_epi32(31)));
    return _mm512_mask_test_epi32_mask(wanted, words, bit);
}

void find_joins(const JoinTables& tables, const BorderedText& text, std::uint32_t* tokens, std::size_t count, std::uint64_t* joins) {
    const __m512i left_factor = _mm512_set1_epi32(static_cast<int>(JoinTables::kLeft));
    const __m512i right_factor = _mm512_set1_epi32(static_cast<int>(JoinTables::kRight));
    const __m512i symbol_mask = _mm512_set1_epi32(static_cast<int>((1u << tables.symbol_bits) - 1));
    const __m128i symbol_bits = _mm_cvtsi32_si128(static_cast<int>(tables.symbol_bits));
    const __m512i last_lane = _mm512_set1_epi32(15), zero = _mm512_setzero_si512();
    std::uint32_t begin = text.begin;
    __m512i begins = _mm512_set1_epi32(static_cast<int>(begin));
    for (std::size_t first = 0; first < count; first += 64) {
        std::uint64_t mask = 0;
        for (std::size_t i = first; i < first + 64 && i < count; i += 16) {
            const std::size_t here = count - i;
            // The last token has no next one.
            const auto exist = static_cast<__mmask16>(here > 16 ? 0xFFFF : (1u << here) - 1);
            const auto have_next = static_cast<__mmask16>(here > 16 ? 0xFFFF : (1u << (here - 1)) - 1);
            const __m512i measured = _mm512_maskz_loadu_epi32(exist, tokens + i);
            const __m512i left = _mm512_and_si512(measured, symbol_mask);
            const __m512i right = _mm512_and_si512(_mm512_maskz_loadu_epi32(have_next, tokens + i + 1), symbol_mask);
            _mm512_mask_storeu_epi32(tokens + i, exist, left);
            __m512i lengths = _mm512_srl_epi32(measured, symbol_bits);
            const __mmask16 too_long = _mm512_mask_testn_epi32_mask(exist, lengths, lengths);
            if (__builtin_expect(too_long != 0, 0))
                lengths = _mm512_or_si512(
                    lengths,
                    _mm512_and_si512(_mm512_mask_i32gather_epi32(zero, too_long, left, tables.byte_lengths, 2), _mm512_set1_epi32(0xFFFF)));
            const __m512i ends = _mm512_add_epi32(begins, running_sum(lengths));
            begins = _mm512_permutexvar_epi32(last_lane, ends);
            const auto end = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(begins)));
            const __m512i hash = _mm512_add_epi32(_mm512_mullo_epi32(left, left_factor), _mm512_mullo_epi32(right, right_factor));
            const __m512i words =
                _mm512_mask_i32gather_epi32(zero, have_next, _mm512_srli_epi32(hash, 32 - JoinTables::kWordBits), tables.neighbours, 4);
            const __mmask16 neighbours = _mm512_mask_cmpeq_epi32_mask(have_next, _mm512_andnot_si512(words, bits_of(hash)), zero);
            const __mmask16 parted = borders_at(text.borders, begin, end, ends, neighbours);
            mask |= std::uint64_t(static_cast<std::uint16_t>(neighbours & ~parted)) << (i - first);
            begin = end;
        }
        joins[first / 64] = mask;
    }
}

void list_runs(const std::uint64_t* joins, std::size_t count, std::uint32_t first, JoinRuns& runs) {
    std::uint32_t *two = runs.at[2] + runs.count[2], *three = runs.at[3] + runs.count[3];
    std::uint64_t before = 0;  // the last bit of the word before
    for (std::size_t word = 0; word * 64 < count; ++word, first += 64) {
        const std::uint64_t here = joins[word], next = joins[word + 1];
        const std::uint64_t begins = here & ~(here << 1 | before), second = here >> 1 | next << 63, third = here >> 2 | next << 62;
        before = here >> 63;
        two = write_positions(begins & ~second, first, two);
        three = write_positions(begins & second & ~third, first, three);
        for (std::uint64_t longer = begins & second & third; longer != 0; longer &= longer - 1) {
            const auto bit = static_cast<std::uint32_t>(_tzcnt_u64(longer));
            const std::uint64_t behind = here >> bit >> 1 | next << (63 - bit);
            const std::uint32_t length = std::min(static_cast<std::uint32_t>(_tzcnt_u64(~behind)) + 2, JoinRuns::kLonger);
            runs.at[length][runs.count[length]++] = first + bit;
        }
    }
    runs.count[2] = static_cast<std::size_t>(two - runs.at[2]);
    runs.count[3] = static_cast<std::size_t>(three - runs.at[3]);
}

template <bool kTable>
TOKMILL_ALWAYS_INLINE std::size_t write_kept_by(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count,
                                                std::uint32_t* ids) {
    const __m512i distance = _mm512_set1_epi32(static_cast<int>(symbol_ids.distance));
    const __m512i gone = _mm512_set1_epi32(vocab::kNoSymbol);
    std::uint32_t* to = ids;
    for (std::size_t i = 0; i < count; i += 16) {
        const auto exist = static_cast<__mmask16>(count - i < 16 ? (1u << (count - i)) - 1 : 0xFFFF);
        const __m512i all = _mm512_maskz_loadu_epi32(exist, symbols + i);
        const __mmask16 keep = _mm512_mask_cmpneq_epi32_mask(exist, all, gone);
        const auto written = static_cast<std::uint32_t>(_mm_popcnt_u32(keep));
        const auto there = static_cast<__mmask16>((1u << written) - 1);
        const __m512i kept = _mm512_maskz_compress_epi32(keep, all);
        const __m512i found =
            kTable ? _mm512_mask_i32gather_epi32(kept, there, kept, symbol_ids.table, 4) : _mm512_add_epi32(kept, distance);
        _mm512_mask_storeu_epi32(to, there, found);
        to += written;
    }
    return static_cast<std::size_t>(to - ids);
}

std::size_t write_kept(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count, std::uint32_t* ids) {
    return symbol_ids.table != nullptr ? write_kept_by<true>(symbol_ids, symbols, count, ids)
                                       : write_kept_by<false>(symbol_ids, symbols, count, ids);
}

}  // namespace

const SuperwordKernels kSuperwordKernels{cut_words, find_joins, list_runs, write_kept};

}  // namespace tokmill::tokens::icelake

TOKMILL_REGION_END

#endif
