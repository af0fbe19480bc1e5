// What a kernel is given and what it has to do. One function a pattern, with safe cuts and without; they all do what
// Scanner::scan promises, and their starts differ only in how many safe cuts they find.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pretokens/scanner.hpp"
#include "pretokens/traits.hpp"

namespace tokmill::pretokens {

// Flags of an ASCII character, one byte each, so that a kernel can look 64 of them up at once.
enum AsciiFlag : std::uint8_t {
    kAsciiUpper = 1,
    kAsciiLower = 2,
    kAsciiNumber = 4,
    kAsciiSpace = 8,
    kAsciiNewline = 16,
    kAsciiBlank = 32,   // ' ' alone
    kAsciiQuote = 64,   // the apostrophe
    kAsciiSlash = 128,  // where a pattern absorbs it; else
    kAsciiGap = 128,    // kGap, for deepseek-v3
};

// A character of 3 bytes in one byte: its class in the low bits, and what the vocabulary's tokens do at its borders.
enum BmpFlag : std::uint8_t {
    kBmpClass = 7,            // of traits.hpp
    kJoinsAsciiLeft = 8,      // a token holds ASCII (other than a space) right before it
    kJoinsAsciiRight = 16,    // a token holds ASCII right after it
    kJoinsAnyLeft = 32,       // a token holds it after the last byte alone of some character
    kJoinsPartialRight = 64,  // on its right it joins those ...
    kJoinsPartialLeft = 128,  // ... with this, as a token may begin inside of it and end inside of them
};

struct KernelTables {
    alignas(64) std::uint8_t ascii[128] = {};
    alignas(64) std::uint8_t class_plane[3][256] = {};  // 2-byte characters: bit i of the class, one bit each
    alignas(64) std::uint8_t suffix_first[128] = {};    // first letter of a contraction: 1 = complete, 2 = l, 4 = v or r
    alignas(64) std::uint8_t suffix_second[128] = {};   // its second letter: 2 = l, 4 = e
    bool suffix_long_s = false;                         // U+017F is an s
    std::uint32_t joined_shift = 32;                    // the hash of a pair of neighbours is shifted right by this
    const std::uint32_t* joined = nullptr;              // bits: some token may join these neighbours
    const std::uint8_t* bmp = nullptr;                  // BmpFlags of U+0000-FFFF, and 3 more bytes for gathers of 32 bits
    const std::uint8_t* class_pages = nullptr;          // see unicode/unicode.hpp
    const std::uint32_t* class_words = nullptr;         // with the pattern's classes, for characters of 4 bytes
};

// The hash of two neighbours, both of 3 bytes or both of 2. Multiplication by an odd constant keeps pairs apart; the top
// bits are well mixed. Neighbours of 2 bytes use another constant, so that the two kinds don't share their collisions.
inline constexpr std::uint32_t kPairFactor3 = 0x9E3779B1u;
inline constexpr std::uint32_t kPairFactor2 = 0xC2B2AE3Du;
constexpr std::uint32_t pair_hash(std::uint32_t left, std::uint32_t right, std::uint32_t factor) noexcept {
    return ((left << 16) | right) * factor;
}

using ScanFunction = std::size_t (*)(const KernelTables& tables, ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last,
                                     std::uint32_t* starts);

// The kernels, one a file. Scalar finds no safe cuts.
ScanFunction scan_scalar(Pattern pattern) noexcept;
ScanFunction scan_haswell(Pattern pattern, bool safe_cuts) noexcept;
ScanFunction scan_icelake(Pattern pattern, bool safe_cuts) noexcept;
ScanFunction scan_neon(Pattern pattern, bool safe_cuts) noexcept;

// Writes the starts that the general engine found in a stretch of a text, text[base, base + count), as bits of masks (later ones are 0),
// and among them, if asked for, the safe cuts inside of the stretch. The text is whole characters up to `end`; the stretch may begin and
// end inside of one. Returns how many; up to 64 elements behind them may be written.
struct Stretch {
    const std::uint8_t* text;
    std::uint32_t base, count, end;
    const std::uint64_t* masks;
};
using WriteFunction = std::size_t (*)(const KernelTables& tables, const Stretch& stretch, std::uint32_t* starts);

WriteFunction write_scalar(bool safe_cuts) noexcept;
WriteFunction write_haswell(bool safe_cuts) noexcept;
WriteFunction write_icelake(bool safe_cuts) noexcept;
WriteFunction write_neon(bool safe_cuts) noexcept;

}  // namespace tokmill::pretokens
