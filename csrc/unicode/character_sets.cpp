// Membership is one bit of a byte a code point, in pages of 128 that are stored once; the ranges are generated beside it.
#include "unicode/character_sets.hpp"

#include <algorithm>

#include "unicode/unicode.hpp"

namespace tokmill::unicode {

namespace {

struct LowerCase {
    std::uint32_t upper;
    std::uint32_t lower;
};

#include "unicode/tables/character_sets.inc"

}  // namespace

bool contains(CharacterSet set, std::uint32_t code_point) noexcept {
    if (code_point >= kCodePointLimit) return false;
    const std::uint8_t bits = kSetBits[kSetBitsPages[code_point >> 7] * 128u + (code_point & 127)];
    return (bits >> static_cast<unsigned>(set) & 1) != 0;
}

std::span<const CodePointRange> ranges(CharacterSet set) noexcept {
    switch (set) {
        case CharacterSet::punctuation: return kPunctuationRanges;
        case CharacterSet::numeric: return kNumericRanges;
        case CharacterSet::word: return kWordRanges;
        case CharacterSet::white_space: return kWhiteSpaceRanges;
        case CharacterSet::combining_mark: return kCombiningMarkRanges;
        case CharacterSet::bert_control: return kBertControlRanges;
        case CharacterSet::bert_accent: return kBertAccentRanges;
        case CharacterSet::has_lower_case: return kHasLowerCaseRanges;
    }
    return {};
}

std::uint32_t lower_case(std::uint32_t code_point) noexcept {
    if (code_point < 0x80) return code_point - 'A' < 26 ? code_point + ('a' - 'A') : code_point;
    if (code_point == kDottedCapitalI) return 'i';
    if (!contains(CharacterSet::has_lower_case, code_point)) return code_point;
    return std::ranges::lower_bound(kLowerCase, code_point, {}, &LowerCase::upper)->lower;
}

}  // namespace tokmill::unicode
