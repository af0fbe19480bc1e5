// The probe with AVX2 and AES: as the AVX-512 one (see there for why it is built so), with byte masks from a table, one
// AES lane at a time and a compare of both keys in one register.
#include "tokens/kernels/kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "cpu/region.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::tokens::haswell {

namespace {

struct alignas(64) Batch {
    Key16 keys[kProbeBatch];
    std::uint32_t offsets[kProbeBatch];
};

// 16 bytes at kOnesThenZeros + 16 - n: n bytes of ones, then zeros.
alignas(32) constexpr std::uint8_t kOnesThenZeros[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                         0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0,    0,    0,    0,    0,    0};

TOKMILL_ALWAYS_INLINE __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

TOKMILL_ALWAYS_INLINE std::uint32_t hash_one(__m128i key, __m128i first, __m128i second) {
    const __m128i a = _mm_aesenc_si128(_mm_xor_si128(key, first), second);
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_aesenc_si128(_mm_aesenc_si128(a, first), second)));
}

std::uint32_t bucket_offset(Key16 key, const HashKey& hash_key, std::uint32_t mask) {
    const __m128i bytes = _mm_set_epi64x(static_cast<std::int64_t>(key.high), static_cast<std::int64_t>(key.low));
    return hash_one(bytes, load_128(hash_key.words), load_128(hash_key.words + 2)) & mask;
}

template <bool kNul>
TOKMILL_ALWAYS_INLINE void prepare(const WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count,
                                   Batch& batch) {
    const __m128i first = load_128(table.hash_key().words);
    const __m128i second = load_128(table.hash_key().words + 2);
    const std::uint32_t mask = table.mask();
    for (std::uint32_t j = 0; j < count; ++j) {
        std::uint32_t length = starts[j + 1] - starts[j];
        length = length > 16 ? 0 : length;
        if constexpr (kNul)
            if (length != 0 && text[starts[j + 1] - 1] == 0) length = 0;
        const __m128i key = _mm_and_si128(load_128(text + starts[j]), load_128(kOnesThenZeros + 16 - length));
        _mm_store_si128(reinterpret_cast<__m128i*>(&batch.keys[j]), key);
        batch.offsets[j] = hash_one(key, first, second) & mask;
    }
}

TOKMILL_ALWAYS_INLINE std::uint32_t equal_halves(const Key16& key, const std::uint8_t* bucket) {
    const __m256i twice = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(&key)));
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bucket + 16));
    return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(twice, both))));
}

constexpr std::uint32_t kRounding = 1;

#include "tokens/kernels/probe_loop.inc"

}  // namespace

const ProbeKernels kProbeKernels{bucket_offset, probe, probe_count};

}  // namespace tokmill::tokens::haswell

TOKMILL_REGION_END

#endif
