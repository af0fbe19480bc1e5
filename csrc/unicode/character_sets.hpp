// The sets of characters that the components of tokenizers 0.23.3 go by. Each has its own, made by different libraries
// from different versions of Unicode, so each is taken from what the component does, over all code points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tokmill::unicode {

struct CodePointRange {
    std::uint32_t first;
    std::uint32_t last;  // inclusive
};

enum class CharacterSet : std::uint8_t {
    punctuation,     // Punctuation, BertPreTokenizer
    numeric,         // Digits
    word,            // \w of Whitespace, which is \w+|[^\w\s]+
    white_space,     // WhitespaceSplit, BertPreTokenizer, Strip
    combining_mark,  // StripAccents
    bert_control,    // what BertNormalizer drops when it cleans
    bert_accent,     // what BertNormalizer drops as an accent, after NFD
    has_lower_case,  // Lowercase (Unicode 17)
};
inline constexpr std::size_t kCharacterSetCount = 8;

bool contains(CharacterSet set, std::uint32_t code_point) noexcept;
// The set as ranges, ascending, with gaps between them. Surrogates are in none.
std::span<const CodePointRange> ranges(CharacterSet set) noexcept;

// The lower case of one character, as Lowercase makes it: without context (a final sigma is like any other). U+0130 alone
// becomes two characters, i and U+0307: this gives the i.
std::uint32_t lower_case(std::uint32_t code_point) noexcept;
inline constexpr std::uint32_t kDottedCapitalI = 0x130;
inline constexpr std::uint32_t kCombiningDotAbove = 0x307;

}  // namespace tokmill::unicode
