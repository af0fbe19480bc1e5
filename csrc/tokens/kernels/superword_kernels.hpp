// The passes of superword encoding that look at everything: where first-level words begin, which of their tokens may go on into the next
// one, and the ids of those that are left. The first two err to one side only: a cut too few, a "may join" too many change nothing but the
// time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"

namespace tokmill::tokens {

// A byte's class, and which classes may stand behind which inside of a token of the first level.
struct WordCuts {
    static constexpr std::uint32_t kClasses = 8;
    alignas(64) std::uint8_t class_of[256] = {};  // all bytes from 0x80 on have one class
    alignas(16) std::uint8_t followers[16] = {};  // of a class: bit c is set if a token holds a byte of class c right behind
};

struct JoinTables {
    static constexpr std::uint32_t kHashBits = 18;  // 32 KiB of bits: of 2^16 to 2^20 the fastest
    static constexpr std::uint32_t kLeft = 0x9E3779B1u, kRight = 0x85EBCA77u;
    static constexpr std::uint32_t hash(std::uint32_t left, std::uint32_t right) noexcept {
        return (left * kLeft + right * kRight) >> (32 - kHashBits);
    }
    const std::uint32_t* neighbours = nullptr;    // a bit a hash: do these stand side by side inside of a second-level token?
    const std::uint16_t* byte_lengths = nullptr;  // of symbols; one more element is readable
};

// The ids of symbols: of those below `first_end` from a table, of the others a constant away from the symbol.
struct SymbolIds {
    const std::uint32_t* first = nullptr;
    std::uint32_t first_end = 0;  // 1 or more
    std::uint32_t distance = 0;
};

// A stretch of text that no mark interrupts, text[begin, end), and where its pretokens begin: bit p of `borders` for byte p.
struct BorderedText {
    const std::uint8_t* text;
    const std::uint64_t* borders;
    std::uint32_t begin, end;
};

struct SuperwordKernels {
    // Appends where words begin: at borders, and between two bytes whose classes no first-level token holds side by side. `begin` is a
    // border. At most one a byte; up to kCutSlack elements behind the last may be overwritten. Whole blocks of 64 bytes of text, counted
    // from its first byte, are read. Returns how many.
    std::size_t (*cut_words)(const WordCuts& cuts, const BorderedText& text, std::uint32_t* starts);
    // Bit i of `joins`: token i and the next one may stand side by side in a superword, and no border lies between them. The tokens are
    // the bytes of the text, one behind the other; one word of `joins` for every 64, the bit of the last token is 0.
    void (*find_joins)(const JoinTables& tables, const BorderedText& text, const std::uint32_t* tokens, std::size_t count,
                       std::uint64_t* joins);
    // Writes the ids of those symbols whose bit of `dropped` is 0, one behind the other, and nothing behind them. `ids` may be `symbols`.
    void (*write_kept)(const SymbolIds& table, const std::uint32_t* symbols, std::size_t count, const std::uint64_t* dropped,
                       std::uint32_t* ids);
};
inline constexpr std::size_t kCutSlack = 64;
// Elements behind the tokens that find_joins may read, whatever they hold.
inline constexpr std::size_t kJoinReadAhead = 16;

const SuperwordKernels& superword_kernels(cpu::Isa isa);

namespace scalar {
extern const SuperwordKernels kSuperwordKernels;
void find_joins(const JoinTables& tables, const BorderedText& text, const std::uint32_t* tokens, std::size_t count, std::uint64_t* joins);
void write_kept(const SymbolIds& table, const std::uint32_t* symbols, std::size_t count, const std::uint64_t* dropped, std::uint32_t* ids);
}  // namespace scalar
namespace haswell {
extern const SuperwordKernels kSuperwordKernels;
}
namespace icelake {
extern const SuperwordKernels kSuperwordKernels;
}

}  // namespace tokmill::tokens
