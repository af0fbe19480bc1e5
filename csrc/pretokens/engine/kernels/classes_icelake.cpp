// AVX-512: the 128 classes of ASCII fill two registers, and one permutation looks 64 bytes up. Characters of 2 and 3 bytes are
// gathered 16 at a time from a table of one byte for each of U+0000-FFFF; those of 4 bytes are looked up one by one.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "cpu/region.hpp"
#include "pretokens/engine/kernels/classes.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kReadAheadBytes = 2;  // as far as a character of the plane in use goes on behind its lead

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out);

#include "pretokens/engine/kernels/classes_loop.inc"

TOKMILL_ALWAYS_INLINE __m512i splat(std::uint8_t byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
TOKMILL_ALWAYS_INLINE __m512i masked(__m512i x, int mask) { return _mm512_and_si512(x, _mm512_set1_epi32(mask)); }

// The classes of characters by their first three bytes, packed: those of 2 and of 3 bytes.
TOKMILL_ALWAYS_INLINE __m512i look_up_wide(const ClassTables& tables, __m512i first, __m512i second, __m512i third, int count) {
    alignas(64) std::uint8_t classes[64];
    for (int done = 0; done < count; done += 16) {
        const __m512i a = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(first));
        const __m512i b = masked(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(second)), 0x3F);
        const __m512i c = masked(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(third)), 0x3F);
        const __m512i two = _mm512_or_si512(_mm512_slli_epi32(masked(a, 0x1F), 6), b);
        const __m512i three = _mm512_or_si512(_mm512_or_si512(_mm512_slli_epi32(masked(a, 0x0F), 12), _mm512_slli_epi32(b, 6)), c);
        const __m512i code = _mm512_mask_mov_epi32(two, _mm512_cmpge_epu32_mask(a, _mm512_set1_epi32(0xE0)), three);
        const __m512i found = _mm512_i32gather_epi32(code, tables.bmp, 1);
        _mm_store_si128(reinterpret_cast<__m128i*>(classes + done), _mm512_cvtepi32_epi8(found));
        constexpr int kNextQuarter = 0x39;
        first = _mm512_shuffle_i32x4(first, first, kNextQuarter);
        second = _mm512_shuffle_i32x4(second, second, kNextQuarter);
        third = _mm512_shuffle_i32x4(third, third, kNextQuarter);
    }
    return _mm512_load_si512(classes);
}

TOKMILL_ALWAYS_INLINE void look_up_block(const ClassTables& tables, const std::uint8_t* text, std::uint8_t* out) {
    const __m512i bytes = _mm512_loadu_si512(text);
    const std::uint64_t wide = _mm512_movepi8_mask(bytes);
    __m512i classes = _mm512_permutex2var_epi8(_mm512_loadu_si512(tables.ascii), bytes, _mm512_loadu_si512(tables.ascii + 64));
    if (wide == 0) {
        _mm512_storeu_si512(out, classes);
        return;
    }
    const std::uint64_t leads = _mm512_cmpge_epu8_mask(bytes, splat(0xC0));
    classes = _mm512_mask_mov_epi8(classes, wide & ~leads, splat(tables.continuation));
    const __m512i found =
        look_up_wide(tables, _mm512_maskz_compress_epi8(leads, bytes), _mm512_maskz_compress_epi8(leads, _mm512_loadu_si512(text + 1)),
                     _mm512_maskz_compress_epi8(leads, _mm512_loadu_si512(text + 2)), __builtin_popcountll(leads));
    _mm512_storeu_si512(out, _mm512_mask_expand_epi8(classes, leads, found));
    for (std::uint64_t fours = _mm512_cmpge_epu8_mask(bytes, splat(0xF0)); fours != 0; fours &= fours - 1) {
        const int at = __builtin_ctzll(fours);
        out[at] = class_of_wide(tables, text + at);
    }
}

}  // namespace

void classes_icelake(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out) {
    classes_loop(tables, text, count, out);
}

void cuts_icelake(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks) {
    for (std::size_t at = 0; at < count; at += 64)
        masks[at / 64] = _mm512_cmpge_epu8_mask(_mm512_loadu_si512(moves + at), splat(first_cut));
}

}  // namespace tokmill::pretokens::engine

TOKMILL_REGION_END

#endif
