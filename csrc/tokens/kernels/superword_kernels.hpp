// The passes of superword encoding that look at everything: where first-level words begin, which of their tokens may go on into the next
// one, where runs of such tokens begin, and the ids of those that are left. The first two err to one side only: a cut too few, a "may join"
// too many change nothing but the time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"
#include "tokens/word_table.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// A byte's class, and which classes may stand behind which inside of a token of the first level.
struct WordCuts {
    static constexpr std::uint32_t kClasses = 8;
    alignas(64) std::uint8_t class_of[256] = {};  // all bytes from 0x80 on have one class
    alignas(16) std::uint8_t followers[16] = {};  // of a class: bit c is set if a token holds a byte of class c right behind
};

// The neighbours are a Bloom filter in which all bits of a pair lie in one word. With the released vocabulary's 15,273 pairs, 0.7 % of all
// pairs of English pass that are none; with one bit a pair in as many bytes 3.9 % did.
//   example: hash 0xABCDE123 -> word 0xABCDE123 >> 19 = 0x1579, bits 23, 16 and 18, the three groups of five bits behind it
struct JoinTables {
    static constexpr std::uint32_t kWordBits = 13;  // 32 KiB
    static constexpr std::uint32_t kLeft = 0x9E3779B1u, kRight = 0x85EBCA77u;
    static constexpr std::uint32_t hash(std::uint32_t left, std::uint32_t right) noexcept { return left * kLeft + right * kRight; }
    static constexpr std::uint32_t word(std::uint32_t hash) noexcept { return hash >> (32 - kWordBits); }
    static constexpr std::uint32_t bits(std::uint32_t hash) noexcept {
        return 1u << (hash >> (27 - kWordBits) & 31) | 1u << (hash >> (22 - kWordBits) & 31) | 1u << (hash >> (17 - kWordBits) & 31);
    }
    const std::uint32_t* neighbours = nullptr;    // do these stand side by side inside of a second-level token?
    const std::uint16_t* byte_lengths = nullptr;  // of symbols; one more element is readable
    std::uint32_t symbol_bits = 0;                // of a measured token
};

// A measured token is one of the first level as the word tables give it out: its symbol, and above that, up to bit kIdBits, the number of
// its bytes, or 0 if there is no room for that. (Looking lengths up took a third of the time of finding joins: 360 KiB of them.)
//   example: 18 bits of symbol, token 274 of three bytes -> 3 << 18 | 274
inline std::uint32_t measured_token(std::uint32_t symbol, std::size_t byte_length, std::uint32_t symbol_bits) noexcept {
    return byte_length >> (kIdBits - symbol_bits) == 0 ? static_cast<std::uint32_t>(byte_length) << symbol_bits | symbol : symbol;
}

// The ids of symbols: a constant away, or, if there is a table, in the table.
struct SymbolIds {
    const std::uint32_t* table = nullptr;
    std::uint32_t distance = 0;
};

// A stretch of text that no mark interrupts, text[begin, end), and where its pretokens begin: bit p of `borders` for byte p.
struct BorderedText {
    const std::uint8_t* text;
    const std::uint64_t* borders;
    std::uint32_t begin, end;
};

// Tokens that may be joined, each with the next one: where such runs begin, by their length.
struct JoinRuns {
    static constexpr std::uint32_t kMaxLength = 8;
    // at[n], n >= 2: of n tokens; at[kLonger]: of more. Whole vectors are written: kJoinRunSlack elements behind the last are overwritten.
    static constexpr std::uint32_t kLonger = kMaxLength + 1;
    std::uint32_t* at[kLonger + 1];
    std::size_t count[kLonger + 1];
};
inline constexpr std::size_t kJoinRunSlack = 64;

struct SuperwordKernels {
    // Appends where words begin: at borders, and between two bytes whose classes no first-level token holds side by side. `begin` is a
    // border. At most one a byte; up to kCutSlack elements behind the last may be overwritten. Whole blocks of 64 bytes of text, counted
    // from its first byte, are read. Returns how many.
    std::size_t (*cut_words)(const WordCuts& cuts, const BorderedText& text, std::uint32_t* starts);
    // Bit i of `joins`: token i and the next one may stand side by side in a superword, and no border lies between them. The tokens are
    // the bytes of the text, one behind the other; one word of `joins` for every 64, the bit of the last token is 0. Takes measured tokens
    // and leaves symbols. kBordersReadAhead words behind the borders of the text are read.
    void (*find_joins)(const JoinTables& tables, const BorderedText& text, std::uint32_t* tokens, std::size_t count, std::uint64_t* joins);
    // Appends to `runs` those of `count` tokens, the first of which has number `first`. A word of zeros stands behind those of `joins`.
    void (*list_runs)(const std::uint64_t* joins, std::size_t count, std::uint32_t first, JoinRuns& runs);
    // Writes the ids of those symbols that are not kNoSymbol, one behind the other, and nothing behind them. `ids` may be `symbols`.
    // Returns how many.
    std::size_t (*write_kept)(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count, std::uint32_t* ids);
};
inline constexpr std::size_t kCutSlack = 64;
// Elements behind the tokens that find_joins may read, whatever they hold.
inline constexpr std::size_t kJoinReadAhead = 16;
inline constexpr std::size_t kBordersReadAhead = 8;

const SuperwordKernels& superword_kernels(cpu::Isa isa);

namespace scalar {
extern const SuperwordKernels kSuperwordKernels;
void find_joins(const JoinTables& tables, const BorderedText& text, std::uint32_t* tokens, std::size_t count, std::uint64_t* joins);
void list_runs(const std::uint64_t* joins, std::size_t count, std::uint32_t first, JoinRuns& runs);
}  // namespace scalar
namespace haswell {
extern const SuperwordKernels kSuperwordKernels;
}
namespace icelake {
extern const SuperwordKernels kSuperwordKernels;
}

}  // namespace tokmill::tokens
