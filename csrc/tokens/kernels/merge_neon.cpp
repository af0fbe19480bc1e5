// Merging with NEON: 4 jobs a group.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "tokens/kernels/merge_kernels.hpp"

namespace tokmill::tokens {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

struct Lanes {
    using Vector = uint32x4_t;
    using Mask = uint32x4_t;  // all ones where true
    static constexpr std::uint32_t kCount = 4;

    static Vector load(const std::uint32_t* from) { return vld1q_u32(from); }
    static void store(std::uint32_t* to, Vector value) { vst1q_u32(to, value); }
    static Vector gather(const std::uint32_t* from, Vector at) {
        Vector found = vdupq_n_u32(from[vgetq_lane_u32(at, 0)]);
        found = vsetq_lane_u32(from[vgetq_lane_u32(at, 1)], found, 1);
        found = vsetq_lane_u32(from[vgetq_lane_u32(at, 2)], found, 2);
        return vsetq_lane_u32(from[vgetq_lane_u32(at, 3)], found, 3);
    }
    static Vector set(std::uint32_t value) { return vdupq_n_u32(value); }
    static Vector add(Vector a, Vector b) { return vaddq_u32(a, b); }
    static Vector subtract(Vector a, Vector b) { return vsubq_u32(a, b); }
    static Vector multiply(Vector a, Vector b) { return vmulq_u32(a, b); }
    static Vector both(Vector a, Vector b) { return vandq_u32(a, b); }
    static Vector either(Vector a, Vector b) { return vorrq_u32(a, b); }
    static Vector exclusive(Vector a, Vector b) { return veorq_u32(a, b); }
    static Vector without(Vector a, Vector bits) { return vbicq_u32(a, bits); }
    static Vector least(Vector a, Vector b) { return vminq_u32(a, b); }
    template <int kBits>
    static Vector shift_left(Vector a) {
        return vshlq_n_u32(a, kBits);
    }
    template <int kBits>
    static Vector shift_right(Vector a) {
        return vshrq_n_u32(a, kBits);
    }
    static Vector shift_right_by(Vector a, std::uint32_t bits) { return vshlq_u32(a, vdupq_n_s32(-static_cast<std::int32_t>(bits))); }
    static Vector shift_right_each(Vector a, Vector bits) { return vshlq_u32(a, vnegq_s32(vreinterpretq_s32_u32(bits))); }
    static Mask equal(Vector a, Vector b) { return vceqq_u32(a, b); }
    static Mask less(Vector a, Vector b) { return vcltq_u32(a, b); }
    static Mask greater(Vector a, Vector b) { return vcgtq_u32(a, b); }
    static Vector select(Mask mask, Vector yes, Vector no) { return vbslq_u32(mask, yes, no); }
    static bool none(Mask mask) { return vmaxvq_u32(mask) == 0; }

    // What (left, right) merge into, given the entries at their slots: the low 21 bits of those whose key is the pair.
    static Vector answer(const std::uint64_t* entries, Vector left, Vector right) {
        return vcombine_u32(half(entries, vget_low_u32(left), vget_low_u32(right)),
                            half(entries + 2, vget_high_u32(left), vget_high_u32(right)));
    }

    // The symbols whose bits are set, one after the other.
    static void pack(const Symbol* symbols, std::uint64_t bits, Symbol* out) {
        for (; bits != 0; bits &= bits - 1) *out++ = symbols[__builtin_ctzll(bits)];
    }

private:
    static uint32x2_t half(const std::uint64_t* entries, uint32x2_t left, uint32x2_t right) {
        const uint64x2_t key = vorrq_u64(vshlq_n_u64(vmovl_u32(left), 42), vshlq_n_u64(vmovl_u32(right), 21));
        const uint64x2_t entry = veorq_u64(vld1q_u64(entries), key);
        const uint64x2_t same = vceqzq_u64(vshrq_n_u64(entry, 21));
        return vmovn_u64(vbslq_u64(same, entry, vdupq_n_u64(kNoSymbol)));
    }
};

#include "tokens/kernels/merge_lanes.inc"

#include "tokens/kernels/run_lanes.inc"

#include "tokens/kernels/window_lanes.inc"

}  // namespace

const MergeKernels kNeonMerge = {merge_words, merge_windows, merge_runs};

}  // namespace tokmill::tokens

#endif
