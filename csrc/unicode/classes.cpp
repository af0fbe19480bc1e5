// Classes of characters, from a generated two-stage table of 22 KB: a page number for every 256 code points, then
// 4 bits a code point. Equal pages are stored once (140 of 4352).
#include "unicode/unicode.hpp"

namespace tokmill::unicode {

namespace {
#include "unicode/tables/classes_16.inc"
}

CharClass char_class(std::uint32_t code_point) noexcept {
    if (code_point >= kCodePointLimit) return kOther;
    const std::uint32_t word = kClassWords[kClassPages[code_point >> 8] * 32u + (code_point >> 3 & 31)];
    return static_cast<CharClass>(word >> (4 * (code_point & 7)) & 15);
}

ClassTable class_table() noexcept { return {kClassPages, kClassWords}; }

}  // namespace tokmill::unicode
