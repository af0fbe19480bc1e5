// NEON: two tables of 64 classes, of which one gives zero for the other's bytes; other characters one by one, found by a mask.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>

#include "cpu/region.hpp"
#include "pretokens/engine/kernels/classes.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kReadAheadBytes = 2;  // as far as a character of the plane in use goes on behind its lead

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out);

#include "pretokens/engine/kernels/classes_loop.inc"

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out) {
    const uint8x16_t bytes = vld1q_u8(text);
    const uint8x16x4_t low = vld1q_u8_x4(tables.ascii), high = vld1q_u8_x4(tables.ascii + 64);
    const uint8x16_t classes = vorrq_u8(vqtbl4q_u8(low, bytes), vqtbl4q_u8(high, vsubq_u8(bytes, vdupq_n_u8(64))));
    const uint8x16_t is_lead = vcgeq_u8(bytes, vdupq_n_u8(0xC0));
    const uint8x16_t is_continuation = vbicq_u8(vcgeq_u8(bytes, vdupq_n_u8(0x80)), is_lead);
    vst1q_u8(out, vbslq_u8(is_continuation, vdupq_n_u8(tables.continuation), classes));
    // Four bits a byte.
    std::uint64_t leads = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(is_lead), 4)), 0);
    for (; leads != 0; leads &= ~(std::uint64_t(15) << (__builtin_ctzll(leads) & ~3))) {
        const int at = __builtin_ctzll(leads) / 4;
        out[at] = class_of_wide(tables, text + at);
    }
}

}  // namespace

void classes_neon(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out) {
    classes_loop(tables, text, count, out);
}

}  // namespace tokmill::pretokens::engine

#endif
