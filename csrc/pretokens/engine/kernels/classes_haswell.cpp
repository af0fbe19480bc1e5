// AVX2: eight tables of 16 classes, each looked up for 32 bytes at once; other characters one by one, found by a mask.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "cpu/region.hpp"
#include "pretokens/engine/kernels/classes.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kBlockBytes = 32;
constexpr std::size_t kReadAheadBytes = 2;  // as far as a character of the plane in use goes on behind its lead

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out);

#include "pretokens/engine/kernels/classes_loop.inc"

TOKMILL_ALWAYS_INLINE __m256i splat(std::uint8_t byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
    __m256i classes = _mm256_setzero_si256();
    for (int row = 0; row < 8; ++row) {
        const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tables.ascii + row * 16)));
        // Bytes of this row become 0x70-0x7F, others 0x80 or more, for which the shuffle gives zero.
        const __m256i index = _mm256_adds_epu8(_mm256_xor_si256(bytes, splat(static_cast<std::uint8_t>(row * 16))), splat(0x70));
        classes = _mm256_or_si256(classes, _mm256_shuffle_epi8(table, index));
    }
    const __m256i is_lead = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, splat(0xC0)), bytes);
    // Bytes of no row have got zero: continuations are or-ed in.
    const __m256i is_continuation = _mm256_andnot_si256(is_lead, _mm256_cmpgt_epi8(_mm256_setzero_si256(), bytes));
    classes = _mm256_or_si256(classes, _mm256_and_si256(is_continuation, splat(tables.continuation)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), classes);
    for (auto leads = static_cast<std::uint32_t>(_mm256_movemask_epi8(is_lead)); leads != 0; leads &= leads - 1) {
        const int at = __builtin_ctz(leads);
        out[at] = class_of_wide(tables, text + at);
    }
}

}  // namespace

void classes_haswell(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out) {
    classes_loop(tables, text, count, out);
}

void cuts_haswell(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks) {
    const auto cuts_of_32 = [&](const std::uint8_t* at) {
        const __m256i them = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(them, splat(first_cut)), them)));
    };
    for (std::size_t at = 0; at < count; at += 64)
        masks[at / 64] = std::uint64_t(cuts_of_32(moves + at + 32)) << 32 | cuts_of_32(moves + at);
}

}  // namespace tokmill::pretokens::engine

TOKMILL_REGION_END

#endif
