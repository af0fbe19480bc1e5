// Words cut with AVX2, 32 bytes at a time, and kept symbols without a branch. Joins and their runs are found as in the scalar tier: gathers
// of this tier are no faster than its loads.
#include "tokens/kernels/superword_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include "cpu/region.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::tokens::haswell {

namespace {

TOKMILL_ALWAYS_INLINE __m256i twice(const std::uint8_t* bytes) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}

// Classes of 32 bytes: of each 16 in the ASCII table those whose upper half is the table's number; the rest have the class of 0x80.
TOKMILL_ALWAYS_INLINE __m256i classes_of(const WordCuts& cuts, __m256i bytes) {
    const __m256i low = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
    __m256i classes = _mm256_set1_epi8(static_cast<char>(cuts.class_of[0x80]));
    for (int sixteenth = 0; sixteenth < 8; ++sixteenth)
        classes = _mm256_blendv_epi8(classes, _mm256_shuffle_epi8(twice(cuts.class_of + 16 * sixteenth), low),
                                     _mm256_cmpeq_epi8(high, _mm256_set1_epi8(static_cast<char>(sixteenth))));
    return classes;
}

std::size_t cut_words(const WordCuts& cuts, const BorderedText& text, std::uint32_t* starts) {
    const __m256i followers_of = twice(cuts.followers);
    const __m256i bit_of = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));  // byte c, modulo 8: bit c
    __m256i before = _mm256_setzero_si256();
    const auto cut_32 = [&](const std::uint8_t* at) {
        const __m256i classes = classes_of(cuts, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
        const __m256i followers = _mm256_shuffle_epi8(followers_of, classes);
        // Byte i: the followers of byte i - 1; the first one's stand at the end of the 32 before.
        const __m256i allowed = _mm256_alignr_epi8(followers, _mm256_permute2x128_si256(before, followers, 0x21), 15);
        before = followers;
        const __m256i joined = _mm256_and_si256(allowed, _mm256_shuffle_epi8(bit_of, classes));
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(joined, _mm256_setzero_si256())));
    };
    std::size_t count = 0;
    for (std::uint32_t at = text.begin & ~63u; at < text.end; at += 64) {
        const std::uint64_t low = cut_32(text.text + at), high = cut_32(text.text + at + 32);
        std::uint64_t mask = low | high << 32 | text.borders[at / 64];
        if (at < text.begin) mask &= ~std::uint64_t(0) << (text.begin - at);
        if (text.end - at < 64) mask = _bzhi_u64(mask, text.end - at);
        for (; mask != 0; mask &= mask - 1) starts[count++] = at + static_cast<std::uint32_t>(_tzcnt_u64(mask));
    }
    return count;
}

// Which are kept is chance: every id is written, and the next one over it if it was not to stay. So the last one is left for the end.
template <bool kTable>
TOKMILL_ALWAYS_INLINE std::size_t write_kept_by(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count,
                                                std::uint32_t* ids) {
    while (count != 0 && symbols[count - 1] == vocab::kNoSymbol) --count;
    std::uint32_t* to = ids;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t symbol = symbols[i];
        const bool keep = symbol != vocab::kNoSymbol;
        *to = kTable ? symbol_ids.table[keep ? symbol : 0] : symbol + symbol_ids.distance;
        to += keep;
    }
    return static_cast<std::size_t>(to - ids);
}

std::size_t write_kept(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count, std::uint32_t* ids) {
    return symbol_ids.table != nullptr ? write_kept_by<true>(symbol_ids, symbols, count, ids)
                                       : write_kept_by<false>(symbol_ids, symbols, count, ids);
}

}  // namespace

const SuperwordKernels kSuperwordKernels{cut_words, scalar::find_joins, scalar::list_runs, write_kept};

}  // namespace tokmill::tokens::haswell

TOKMILL_REGION_END

#endif
