// The door of the room: which byte strings are tokens, which ids they have, which pairs merge, which special tokens
// there are. All of it immutable once built.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "base/sections.hpp"
#include "vocab/specials.hpp"

namespace tokmill::vocab {

// A *symbol* numbers the mergeable tokens in the order of their merge ranks, densely from 0; the *id* is what the user
// sees. For most vocabularies the two are equal; p50k_base has a gap in its ids, others have them shuffled.
using Symbol = std::uint32_t;
inline constexpr Symbol kNoSymbol = (1u << 21) - 1;          // pairs and ranks are packed in 21 bits
inline constexpr std::uint32_t kMaxSymbols = kNoSymbol - 1;  // 2,097,150 mergeable tokens
inline constexpr std::uint32_t kIdLimit = 1u << 24;          // ids are below this
// Of a symbol that only ever is a part of others (a byte that marks the end of words).
inline constexpr std::uint32_t kNoId = ~std::uint32_t(0);

// How the pairs lie in their perfect hash (see PairTable). Finding that out takes most of the time of laying the table out, so a file may
// state it. Only a hint: one that parts the pairs is used, any other is passed over.
struct Placement {
    std::array<std::uint32_t, 4> multipliers{};  // bucket_left, bucket_right, slot_left, slot_right
    std::vector<std::uint16_t> displacements;    // one a bucket; empty: none stated
};

// What a file says, before it is checked.
struct Spec {
    std::string name;                    // "" if it has none
    std::string pattern;                 // the split regex
    std::vector<std::uint8_t> bytes;     // all tokens back to back, in rank order
    std::vector<std::uint64_t> offsets;  // token i: bytes [offsets[i], offsets[i + 1])
    std::vector<std::uint32_t> ids;      // the id of token i
    std::vector<SpecialToken> specials;
    // Which two tokens merge into token i, where a file says so (a pair of kNoSymbol for single bytes); empty: found out.
    std::vector<std::pair<Symbol, Symbol>> parts;
    Placement placement;  // of those pairs, where a file says so
    // Some of the 256 bytes may be no tokens; whoever encodes keeps those out of the text (symbol_of_byte() is kNoSymbol).
    bool may_miss_bytes = false;
};

class Vocabulary {
public:
    // Checks the whole of a spec (see limits.hpp) and builds the index from bytes to symbol.
    // Error(vocabulary) names the rule and the entry: duplicate token or id, clash with a special token, id too
    // large, empty or over-long token, one of the 256 bytes missing, too many tokens.
    static Vocabulary build(Spec spec, Cancel& cancel);
    static Vocabulary build(Spec spec) {
        Cancel never;
        return build(std::move(spec), never);
    }

    void save(SectionWriter& out) const;
    static Vocabulary map(const SectionReader& in);  // Error(snapshot) if the sections do not fit together

    std::uint32_t symbol_count() const noexcept { return static_cast<std::uint32_t>(ids_.size()); }
    std::uint32_t id_end() const noexcept { return id_end_; }  // one more than the greatest id, special tokens included
    std::uint32_t max_token_bytes() const noexcept { return max_token_bytes_; }

    std::string_view bytes(Symbol symbol) const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()) + offsets_[symbol], offsets_[symbol + 1] - offsets_[symbol]};
    }
    std::uint32_t id(Symbol symbol) const noexcept { return ids_[symbol]; }
    std::span<const std::uint32_t> ids() const noexcept { return ids_.view(); }
    bool ids_are_symbols() const noexcept { return ids_are_symbols_; }
    const std::array<Symbol, 256>& symbol_of_byte() const noexcept { return symbol_of_byte_; }

    std::optional<Symbol> find(std::string_view token) const noexcept;

    // The bytes of any id, special tokens included; nothing for an id that is not used.
    std::optional<std::string_view> bytes_of_id(std::uint32_t id) const noexcept;
    bool is_special_id(std::uint32_t id) const noexcept;  // of a control token

    const std::string& name() const noexcept { return name_; }
    const std::string& pattern() const noexcept { return pattern_; }
    const std::vector<SpecialToken>& specials() const noexcept { return specials_; }  // by id

private:
    Vocabulary() = default;

    void number_bytes();  // fills symbol_of_byte_; Error(vocabulary) naming the byte that is no token

    std::string name_;
    std::string pattern_;
    Column<std::uint8_t> bytes_;
    Column<std::uint32_t> offsets_;  // symbol_count + 1
    Column<std::uint32_t> ids_;
    Column<std::uint32_t> index_;         // bytes -> symbol: open addressing, see vocabulary.cpp
    Column<Symbol> symbol_of_id_;         // kNoSymbol where an id is not used; empty if ids are symbols
    std::vector<SpecialToken> specials_;  // by id, equal ids in the order of the spec
    std::array<Symbol, 256> symbol_of_byte_{};
    std::uint64_t index_seed_ = 0;
    std::uint32_t id_end_ = 0;
    std::uint32_t max_token_bytes_ = 0;
    bool ids_are_symbols_ = false;
    bool may_miss_bytes_ = false;
};

// The table behind Merges, as plain pointers: what a kernel needs to look many pairs up at once.
//
// A perfect hash by displacement. Two linear hashes of (left, right), 32-bit so that vectors of any width compute them:
// the first chooses a bucket, the bucket's displacement says which bits of the second to take and what to xor them with.
// No two keys share a slot, so one slot is read and compared with the whole key. Shifting as well as xoring matters: two keys
// of a bucket whose low hash bits agree could never be parted by an xor alone (for 100,000 keys there nearly always
// are such two).
struct PairTable {
    const std::uint64_t* slots = nullptr;                                            // left << 42 | right << 21 | symbol; all ones if empty
    const std::uint16_t* displacements = nullptr;                                    // one a bucket
    std::uint32_t bucket_left = 0, bucket_right = 0, slot_left = 0, slot_right = 0;  // multipliers
    std::uint32_t bucket_shift = 0;
    std::uint32_t slot_mask = 0;

    static constexpr std::uint32_t kSymbolBits = 21;
    static constexpr std::uint32_t kDisplacementBits = 16, kShiftAt = 13;  // its top 3 bits are the shift

    static std::uint64_t key(Symbol left, Symbol right) noexcept { return std::uint64_t(left) << kSymbolBits | right; }
    static Symbol left(std::uint64_t entry) noexcept { return static_cast<Symbol>(entry >> 2 * kSymbolBits); }
    static Symbol right(std::uint64_t entry) noexcept { return static_cast<Symbol>(entry >> kSymbolBits) & kNoSymbol; }
    static Symbol symbol(std::uint64_t entry) noexcept { return static_cast<Symbol>(entry) & kNoSymbol; }

    std::uint32_t bucket(Symbol left, Symbol right) const noexcept { return (left * bucket_left + right * bucket_right) >> bucket_shift; }
    std::uint32_t displaced(std::uint32_t hash, std::uint32_t displacement) const noexcept {
        return ((hash >> (displacement >> kShiftAt)) ^ displacement) & slot_mask;
    }
    std::uint32_t slot(Symbol left, Symbol right) const noexcept {
        return displaced(left * slot_left + right * slot_right, displacements[bucket(left, right)]);
    }
    // What the pair merges into, given its slot; no branch, since the answer is close to a coin toss while merging.
    Symbol symbol_at(std::uint32_t slot, Symbol left, Symbol right) const noexcept {
        const std::uint64_t entry = slots[slot];
        const bool other = entry >> kSymbolBits != key(left, right);
        return (static_cast<Symbol>(entry) | (Symbol(0) - Symbol(other))) & kNoSymbol;
    }
};

// Which two symbols merge into which third: an exact perfect hash, one probe a question.
//
// A token is made by exactly one pair: the last merge of its own bytes. Another adjacent pair with the same
// concatenation never comes up while merging, since the merges inside a token's span happen as they would in isolation.
// That holds whatever the ranks are; a part may well have a higher rank than the whole ("abc" before "ab").
// A token that its own bytes do not merge into is *unreachable*; it is only ever emitted for a pretoken that equals it
// as a whole (tiktoken looks a pretoken up before it merges).
class Merges {
public:
    static Merges build(const Vocabulary& vocabulary, Cancel& cancel);
    static Merges build(const Vocabulary& vocabulary) {
        Cancel never;
        return build(vocabulary, never);
    }
    // From the parts that a list of merges states (see Spec); saves finding them out, half of the time of loading.
    static Merges build(const Vocabulary& vocabulary, std::span<const std::pair<Symbol, Symbol>> parts, Placement hint, Cancel& cancel);
    static Merges build(const Vocabulary& vocabulary, std::span<const std::pair<Symbol, Symbol>> parts, Placement hint) {
        Cancel never;
        return build(vocabulary, parts, std::move(hint), never);
    }
    void save(SectionWriter& out) const;
    static Merges map(const SectionReader& in, const Vocabulary& vocabulary);

    // The symbol that left and right merge into, or kNoSymbol. Arguments may be kNoSymbol (nothing merges with it).
    Symbol merged(Symbol left, Symbol right) const noexcept { return table_.symbol_at(table_.slot(left, right), left, right); }
    // Two single bytes, given as a little-endian u16 (first byte in the low half).
    Symbol merged_bytes(std::uint16_t pair) const noexcept { return byte_pairs_[pair]; }

    std::span<const Symbol> unreachable() const noexcept { return unreachable_.view(); }  // ascending
    // (left, right) of a symbol; (kNoSymbol, kNoSymbol) for single bytes and unreachable tokens.
    std::pair<Symbol, Symbol> parts(Symbol symbol) const noexcept {
        const std::uint32_t slot = slot_of_symbol_[symbol];
        if (slot == kNoSlot) return {kNoSymbol, kNoSymbol};
        const std::uint64_t entry = slots_[slot];
        return {PairTable::left(entry), PairTable::right(entry)};
    }

    Placement placement() const;

    // For kernels.
    const PairTable& table() const noexcept { return table_; }
    const Symbol* byte_pairs() const noexcept { return byte_pairs_.data(); }  // 65,536, indexed as merged_bytes
    const std::array<Symbol, 256>& symbol_of_byte() const noexcept { return symbol_of_byte_; }

private:
    Merges() = default;

    static constexpr std::uint32_t kNoSlot = ~std::uint32_t(0);

    // Lays the perfect hash out, by the hint if it fits. Entries as in PairTable::slots.
    void place(std::span<const std::uint64_t> entries, std::uint32_t symbol_count, Placement hint, Cancel& cancel);
    bool try_place(std::span<const std::uint64_t> entries, std::uint32_t symbol_count, Placement placement, Cancel& cancel);

    PairTable table_;
    Column<std::uint64_t> slots_;
    Column<std::uint16_t> displacements_;
    Column<Symbol> byte_pairs_;
    Column<std::uint32_t> slot_of_symbol_;  // kNoSlot if it has no parts
    Column<Symbol> unreachable_;
    std::array<Symbol, 256> symbol_of_byte_{};
};

}  // namespace tokmill::vocab

#include "vocab/pair_merging.hpp"  // how sequences merge by such a table; needs what is above
