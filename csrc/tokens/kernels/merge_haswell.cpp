// Merging with AVX2: 8 jobs a group.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/region.hpp"
#include "tokens/kernels/merge_kernels.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::tokens {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

struct Lanes {
    using Vector = __m256i;
    using Mask = __m256i;  // all ones where true
    static constexpr std::uint32_t kCount = 8;

    static Vector load(const std::uint32_t* from) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(from)); }
    static void store(std::uint32_t* to, Vector value) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), value); }
    static Vector gather(const std::uint32_t* from, Vector at) { return _mm256_i32gather_epi32(reinterpret_cast<const int*>(from), at, 4); }
    static Vector set(std::uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
    static Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
    static Vector subtract(Vector a, Vector b) { return _mm256_sub_epi32(a, b); }
    static Vector multiply(Vector a, Vector b) { return _mm256_mullo_epi32(a, b); }
    static Vector both(Vector a, Vector b) { return _mm256_and_si256(a, b); }
    static Vector either(Vector a, Vector b) { return _mm256_or_si256(a, b); }
    static Vector exclusive(Vector a, Vector b) { return _mm256_xor_si256(a, b); }
    static Vector without(Vector a, Vector bits) { return _mm256_andnot_si256(bits, a); }
    static Vector least(Vector a, Vector b) { return _mm256_min_epu32(a, b); }
    template <int kBits>
    static Vector shift_left(Vector a) {
        return _mm256_slli_epi32(a, kBits);
    }
    template <int kBits>
    static Vector shift_right(Vector a) {
        return _mm256_srli_epi32(a, kBits);
    }
    static Vector shift_right_by(Vector a, std::uint32_t bits) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(static_cast<int>(bits))); }
    static Vector shift_right_each(Vector a, Vector bits) { return _mm256_srlv_epi32(a, bits); }
    static Mask equal(Vector a, Vector b) { return _mm256_cmpeq_epi32(a, b); }
    // Signed comparisons: rows and rank entries stay below 2^31.
    static Mask less(Vector a, Vector b) { return _mm256_cmpgt_epi32(b, a); }
    static Mask greater(Vector a, Vector b) { return _mm256_cmpgt_epi32(a, b); }
    static Vector select(Mask mask, Vector yes, Vector no) { return _mm256_blendv_epi8(no, yes, mask); }
    static bool none(Mask mask) { return _mm256_testz_si256(mask, mask) != 0; }

    // What (left, right) merge into, given the entries at their slots: the low 21 bits of those whose key is the pair.
    static Vector answer(const std::uint64_t* entries, Vector left, Vector right) {
        const __m256i low = half(entries, _mm256_castsi256_si128(left), _mm256_castsi256_si128(right));
        const __m256i high = half(entries + 4, _mm256_extracti128_si256(left, 1), _mm256_extracti128_si256(right, 1));
        // The low words of four and four 64-bit lanes, back in order.
        const __m256i words = _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), 0x88));
        return _mm256_permute4x64_epi64(words, 0xd8);
    }

    // The symbols whose bits are set, one after the other.
    static void pack(const Symbol* symbols, std::uint64_t bits, Symbol* out) {
        for (; bits != 0; bits &= bits - 1) *out++ = symbols[__builtin_ctzll(bits)];
    }

private:
    static __m256i half(const std::uint64_t* entries, __m128i left, __m128i right) {
        const __m256i key =
            _mm256_or_si256(_mm256_slli_epi64(_mm256_cvtepu32_epi64(left), 42), _mm256_slli_epi64(_mm256_cvtepu32_epi64(right), 21));
        const __m256i entry = _mm256_xor_si256(_mm256_load_si256(reinterpret_cast<const __m256i*>(entries)), key);
        const __m256i same = _mm256_cmpeq_epi64(_mm256_srli_epi64(entry, 21), _mm256_setzero_si256());
        return _mm256_blendv_epi8(_mm256_set1_epi64x(kNoSymbol), entry, same);
    }
};

#include "tokens/kernels/merge_lanes.inc"

#include "tokens/kernels/run_lanes.inc"

#include "tokens/kernels/window_lanes.inc"

}  // namespace

const MergeKernels kHaswellMerge = {merge_words, merge_windows, merge_runs};

}  // namespace tokmill::tokens

TOKMILL_REGION_END

#endif
