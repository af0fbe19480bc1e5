// The probe with AVX-512. Words are taken 128 at a time in two steps: keys and hashes of the next batch, then the
// look-ups of this one, whose buckets are in the cache by now (5.1 -> 2.35 ns a word against looking up at once; smaller
// batches lost). A look-up has one branch, taken only by words that are not there.
#include "tokens/kernels/kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "cpu/region.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::tokens::icelake {

namespace {

struct alignas(64) Batch {
    Key16 keys[kProbeBatch];
    std::uint32_t offsets[kProbeBatch];
};

TOKMILL_ALWAYS_INLINE __m512i hash_four(__m512i keys, __m512i first, __m512i second) {
    // Three AES rounds with secret round keys mix all 128 bits of each lane.
    const __m512i a = _mm512_aesenc_epi128(_mm512_xor_si512(keys, first), second);
    return _mm512_aesenc_epi128(_mm512_aesenc_epi128(a, first), second);
}

TOKMILL_ALWAYS_INLINE __m128i round_key(const HashKey& key, int half) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(key.words + 2 * half));
}

std::uint32_t bucket_offset(Key16 key, const HashKey& hash_key, std::uint32_t mask) {
    const __m512i h =
        hash_four(_mm512_castsi128_si512(_mm_set_epi64x(static_cast<std::int64_t>(key.high), static_cast<std::int64_t>(key.low))),
                  _mm512_broadcast_i32x4(round_key(hash_key, 0)), _mm512_broadcast_i32x4(round_key(hash_key, 1)));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(h))) & mask;
}

// Keys and bucket offsets of the words that start at starts[0 .. kProbeBatch).
template <bool kNul>
TOKMILL_ALWAYS_INLINE void prepare(const WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count,
                                   Batch& batch) {
    alignas(64) std::uint16_t byte_masks[kProbeBatch];
    const __m512i one = _mm512_set1_epi32(1);
    for (std::uint32_t j = 0; j < count; j += 16) {
        // Length 5 -> the five lowest bits. Lengths over 16 -> no bit: a key of zeros, which is in no bucket.
        const __m512i length = _mm512_sub_epi32(_mm512_loadu_si512(starts + j + 1), _mm512_loadu_si512(starts + j));
        const __mmask16 is_word = _mm512_cmple_epu32_mask(length, _mm512_set1_epi32(16));
        const __m512i mask = _mm512_maskz_sub_epi32(is_word, _mm512_sllv_epi32(one, length), one);
        _mm256_store_si256(reinterpret_cast<__m256i*>(byte_masks + j), _mm512_cvtepi32_epi16(mask));
    }
    const __m512i first = _mm512_broadcast_i32x4(round_key(table.hash_key(), 0));
    const __m512i second = _mm512_broadcast_i32x4(round_key(table.hash_key(), 1));
    const __m512i offset_mask = _mm512_set1_epi64(table.mask());
    const __m512i low_dwords = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    if constexpr (kNul)
        for (std::uint32_t k = 0; k < count; ++k)
            if (starts[k + 1] > starts[k] && text[starts[k + 1] - 1] == 0) byte_masks[k] = 0;
    const auto key = [&](std::size_t k) {
        return _mm_maskz_loadu_epi8(_load_mask16(reinterpret_cast<__mmask16*>(byte_masks + k)), text + starts[k]);
    };
    // Four keys are put together in registers: a 64-byte load of them right behind their stores waits for all of them to leave the store
    // buffer, a third of the probe's time. (Hashing in a loop of its own spares most of that, and is 2 % slower than this.)
    for (std::size_t j = 0; j < count; j += 4) {
        const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(key(j)), key(j + 1), 1);
        const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(key(j + 2)), key(j + 3), 1);
        const __m512i keys = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
        _mm512_store_si512(&batch.keys[j], keys);
        const __m512i h = hash_four(keys, first, second);
        const __m512i offsets = _mm512_permutexvar_epi32(low_dwords, _mm512_and_si512(h, offset_mask));
        _mm_store_si128(reinterpret_cast<__m128i*>(batch.offsets + j), _mm512_castsi512_si128(offsets));
    }
}

TOKMILL_ALWAYS_INLINE std::uint32_t equal_halves(const Key16& key, const std::uint8_t* bucket) {
    const __m256i twice = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(&key)));
    return _mm256_cmpeq_epi64_mask(twice, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bucket + 16)));
}

constexpr std::uint32_t kRounding = 4;

#include "tokens/kernels/probe_loop.inc"

}  // namespace

const ProbeKernels kProbeKernels{bucket_offset, probe, probe_count};

}  // namespace tokmill::tokens::icelake

TOKMILL_REGION_END

#endif
