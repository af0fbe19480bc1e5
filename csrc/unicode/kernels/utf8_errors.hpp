// The tables behind validation by lookup (John Keiser and Daniel Lemire, "Validating UTF-8 in less than one instruction
// per byte", 2021). Whatever is wrong with a text shows in two neighbouring bytes, but for one thing: whether the third
// and fourth byte of a character are there. Each kind of bad pair is a product of three sets, of the first byte's high
// nibble, its low nibble, and the second byte's high nibble. Give each kind a bit, and three 16-entry lookups and two
// ANDs test a pair for all eight kinds at once.
//
// A pair of continuation bytes (kind 7) is bad unless the byte two places back leads three or four bytes, or the byte
// three places back leads four. So bit 7 XOR "a third or fourth byte is due here" has to be 0, and the bits 0 to 6 too.
// Example: E4 B8 AD. (E4, B8): kind 0 wants a second byte that is no continuation, kinds 2 and 3 want low nibbles 0 and D:
// no bit. (B8, AD): bit 7 is set, and E4 two places back asks for it: no error. In C3 B8 AD nothing asks: an error.
#pragma once

#include <cstdint>

namespace tokmill::unicode {

struct BadPair {
    std::uint16_t first_high;   // sets of nibbles: bit n stands for nibble n
    std::uint16_t first_low;
    std::uint16_t second_high;
};

constexpr std::uint16_t nibbles(unsigned from, unsigned to) noexcept { return static_cast<std::uint16_t>((2u << to) - (1u << from)); }
inline constexpr std::uint16_t kAnyNibble = nibbles(0x0, 0xF);
inline constexpr std::uint16_t kAsciiNibbles = nibbles(0x0, 0x7);
inline constexpr std::uint16_t kContinuationNibbles = nibbles(0x8, 0xB);
inline constexpr std::uint16_t kLeadNibbles = nibbles(0xC, 0xF);

inline constexpr BadPair kBadPairs[8] = {
    {kLeadNibbles, kAnyNibble, kAsciiNibbles | kLeadNibbles},           // 0: a lead, and nothing continues it
    {kAsciiNibbles, kAnyNibble, kContinuationNibbles},                  // 1: a continuation of nothing
    {nibbles(0xE, 0xE), nibbles(0x0, 0x0), nibbles(0x8, 0x9)},          // 2: E0 80-9F, over-long
    {nibbles(0xE, 0xE), nibbles(0xD, 0xD), nibbles(0xA, 0xB)},          // 3: ED A0-BF, surrogates
    {nibbles(0xC, 0xC), nibbles(0x0, 0x1), kContinuationNibbles},       // 4: C0 and C1, over-long
    {nibbles(0xF, 0xF), nibbles(0x4, 0xF), nibbles(0x9, 0xB)},          // 5: F4 90-BF and F5-FF, beyond U+10FFFF
    {nibbles(0xF, 0xF), nibbles(0x0, 0x0) | nibbles(0x5, 0xF), nibbles(0x8, 0x8)},  // 6: F0 80-8F, over-long; F5-FF 80-8F, beyond
    {kContinuationNibbles, kAnyNibble, kContinuationNibbles},           // 7: two continuations, see above
};

struct NibbleTable {
    std::uint8_t kinds[16];
};
constexpr NibbleTable kinds_by_nibble(std::uint16_t BadPair::*set) noexcept {
    NibbleTable table{};
    for (unsigned nibble = 0; nibble < 16; ++nibble)
        for (unsigned kind = 0; kind < 8; ++kind)
            if (kBadPairs[kind].*set >> nibble & 1) table.kinds[nibble] = static_cast<std::uint8_t>(table.kinds[nibble] | 1u << kind);
    return table;
}
alignas(16) inline constexpr NibbleTable kFirstHigh = kinds_by_nibble(&BadPair::first_high);
alignas(16) inline constexpr NibbleTable kFirstLow = kinds_by_nibble(&BadPair::first_low);
alignas(16) inline constexpr NibbleTable kSecondHigh = kinds_by_nibble(&BadPair::second_high);

// Saturating subtraction of these leaves the top bit set just for the leads that make a third (fourth) byte due:
// E0 - 60 = 80, DF - 60 = 7F; F0 - 70 = 80.
inline constexpr std::uint8_t kThirdByteBias = 0xE0 - 0x80;
inline constexpr std::uint8_t kFourthByteBias = 0xF0 - 0x80;

}  // namespace tokmill::unicode
