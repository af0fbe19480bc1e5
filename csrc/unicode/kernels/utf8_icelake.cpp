// UTF-8 with AVX-512: 64 bytes a step for validation; for transcoding every character is built in a lane of its own and
// one byte compression (VBMI2) closes the gaps. Masked loads read the last part, so no byte past the end is touched.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms about the intrinsics of GCC 12 (its bug 105593)
#endif
#include <immintrin.h>

#include "cpu/region.hpp"
#include "unicode/kernels/utf8.hpp"
#include "unicode/kernels/utf8_errors.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::unicode {

namespace {

constexpr std::size_t kBlock = 64;

TOKMILL_ALWAYS_INLINE __m512i load_block(const void* p) noexcept { return _mm512_loadu_si512(p); }
TOKMILL_ALWAYS_INLINE void store_block(void* p, __m512i bytes) noexcept { _mm512_storeu_si512(p, bytes); }
TOKMILL_ALWAYS_INLINE __m512i broadcast(const NibbleTable& table) noexcept {
    return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(table.kinds)));
}

// Whether `block` holds an error, or ends one that began in `previous`; a character cut by the end of `block` is none.
TOKMILL_ALWAYS_INLINE bool has_error(__m512i block, __m512i previous) noexcept {
    // The three bytes before each byte: alignr works within 128-bit lanes, so first fetch each lane's left neighbour.
    const __m512i left = _mm512_permutex2var_epi64(previous, _mm512_setr_epi64(6, 7, 8, 9, 10, 11, 12, 13), block);
    const __m512i back1 = _mm512_alignr_epi8(block, left, 15);
    const __m512i back2 = _mm512_alignr_epi8(block, left, 14);
    const __m512i back3 = _mm512_alignr_epi8(block, left, 13);

    const __m512i low_nibble = _mm512_set1_epi8(0x0F);
    const __m512i first_high = _mm512_shuffle_epi8(broadcast(kFirstHigh), _mm512_and_si512(_mm512_srli_epi16(back1, 4), low_nibble));
    const __m512i first_low = _mm512_shuffle_epi8(broadcast(kFirstLow), _mm512_and_si512(back1, low_nibble));
    const __m512i second_high = _mm512_shuffle_epi8(broadcast(kSecondHigh), _mm512_and_si512(_mm512_srli_epi16(block, 4), low_nibble));

    const __m512i third = _mm512_subs_epu8(back2, _mm512_set1_epi8(static_cast<char>(kThirdByteBias)));
    const __m512i fourth = _mm512_subs_epu8(back3, _mm512_set1_epi8(static_cast<char>(kFourthByteBias)));
    const __m512i top_bit = _mm512_set1_epi8(static_cast<char>(0x80));
    const __m512i due = _mm512_ternarylogic_epi64(third, fourth, top_bit, 0xA8);  // (a | b) & c
    const __m512i first = _mm512_and_si512(first_high, first_low);
    const __m512i error = _mm512_ternarylogic_epi64(first, second_high, due, 0x6A);  // (a & b) ^ c
    return _mm512_test_epi8_mask(error, error) != 0;
}

template <bool kCopy>
std::size_t validate([[maybe_unused]] std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    // A block of ASCII needs a look only when one of the three bytes before it is not: that may lead a character.
    __m512i previous = _mm512_setzero_si512();
    std::uint64_t previous_high = 0;
    constexpr std::uint64_t kLastThree = std::uint64_t(7) << 61;
    std::size_t i = 0;
    for (; i + kBlock <= count; i += kBlock) {
        const __m512i block = load_block(source + i);
        if constexpr (kCopy) store_block(destination + i, block);
        const std::uint64_t high = _mm512_movepi8_mask(block);
        if ((high | (previous_high & kLastThree)) != 0 && has_error(block, previous))
            return first_ill_formed(source, count, last_start_before(source, i));
        previous = block;
        previous_high = high;
    }
    // What is left, filled up with zeros; even when nothing is left, zeros tell whether the last character is whole.
    const __mmask64 rest = (std::uint64_t(1) << (count - i)) - 1;
    const __m512i block = _mm512_maskz_loadu_epi8(rest, source + i);
    if constexpr (kCopy) store_block(destination + i, block);
    if (has_error(block, previous)) return first_ill_formed(source, count, last_start_before(source, i));
    return count;
}

std::size_t copy_valid_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    return validate<true>(destination, source, count);
}
std::size_t valid_utf8(const std::uint8_t* source, std::size_t count) { return validate<false>(nullptr, source, count); }

// Each of the first `lanes` 32-bit lanes holds the bytes of one character from its low end; closes the gaps. Unused bytes
// are 0, and of the used ones only the first can be 0 (U+0000). Returns the end of what was written.
TOKMILL_ALWAYS_INLINE std::uint8_t* store_characters(std::uint8_t* out, __m512i characters, unsigned lanes) noexcept {
    const std::uint64_t first_bytes = _bzhi_u64(0x1111111111111111u, 4 * lanes);
    const std::uint64_t used = _mm512_test_epi8_mask(characters, characters) | first_bytes;
    store_block(out, _mm512_maskz_compress_epi8(used, characters));
    return out + _mm_popcnt_u64(used);
}

TOKMILL_ALWAYS_INLINE __m512i shifted_left(__m512i c, unsigned by, int mask) noexcept {
    return _mm512_and_si512(_mm512_slli_epi32(c, by), _mm512_set1_epi32(mask));
}
TOKMILL_ALWAYS_INLINE __m512i or3(__m512i a, __m512i b, __m512i c) noexcept { return _mm512_ternarylogic_epi64(a, b, c, 0xFE); }

// The UTF-8 bytes of 16 code points below 10000 that are no surrogates, a lane each.
TOKMILL_ALWAYS_INLINE __m512i encode_up_to_three(__m512i c) noexcept {
    // U+4E2D = 0100 111000 101101: 12 bits down | 38 << 8 | 2D << 16, and 8080E0 on top: bytes E4 B8 AD.
    const __m512i last = shifted_left(c, 16, 0x3F0000);
    const __m512i middle = shifted_left(c, 2, 0x3F00);
    const __m512i three = _mm512_or_si512(or3(_mm512_srli_epi32(c, 12), middle, last), _mm512_set1_epi32(0x8080E0));
    const __m512i two = or3(_mm512_srli_epi32(c, 6), shifted_left(c, 8, 0x3F00), _mm512_set1_epi32(0x80C0));
    const __mmask16 below_800 = _mm512_cmplt_epu32_mask(c, _mm512_set1_epi32(0x800));
    const __mmask16 ascii = _mm512_cmplt_epu32_mask(c, _mm512_set1_epi32(0x80));
    return _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(three, below_800, two), ascii, c);
}

// The same for any code points that are no surrogates.
TOKMILL_ALWAYS_INLINE __m512i encode_up_to_four(__m512i c) noexcept {
    const __m512i low = _mm512_or_si512(shifted_left(c, 10, 0x3F0000), shifted_left(c, 24, 0x3F000000));
    const __m512i high = _mm512_or_si512(_mm512_srli_epi32(c, 18), _mm512_and_si512(_mm512_srli_epi32(c, 4), _mm512_set1_epi32(0x3F00)));
    const __m512i four = or3(low, high, _mm512_set1_epi32(static_cast<int>(0x808080F0)));
    const __mmask16 above = _mm512_cmpgt_epu32_mask(c, _mm512_set1_epi32(0xFFFF));
    return _mm512_mask_mov_epi32(encode_up_to_three(c), above, four);
}

std::size_t latin1_to_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    std::uint8_t* out = destination;
    for (std::size_t i = 0; i < count; i += kBlock) {
        const std::size_t left = count - i;
        const __mmask64 present = left < kBlock ? (std::uint64_t(1) << left) - 1 : ~std::uint64_t(0);
        const __m512i block = _mm512_maskz_loadu_epi8(present, source + i);
        const std::uint64_t high = _mm512_movepi8_mask(block);
        if (high == 0) {
            store_block(out, block);
            out += left < kBlock ? left : kBlock;
            continue;
        }
        // Two bytes a character: E9 -> C3 A9. For ASCII the first is the character and the second is dropped.
        for (unsigned half = 0; half < 2; ++half) {
            const __m256i bytes = half == 0 ? _mm512_castsi512_si256(block) : _mm512_extracti64x4_epi64(block, 1);
            const std::uint32_t here = static_cast<std::uint32_t>(half == 0 ? present : present >> 32);
            const __mmask32 wide = static_cast<std::uint32_t>(half == 0 ? high : high >> 32);
            const __m512i c = _mm512_cvtepu8_epi16(bytes);
            const __m512i two = or3(_mm512_srli_epi16(c, 6), _mm512_and_si512(_mm512_slli_epi16(c, 8), _mm512_set1_epi16(0x3F00)),
                                    _mm512_set1_epi16(static_cast<short>(0x80C0)));
            const __m512i lanes = _mm512_mask_mov_epi16(c, wide, two);
            const std::uint64_t used = _pdep_u64(here, 0x5555555555555555u) | _pdep_u64(wide, 0xAAAAAAAAAAAAAAAAu);
            store_block(out, _mm512_maskz_compress_epi8(used, lanes));
            out += _mm_popcnt_u64(used);
        }
    }
    return static_cast<std::size_t>(out - destination);
}

std::size_t ucs2_to_utf8(std::uint8_t* destination, const std::uint16_t* source, std::size_t count, std::size_t* lone_surrogate) {
    constexpr std::size_t kUnits = 32;
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    for (std::size_t i = 0; i < count;) {
        const unsigned here = static_cast<unsigned>(count - i < kUnits ? count - i : kUnits);
        const __m512i units = _mm512_maskz_loadu_epi16(_bzhi_u32(~0u, here), source + i);
        if (_mm512_test_epi16_mask(units, _mm512_set1_epi16(static_cast<short>(0xFF80))) == 0) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi16_epi8(units));
            out += here;
            i += here;
            continue;
        }
        const __m512i top_five = _mm512_and_si512(units, _mm512_set1_epi16(static_cast<short>(0xF800)));
        if (_mm512_cmpeq_epi16_mask(top_five, _mm512_set1_epi16(static_cast<short>(0xD800))) == 0) {
            const unsigned low = here < 16 ? here : 16;
            out = store_characters(out, encode_up_to_three(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(units))), low);
            out = store_characters(out, encode_up_to_three(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(units, 1))), here - low);
            i += here;
            continue;
        }
        for (const std::size_t end = i + here; i < end;) i = encode_next(source, count, i, out, lone);
    }
    return static_cast<std::size_t>(out - destination);
}

std::size_t ucs4_to_utf8(std::uint8_t* destination, const std::uint32_t* source, std::size_t count, std::size_t* lone_surrogate) {
    constexpr std::size_t kUnits = 16;
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    for (std::size_t i = 0; i < count;) {
        const unsigned here = static_cast<unsigned>(count - i < kUnits ? count - i : kUnits);
        const __m512i units = _mm512_maskz_loadu_epi32(static_cast<__mmask16>(_bzhi_u32(~0u, here)), source + i);
        if (_mm512_cmpgt_epu32_mask(units, _mm512_set1_epi32(0x7F)) == 0) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(units));
            out += here;
            i += here;
            continue;
        }
        const __m512i top_bits = _mm512_and_si512(units, _mm512_set1_epi32(static_cast<int>(0xFFFFF800)));
        const __mmask16 surrogates = _mm512_cmpeq_epi32_mask(top_bits, _mm512_set1_epi32(0xD800));
        const __mmask16 beyond = _mm512_cmpge_epu32_mask(units, _mm512_set1_epi32(static_cast<int>(kCodePointLimit)));
        if ((surrogates | beyond) == 0) {
            out = store_characters(out, encode_up_to_four(units), here);
            i += here;
            continue;
        }
        for (const std::size_t end = i + here; i < end;) i = encode_next(source, count, i, out, lone);
    }
    return static_cast<std::size_t>(out - destination);
}

}  // namespace

const Kernels kIcelakeKernels{copy_valid_utf8, valid_utf8, latin1_to_utf8, ucs2_to_utf8, ucs4_to_utf8};

}  // namespace tokmill::unicode

TOKMILL_REGION_END

#endif
