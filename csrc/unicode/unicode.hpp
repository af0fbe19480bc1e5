// The door of the room: UTF-8 in, classes of characters out. Unicode 16.0.0, the version of tiktoken 0.14 and of
// tokenizers 0.23. Normal forms and the character sets of tokenizers' components have a header each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cpu/isa.hpp"
#include "unicode/character_sets.hpp"
#include "unicode/normalization.hpp"

namespace tokmill::unicode {

inline constexpr std::uint32_t kCodePointLimit = 0x110000;
inline constexpr std::uint32_t kReplacementCharacter = 0xFFFD;

// What the split patterns tell apart. The bits are planes, so that a kernel can look classes up bit by bit:
// letters are the codes with bit 2 clear and not 0.
enum CharClass : std::uint8_t {
    kOther = 0,       // everything else: punctuation, symbols, controls, unassigned
    kUpper = 1,       // Lu, Lt
    kLower = 2,       // Ll
    kLetter = 3,      // Lm, Lo: letters without case
    kMark = 4,        // M
    kNumber = 5,      // N
    kWhiteSpace = 6,  // \s: the 25 characters of White_Space (not the 29 of Python's str.isspace)
};

// The class of a code point below kCodePointLimit (surrogates are kOther).
CharClass char_class(std::uint32_t code_point) noexcept;

// What some patterns tell apart besides: a CharClass, where punctuation and symbols have a value of their own and kOther
// keeps controls, formats, private and unassigned ones; and a bit for the script Han.
enum FineClass : std::uint8_t {
    kFineClass = 7,  // mask of the class
    kSymbol = 7,     // P, S
    kHan = 8,        // Script=Han: mostly letters, but also numbers (U+3007), symbols (radicals) and marks
};
std::uint8_t fine_class(std::uint32_t code_point) noexcept;

// The table behind both, for kernels that look several characters up at once. The fine class of code point c is in
//     words[pages[c >> 8] * 32 + (c >> 3 & 31)], bits 4 * (c & 7) to 4 * (c & 7) + 3.
// Example: U+00E9 is in page 0, word 29, bits 4-7.
struct ClassTable {
    const std::uint8_t* pages;  // kClassPageBytes of them; 3 more are readable, for gathers of 32 bits
    std::span<const std::uint32_t> words;
};
inline constexpr std::uint32_t kClassPageBytes = kCodePointLimit >> 8;
ClassTable class_table() noexcept;

// Bytes of the character that a lead byte announces (1 to 4); 1 for a byte that is no lead.
constexpr std::uint32_t utf8_length(std::uint8_t lead) noexcept { return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

// Decodes one character of valid UTF-8.
constexpr std::uint32_t decode_utf8(const std::uint8_t* p) noexcept {
    if (p[0] < 0x80) return p[0];
    if (p[0] < 0xE0) return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0) return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

constexpr bool is_continuation(std::uint8_t byte) noexcept { return (byte & 0xC0) == 0x80; }

// The characters that begin in so many bytes of UTF-8.
std::size_t count_characters(const std::uint8_t* text, std::size_t byte_count) noexcept;

// Writes one scalar value as UTF-8, returns the number of bytes (1 to 4).
std::size_t encode_utf8(std::uint32_t code_point, std::uint8_t* out) noexcept;

struct Kernels {
    // Copies `count` bytes and validates them on the way. Returns `count` if all of it is valid UTF-8, else the position
    // of the first byte of the first ill-formed sequence (as Python's UnicodeDecodeError.start); a sequence cut off by
    // the end is ill-formed too. The bytes up to the returned position have been copied; up to 64 bytes after
    // destination + count may be overwritten (the destination has that room); the source is never read past its end.
    std::size_t (*copy_valid_utf8)(std::uint8_t* destination, const std::uint8_t* source, std::size_t count);
    // The same without the copy.
    std::size_t (*valid_utf8)(const std::uint8_t* source, std::size_t count);

    // Transcodes to UTF-8, as Python stores a str. The destination has room for 2, 3 or 4 bytes a unit, plus 64.
    // Returns the number of bytes written. A surrogate pair is joined; a lone surrogate becomes U+FFFD and, if
    // `lone_surrogate` is not null, its unit index is stored there (the first one; untouched when there is none).
    // A pair that is cut by the end of the input counts as lone: callers cut elsewhere.
    std::size_t (*latin1_to_utf8)(std::uint8_t* destination, const std::uint8_t* source, std::size_t count);
    std::size_t (*ucs2_to_utf8)(std::uint8_t* destination, const std::uint16_t* source, std::size_t count, std::size_t* lone_surrogate);
    std::size_t (*ucs4_to_utf8)(std::uint8_t* destination, const std::uint32_t* source, std::size_t count, std::size_t* lone_surrogate);
};

const Kernels& kernels(cpu::Isa isa);

// How far the ill-formed sequence at source[0] reaches (1 to 3 bytes): the "maximal subpart" of the Unicode standard
// that is replaced by one U+FFFD, as bytes.decode("utf-8", "replace") does. `count` > 0.
std::size_t ill_formed_length(const std::uint8_t* source, std::size_t count) noexcept;

}  // namespace tokmill::unicode
