// Classes of characters, from a generated two-stage table of 24 KB: a page number for every 256 code points, then
// 4 bits a code point. Equal pages are stored once (153 of 4352).
#include "unicode/unicode.hpp"

namespace tokmill::unicode {

namespace {
#include "unicode/tables/classes_16.inc"
}

std::uint8_t fine_class(std::uint32_t code_point) noexcept {
    if (code_point >= kCodePointLimit) return kOther;
    const std::uint32_t word = kClassWords[kClassPages[code_point >> 8] * 32u + (code_point >> 3 & 31)];
    return static_cast<std::uint8_t>(word >> (4 * (code_point & 7)) & 15);
}

CharClass char_class(std::uint32_t code_point) noexcept {
    const std::uint8_t fine = fine_class(code_point) & kFineClass;
    return fine == kSymbol ? kOther : static_cast<CharClass>(fine);
}

ClassTable class_table() noexcept { return {kClassPages, kClassWords}; }

}  // namespace tokmill::unicode
