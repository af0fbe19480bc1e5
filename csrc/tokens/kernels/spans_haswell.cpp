// Spans of eight tokens at a time with AVX2.
#include "tokens/kernels/span_kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include "cpu/region.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::tokens::haswell {

namespace {

#include "tokens/kernels/eight_spans.inc"

// Two spans from the first four bytes.
TOKMILL_ALWAYS_INLINE void store_two(std::int64_t* spans, __m256i base, __m128i bytes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(spans), _mm256_add_epi64(base, _mm256_cvtepu8_epi64(bytes)));
}

std::int64_t lay(const std::uint8_t* advances, std::size_t count, std::int64_t place, std::int64_t* spans) {
    const std::size_t eights = count / 8 * 8;
    for (std::size_t i = 0; i < eights; i += 8) {
        const EightSpans eight = eight_spans(advances + i);
        const __m256i base = _mm256_set1_epi64x(place - 1);
        std::int64_t* const out = spans + 2 * i;
        store_two(out, base, eight.bytes);
        store_two(out + 4, base, _mm_srli_si128(eight.bytes, 4));
        store_two(out + 8, base, _mm_srli_si128(eight.bytes, 8));
        store_two(out + 12, base, _mm_srli_si128(eight.bytes, 12));
        place += eight.places;
    }
    return scalar::kSpanKernels.lay(advances + eights, count - eights, place, spans + 2 * eights);
}

}  // namespace

const SpanKernels kSpanKernels{lay};

}  // namespace tokmill::tokens::haswell

TOKMILL_REGION_END

#endif
