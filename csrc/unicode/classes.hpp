// The table behind unicode::char_class, for kernels that look several characters up at once: code points in, classes
// out. The class of code point c is in
//     words[pages[c >> 8] * 32 + (c >> 3 & 31)], bits 4 * (c & 7) to 4 * (c & 7) + 3.
// Example: U+00E9 is in page 0, word 29, bits 4-7.
#pragma once

#include <cstdint>

#include "unicode/unicode.hpp"

namespace tokmill::unicode {

inline constexpr std::uint32_t kClassPageBytes = kCodePointLimit >> 8;  // 3 more are readable, for gathers of 32 bits

struct ClassTable {
    const std::uint8_t* pages;
    const std::uint32_t* words;
};

ClassTable class_table() noexcept;

}  // namespace tokmill::unicode
