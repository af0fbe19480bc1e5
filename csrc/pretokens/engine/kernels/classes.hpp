// What the general engine has wide registers for: classes of characters (text in, one class a byte out), and bit masks of the moves
// that begin a piece.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"

namespace tokmill::pretokens::engine {

struct ClassTables {
    const std::uint8_t* ascii;         // 128 classes
    const std::uint8_t* bmp;           // the classes of U+0000-FFFF, and 3 more bytes for gathers of 32 bits
    const std::uint16_t* pages;        // page of a code point: pages[c >> 8]
    const std::uint8_t* page_classes;  // its class: page_classes[page * 256 + (c & 255)]
    std::uint8_t continuation;         // what the further bytes of a character get
};

// Text of whole characters, of which the first may have begun before `text` and the last may go on behind `count`; it is read as
// far as that one goes. Writes `count` classes and up to 3 more.
using ClassesFunction = void (*)(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out);

void classes_scalar(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out);
void classes_haswell(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out);
void classes_icelake(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out);
void classes_neon(const ClassTables& tables, const std::uint8_t* text, std::size_t count, std::uint8_t* out);

// Bit i of masks[i / 64]: moves[i] >= first_cut; all of them are below 128. Whole masks: up to 63 moves behind `count` are read.
using CutsFunction = void (*)(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks);

void cuts_scalar(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks);
void cuts_haswell(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks);
void cuts_icelake(const std::uint8_t* moves, std::uint8_t first_cut, std::size_t count, std::uint64_t* masks);

ClassesFunction classes_function(cpu::Isa isa) noexcept;
CutsFunction cuts_function(cpu::Isa isa) noexcept;

}  // namespace tokmill::pretokens::engine
