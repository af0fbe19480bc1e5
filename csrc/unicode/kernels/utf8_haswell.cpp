// UTF-8 with AVX2: two vectors of 32 bytes a step for validation; for transcoding four characters are built in the
// lanes of 16 bytes and a shuffle from a table of 256 closes the gaps. The last part goes through a padded copy.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "cpu/region.hpp"
#include "unicode/kernels/utf8.hpp"
#include "unicode/kernels/utf8_errors.hpp"

namespace tokmill::unicode {

namespace {

// A shuffle that moves the used bytes of 16 to the front, and their number.
struct Packing {
    std::uint8_t from[16];
};

// Four lanes of four bytes. Two bits a lane tell how many of its bytes are used: 0 -> 1, 1 -> 2, 3 -> 3, 2 -> 4.
struct LanePackings {
    Packing of[256];
};
constexpr LanePackings make_lane_packings() noexcept {
    constexpr unsigned kBytes[4] = {1, 2, 4, 3};
    LanePackings table{};
    for (unsigned code = 0; code < 256; ++code) {
        unsigned filled = 0;
        for (unsigned lane = 0; lane < 4; ++lane)
            for (unsigned byte = 0; byte < kBytes[code >> 2 * lane & 3]; ++byte)
                table.of[code].from[filled++] = static_cast<std::uint8_t>(4 * lane + byte);
        while (filled < 16) table.of[code].from[filled++] = 0x80;
    }
    return table;
}
alignas(64) constexpr LanePackings kLanePackings = make_lane_packings();

// Eight lanes of two bytes; a set bit: both are used.
constexpr LanePackings make_pair_packings() noexcept {
    LanePackings table{};
    for (unsigned wide = 0; wide < 256; ++wide) {
        unsigned filled = 0;
        for (unsigned lane = 0; lane < 8; ++lane)
            for (unsigned byte = 0; byte < 1 + (wide >> lane & 1); ++byte)
                table.of[wide].from[filled++] = static_cast<std::uint8_t>(2 * lane + byte);
        while (filled < 16) table.of[wide].from[filled++] = 0x80;
    }
    return table;
}
alignas(64) constexpr LanePackings kPairPackings = make_pair_packings();

}  // namespace

}  // namespace tokmill::unicode

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::unicode {

namespace {

constexpr std::size_t kBlock = 64;

TOKMILL_ALWAYS_INLINE __m256i load_half(const void* p) noexcept { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
TOKMILL_ALWAYS_INLINE void store_half(void* p, __m256i bytes) noexcept { _mm256_storeu_si256(static_cast<__m256i*>(p), bytes); }
TOKMILL_ALWAYS_INLINE __m256i broadcast(const NibbleTable& table) noexcept {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.kinds)));
}

// Non-zero bytes where `bytes` holds an error, or ends one that began in `previous`.
TOKMILL_ALWAYS_INLINE __m256i errors_in(__m256i bytes, __m256i previous) noexcept {
    const __m256i left = _mm256_permute2x128_si256(previous, bytes, 0x21);  // each 128-bit lane's left neighbour
    const __m256i back1 = _mm256_alignr_epi8(bytes, left, 15);
    const __m256i back2 = _mm256_alignr_epi8(bytes, left, 14);
    const __m256i back3 = _mm256_alignr_epi8(bytes, left, 13);

    const __m256i low_nibble = _mm256_set1_epi8(0x0F);
    const __m256i first_high = _mm256_shuffle_epi8(broadcast(kFirstHigh), _mm256_and_si256(_mm256_srli_epi16(back1, 4), low_nibble));
    const __m256i first_low = _mm256_shuffle_epi8(broadcast(kFirstLow), _mm256_and_si256(back1, low_nibble));
    const __m256i second_high = _mm256_shuffle_epi8(broadcast(kSecondHigh), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibble));
    const __m256i bad = _mm256_and_si256(_mm256_and_si256(first_high, first_low), second_high);

    const __m256i third = _mm256_subs_epu8(back2, _mm256_set1_epi8(static_cast<char>(kThirdByteBias)));
    const __m256i fourth = _mm256_subs_epu8(back3, _mm256_set1_epi8(static_cast<char>(kFourthByteBias)));
    const __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8(static_cast<char>(0x80)));
    return _mm256_xor_si256(bad, due);
}

template <bool kCopy>
std::size_t validate([[maybe_unused]] std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    // A block of ASCII needs a look only when one of the three bytes before it is not: that may lead a character.
    __m256i previous = _mm256_setzero_si256();
    std::uint32_t previous_high = 0;
    constexpr std::uint32_t kLastThree = 7u << 29;
    const auto block_is_bad = [&](__m256i low, __m256i high) {
        const std::uint32_t mask = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(low, high)));
        if ((mask | (previous_high & kLastThree)) == 0) return false;
        const __m256i errors = _mm256_or_si256(errors_in(low, previous), errors_in(high, low));
        previous = high;
        previous_high = static_cast<std::uint32_t>(_mm256_movemask_epi8(high));
        return _mm256_testz_si256(errors, errors) == 0;
    };
    std::size_t i = 0;
    for (; i + kBlock <= count; i += kBlock) {
        const __m256i low = load_half(source + i), high = load_half(source + i + 32);
        if constexpr (kCopy) {
            store_half(destination + i, low);
            store_half(destination + i + 32, high);
        }
        if (block_is_bad(low, high)) return first_ill_formed(source, count, last_start_before(source, i));
    }
    // What is left, filled up with zeros; even when nothing is left, zeros tell whether the last character is whole.
    alignas(32) std::uint8_t rest[kBlock] = {};
    if (i < count) std::memcpy(rest, source + i, count - i);
    const __m256i low = load_half(rest), high = load_half(rest + 32);
    if constexpr (kCopy) {
        store_half(destination + i, low);
        store_half(destination + i + 32, high);
    }
    if (block_is_bad(low, high)) return first_ill_formed(source, count, last_start_before(source, i));
    return count;
}

std::size_t copy_valid_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    return validate<true>(destination, source, count);
}
std::size_t valid_utf8(const std::uint8_t* source, std::size_t count) { return validate<false>(nullptr, source, count); }

// Closes the gaps in 16 bytes of four lanes, each with the bytes of one character from its low end, and stores them.
// Bytes with the top bit set are used, and the first of each lane. Returns the end of what was written.
TOKMILL_ALWAYS_INLINE std::uint8_t* store_characters(std::uint8_t* out, __m128i lanes) noexcept {
    // A lane's mask is 0000, 0011, 0111 or 1111 for one to four bytes. Its bits 1 and 2 tell one to three apart; bit 3
    // flips bit 1, so that four bytes differ too: 00, 01, 11, 10.
    const std::uint32_t high = static_cast<std::uint32_t>(_mm_movemask_epi8(lanes));
    const std::uint32_t code = _pext_u32(high ^ (high >> 2 & 0x2222), 0x6666);
    const __m128i packing = _mm_load_si128(reinterpret_cast<const __m128i*>(kLanePackings.of[code].from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(lanes, packing));
    return out + _mm_popcnt_u32(high | 0x1111);
}
TOKMILL_ALWAYS_INLINE std::uint8_t* store_characters(std::uint8_t* out, __m256i lanes) noexcept {
    out = store_characters(out, _mm256_castsi256_si128(lanes));
    return store_characters(out, _mm256_extracti128_si256(lanes, 1));
}

TOKMILL_ALWAYS_INLINE __m256i shifted_left(__m256i c, int by, int mask) noexcept {
    return _mm256_and_si256(_mm256_slli_epi32(c, by), _mm256_set1_epi32(mask));
}
TOKMILL_ALWAYS_INLINE __m256i or3(__m256i a, __m256i b, __m256i c) noexcept { return _mm256_or_si256(_mm256_or_si256(a, b), c); }

// The UTF-8 bytes of 8 code points below 10000 that are no surrogates, a lane each.
TOKMILL_ALWAYS_INLINE __m256i encode_up_to_three(__m256i c) noexcept {
    // U+4E2D = 0100 111000 101101: 12 bits down | 38 << 8 | 2D << 16, and 8080E0 on top: bytes E4 B8 AD.
    const __m256i tail = _mm256_or_si256(shifted_left(c, 2, 0x3F00), shifted_left(c, 16, 0x3F0000));
    const __m256i three = or3(_mm256_srli_epi32(c, 12), tail, _mm256_set1_epi32(0x8080E0));
    const __m256i two = or3(_mm256_srli_epi32(c, 6), shifted_left(c, 8, 0x3F00), _mm256_set1_epi32(0x80C0));
    const __m256i beyond_two = _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0x7FF));
    const __m256i beyond_one = _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0x7F));
    return _mm256_blendv_epi8(c, _mm256_blendv_epi8(two, three, beyond_two), beyond_one);
}

// The same for any code points that are no surrogates.
TOKMILL_ALWAYS_INLINE __m256i encode_up_to_four(__m256i c) noexcept {
    const __m256i tail = _mm256_or_si256(shifted_left(c, 10, 0x3F0000), shifted_left(c, 24, 0x3F000000));
    const __m256i head = _mm256_or_si256(_mm256_srli_epi32(c, 18), _mm256_and_si256(_mm256_srli_epi32(c, 4), _mm256_set1_epi32(0x3F00)));
    const __m256i four = or3(head, tail, _mm256_set1_epi32(static_cast<int>(0x808080F0)));
    return _mm256_blendv_epi8(encode_up_to_three(c), four, _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0xFFFF)));
}

std::size_t latin1_to_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    std::uint8_t* out = destination;
    const auto encode_eight = [&out](const std::uint8_t* p) {
        // Two bytes a character: E9 -> C3 A9. For ASCII the first is the character and the second is dropped.
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
        const std::uint32_t wide = static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
        const __m128i c = _mm_cvtepu8_epi16(bytes);
        const __m128i second = _mm_and_si128(_mm_slli_epi16(c, 8), _mm_set1_epi16(0x3F00));
        const __m128i two = _mm_or_si128(_mm_or_si128(_mm_srli_epi16(c, 6), second), _mm_set1_epi16(static_cast<short>(0x80C0)));
        const __m128i lanes = _mm_blendv_epi8(c, two, _mm_cmpgt_epi16(c, _mm_set1_epi16(0x7F)));
        const __m128i packing = _mm_load_si128(reinterpret_cast<const __m128i*>(kPairPackings.of[wide].from));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_shuffle_epi8(lanes, packing));
        out += 8 + _mm_popcnt_u32(wide);
    };
    std::size_t i = 0;
    while (i + 32 <= count) {
        const __m256i bytes = load_half(source + i);
        if (_mm256_movemask_epi8(bytes) == 0) {
            store_half(out, bytes);
            out += 32;
        } else {
            for (std::size_t k = 0; k < 32; k += 8) encode_eight(source + i + k);
        }
        i += 32;
    }
    for (; i + 8 <= count; i += 8) encode_eight(source + i);
    return static_cast<std::size_t>(out - destination) + kScalarKernels.latin1_to_utf8(out, source + i, count - i);
}

std::size_t ucs2_to_utf8(std::uint8_t* destination, const std::uint16_t* source, std::size_t count, std::size_t* lone_surrogate) {
    constexpr std::size_t kUnits = 16;
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    std::size_t i = 0;
    while (i + kUnits <= count) {
        const __m256i units = load_half(source + i);
        const __m128i low = _mm256_castsi256_si128(units), high = _mm256_extracti128_si256(units, 1);
        if (_mm256_testz_si256(units, _mm256_set1_epi16(static_cast<short>(0xFF80))) != 0) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(low, high));
            out += kUnits;
            i += kUnits;
            continue;
        }
        const __m256i top_five = _mm256_and_si256(units, _mm256_set1_epi16(static_cast<short>(0xF800)));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi16(top_five, _mm256_set1_epi16(static_cast<short>(0xD800)))) == 0) {
            out = store_characters(out, encode_up_to_three(_mm256_cvtepu16_epi32(low)));
            out = store_characters(out, encode_up_to_three(_mm256_cvtepu16_epi32(high)));
            i += kUnits;
            continue;
        }
        for (const std::size_t end = i + kUnits; i < end;) i = encode_next(source, count, i, out, lone);
    }
    while (i < count) i = encode_next(source, count, i, out, lone);
    return static_cast<std::size_t>(out - destination);
}

std::size_t ucs4_to_utf8(std::uint8_t* destination, const std::uint32_t* source, std::size_t count, std::size_t* lone_surrogate) {
    constexpr std::size_t kUnits = 8;
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    std::size_t i = 0;
    while (i + kUnits <= count) {
        const __m256i units = load_half(source + i);
        if (_mm256_testz_si256(units, _mm256_set1_epi32(static_cast<int>(0xFFFFFF80))) != 0) {
            const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(units), _mm256_extracti128_si256(units, 1));
            _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(words, words));
            out += kUnits;
            i += kUnits;
            continue;
        }
        const __m256i top_bits = _mm256_and_si256(units, _mm256_set1_epi32(static_cast<int>(0xFFFFF800)));
        const __m256i surrogates = _mm256_cmpeq_epi32(top_bits, _mm256_set1_epi32(0xD800));
        // Unsigned units >= 110000, with the signed comparison that there is: subtracting 2^31 keeps the order.
        const __m256i sign = _mm256_set1_epi32(static_cast<int>(0x80000000));
        const __m256i limit = _mm256_set1_epi32(static_cast<int>((kCodePointLimit - 1) ^ 0x80000000));
        const __m256i beyond = _mm256_cmpgt_epi32(_mm256_xor_si256(units, sign), limit);
        if (_mm256_movemask_epi8(_mm256_or_si256(surrogates, beyond)) == 0) {
            out = store_characters(out, encode_up_to_four(units));
            i += kUnits;
            continue;
        }
        for (const std::size_t end = i + kUnits; i < end;) i = encode_next(source, count, i, out, lone);
    }
    while (i < count) i = encode_next(source, count, i, out, lone);
    return static_cast<std::size_t>(out - destination);
}

}  // namespace

const Kernels kHaswellKernels{copy_valid_utf8, valid_utf8, latin1_to_utf8, ucs2_to_utf8, ucs4_to_utf8};

}  // namespace tokmill::unicode

TOKMILL_REGION_END

#endif
