// Merging with AVX-512: 16 jobs a group.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "cpu/region.hpp"
#include "tokens/kernels/merge_kernels.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::tokens {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

struct Lanes {
    using Vector = __m512i;
    using Mask = __mmask16;
    static constexpr std::uint32_t kCount = 16;

    static Vector load(const std::uint32_t* from) { return _mm512_load_si512(from); }
    static void store(std::uint32_t* to, Vector value) { _mm512_store_si512(to, value); }
    static Vector gather(const std::uint32_t* from, Vector at) { return _mm512_i32gather_epi32(at, from, 4); }
    static Vector set(std::uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
    static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
    static Vector subtract(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
    static Vector multiply(Vector a, Vector b) { return _mm512_mullo_epi32(a, b); }
    static Vector both(Vector a, Vector b) { return _mm512_and_si512(a, b); }
    static Vector either(Vector a, Vector b) { return _mm512_or_si512(a, b); }
    static Vector exclusive(Vector a, Vector b) { return _mm512_xor_si512(a, b); }
    static Vector without(Vector a, Vector bits) { return _mm512_andnot_si512(bits, a); }
    static Vector least(Vector a, Vector b) { return _mm512_min_epu32(a, b); }
    template <int kBits>
    static Vector shift_left(Vector a) {
        return _mm512_slli_epi32(a, kBits);
    }
    template <int kBits>
    static Vector shift_right(Vector a) {
        return _mm512_srli_epi32(a, kBits);
    }
    static Vector shift_right_by(Vector a, std::uint32_t bits) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(static_cast<int>(bits))); }
    static Vector shift_right_each(Vector a, Vector bits) { return _mm512_srlv_epi32(a, bits); }
    static Mask equal(Vector a, Vector b) { return _mm512_cmpeq_epi32_mask(a, b); }
    static Mask less(Vector a, Vector b) { return _mm512_cmplt_epu32_mask(a, b); }
    static Mask greater(Vector a, Vector b) { return _mm512_cmpgt_epu32_mask(a, b); }
    static Vector select(Mask mask, Vector yes, Vector no) { return _mm512_mask_mov_epi32(no, mask, yes); }
    static bool none(Mask mask) { return mask == 0; }

    // What (left, right) merge into, given the entries at their slots. Entry xor key << 21 is the symbol if the keys are
    // equal and 2^21 or more if not, so the answer is its minimum with kNoSymbol.
    static Vector answer(const std::uint64_t* entries, Vector left, Vector right) {
        const __m256i low = half(entries, _mm512_castsi512_si256(left), _mm512_castsi512_si256(right));
        const __m256i high = half(entries + 8, _mm512_extracti64x4_epi64(left, 1), _mm512_extracti64x4_epi64(right, 1));
        return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }

    // The symbols whose bits are set, one after the other, whole vectors at a time.
    static void pack(const Symbol* symbols, std::uint64_t bits, Symbol* out) {
        for (; bits != 0; bits >>= kCount, symbols += kCount) {
            const auto mask = static_cast<__mmask16>(bits);
            _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(mask, _mm512_loadu_si512(symbols)));
            out += _mm_popcnt_u32(mask);
        }
    }

private:
    static __m256i half(const std::uint64_t* entries, __m256i left, __m256i right) {
        const __m512i key =
            _mm512_or_si512(_mm512_slli_epi64(_mm512_cvtepu32_epi64(left), 42), _mm512_slli_epi64(_mm512_cvtepu32_epi64(right), 21));
        return _mm512_cvtepi64_epi32(_mm512_min_epu64(_mm512_xor_si512(_mm512_load_si512(entries), key), _mm512_set1_epi64(kNoSymbol)));
    }
};

#include "tokens/kernels/merge_lanes.inc"

#include "tokens/kernels/run_lanes.inc"

#include "tokens/kernels/window_lanes.inc"

}  // namespace

const MergeKernels kIcelakeMerge = {merge_words, merge_windows, merge_runs};

}  // namespace tokmill::tokens

TOKMILL_REGION_END

#endif
