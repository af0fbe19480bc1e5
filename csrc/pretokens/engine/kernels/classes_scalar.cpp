#include <cstring>

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

}  // namespace

void classes_scalar(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out) {
    classes_loop(tables, text, count, out);
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

}  // namespace tokmill::pretokens::engine
