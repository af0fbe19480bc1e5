#include <cstring>

#include "base/memory.hpp"
#include "cpu/region.hpp"
#include "pretokens/engine/kernels/classes.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kBlockBytes = 8;
constexpr std::size_t kReadAheadBytes = 2;  // as far as a character of the plane in use goes on behind its lead

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out);

#include "pretokens/engine/kernels/classes_loop.inc"

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out) {
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
        const std::uint8_t byte = text[i];
        out[i] = byte < 0x80 ? tables.ascii[byte] : byte < 0xC0 ? tables.continuation : class_of_wide(tables, text + i);
    }
}

// Which of eight moves begin a piece, one bit each. Adding 128 - first_cut sets the top bit of a byte that is not below first_cut
// (all are below 128); the product brings bit 7 of byte i to bit 56 + i. Example: cuts at bytes 0 and 2 give 0b101.
std::uint64_t cuts_of_eight(std::uint64_t eight, std::uint8_t first_cut) noexcept {
    const std::uint64_t top_bits = (eight + (128u - first_cut) * 0x0101010101010101u) & 0x8080808080808080u;
    return (top_bits >> 7) * 0x0102040810204080u >> 56;
}

}  // namespace

void classes_scalar(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out) {
    classes_loop(tables, text, count, out);
}

void cuts_scalar(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks) {
    for (std::size_t at = 0; at < count; at += 64) {
        std::uint64_t mask = 0;
        for (std::size_t i = 0; i < 64; i += 8) mask |= cuts_of_eight(load<std::uint64_t>(moves + at + i), first_cut) << i;
        masks[at / 64] = mask;
    }
}

ClassesFunction classes_function([[maybe_unused]] cpu::Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa == cpu::Isa::haswell) return classes_haswell;
    if (isa == cpu::Isa::icelake) return classes_icelake;
#elif defined(__aarch64__)
    if (isa == cpu::Isa::neon) return classes_neon;
#endif
    return classes_scalar;
}

CutsFunction cuts_function([[maybe_unused]] cpu::Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa == cpu::Isa::haswell) return cuts_haswell;
    if (isa == cpu::Isa::icelake) return cuts_icelake;
#endif
    return cuts_scalar;
}

}  // namespace tokmill::pretokens::engine
