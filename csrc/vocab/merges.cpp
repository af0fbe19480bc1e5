// From a vocabulary to its pairs, and from the pairs to their table (see placement.hpp).
//
// Pairs: the bytes of each token are merged with the pairs of all *shorter* tokens; if two symbols remain, they are the
// token's pair. Shorter, not lower in rank: everything that can happen inside a token happens in shorter ones, while
// its parts may have any rank. A hash that allows linear probing serves while the pairs are found one after the other;
// then the perfect hash is laid out at once.
#include <algorithm>
#include <bit>
#include <string>

#include "base/errors.hpp"
#include "vocab/pair_merging.hpp"
#include "vocab/placement.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::vocab {

namespace {

constexpr std::uint64_t kEmptyEntry = ~std::uint64_t(0);
constexpr std::uint32_t kSymbolBits = PairTable::kSymbolBits;

// Pairs while they are being found: open addressing, at most half full, entries as in PairTable.
class GrowingPairs {
public:
    explicit GrowingPairs(std::size_t capacity) : slots_(std::bit_ceil(2 * capacity), kEmptyEntry) { aim(); }

    Symbol operator()(Symbol left, Symbol right) const {
        const std::uint64_t key = PairTable::key(left, right);
        for (std::size_t at = home(key);; at = (at + 1) & (slots_.size() - 1)) {
            const std::uint64_t entry = slots_[at];
            if (entry >> kSymbolBits == key) return static_cast<Symbol>(entry) & kNoSymbol;
            if (entry == kEmptyEntry) return kNoSymbol;
        }
    }

    void add(Symbol left, Symbol right, Symbol symbol) {
        entries_.push_back(PairTable::key(left, right) << kSymbolBits | symbol);
        while (!place(entries_.back())) rehash();
    }

    const std::vector<std::uint64_t>& entries() const { return entries_; }

private:
    // A run this long does not happen to a table half empty unless somebody chose the pairs for it.
    static constexpr std::size_t kMaxProbes = 512;

    void aim() {
        multiplier_ = mixed(seed_++) | 1;
        shift_ = 64 - std::countr_zero(slots_.size());
    }
    std::size_t home(std::uint64_t key) const { return static_cast<std::size_t>(key * multiplier_ >> shift_); }

    bool place(std::uint64_t entry) {
        std::size_t at = home(entry >> kSymbolBits);
        for (std::size_t probe = 0; probe < kMaxProbes; ++probe, at = (at + 1) & (slots_.size() - 1)) {
            if (slots_[at] == kEmptyEntry) {
                slots_[at] = entry;
                return true;
            }
        }
        return false;
    }

    void rehash() {
        for (bool placed = false; !placed;) {
            if (seed_ == kSeedsTried)
                throw Error(ErrorKind::vocabulary, "the merges collide under every hash that was tried; the file looks made for that");
            aim();
            std::fill(slots_.begin(), slots_.end(), kEmptyEntry);
            placed = std::all_of(entries_.begin(), entries_.end() - 1, [&](std::uint64_t entry) { return place(entry); });
        }
    }

    std::vector<std::uint64_t> slots_;
    std::vector<std::uint64_t> entries_;
    std::uint64_t multiplier_ = 0, seed_ = 0;
    int shift_ = 0;
};

// Symbols by the length of their bytes, equal lengths in rank order.
std::vector<Symbol> by_length(const Vocabulary& vocabulary) {
    std::vector<std::uint32_t> begin(vocabulary.max_token_bytes() + 2, 0);
    for (Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) ++begin[vocabulary.bytes(symbol).size() + 1];
    for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    std::vector<Symbol> order(vocabulary.symbol_count());
    for (Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) order[begin[vocabulary.bytes(symbol).size()]++] = symbol;
    return order;
}

}  // namespace

Merges Merges::build(const Vocabulary& vocabulary, Cancel& cancel) {
    Merges merges;
    merges.symbol_of_byte_ = vocabulary.symbol_of_byte();
    GrowingPairs pairs(vocabulary.symbol_count());
    std::vector<Symbol> byte_pairs(std::size_t(1) << 16, kNoSymbol);  // complete once all tokens of two bytes are seen
    std::vector<Symbol> unreachable;
    Buffer<Symbol> symbols(std::max<std::size_t>(vocabulary.max_token_bytes(), kMaxPlainMerge));
    Symbol ranks[kMaxPlainMerge];
    TreeMerger tree;
    std::size_t turn = 0;
    for (const Symbol symbol : by_length(vocabulary)) {
        cancel.poll_at(turn++);
        const std::string_view token = vocabulary.bytes(symbol);
        if (token.size() == 1) continue;
        for (std::size_t i = 0; i < token.size(); ++i) symbols[i] = merges.symbol_of_byte_[static_cast<std::uint8_t>(token[i])];
        std::size_t count = token.size();
        if (count == 2) {
            byte_pairs[load<std::uint16_t>(token.data())] = symbol;
        } else if (count <= kMaxPlainMerge) {
            for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = byte_pairs[load<std::uint16_t>(token.data() + i)];
            count = merge_plain(pairs, symbols.data(), ranks, static_cast<std::uint32_t>(count));
        } else {
            count = tree.merge(pairs, symbols.data(), count, [&] { cancel.poll(); });
        }
        if (count == 2) {
            pairs.add(symbols[0], symbols[1], symbol);
        } else {
            unreachable.push_back(symbol);
        }
    }
    std::sort(unreachable.begin(), unreachable.end());
    merges.unreachable_ = Column<Symbol>(std::move(unreachable));
    merges.place(pairs.entries(), vocabulary.symbol_count(), {}, cancel);
    merges.byte_pairs_ = Column<Symbol>(std::move(byte_pairs));
    return merges;
}

Merges Merges::build(const Vocabulary& vocabulary, std::span<const std::pair<Symbol, Symbol>> parts, Placement hint, Cancel& cancel) {
    Merges merges;
    merges.symbol_of_byte_ = vocabulary.symbol_of_byte();
    std::vector<std::uint64_t> entries;
    entries.reserve(parts.size());
    std::vector<Symbol> byte_pairs(std::size_t(1) << 16, kNoSymbol);
    std::vector<Symbol> unreachable;
    for (Symbol symbol = 0; symbol < parts.size(); ++symbol) {
        cancel.poll_at(symbol);
        const auto [left, right] = parts[symbol];
        if (left == kNoSymbol) {
            if (vocabulary.bytes(symbol).size() > 1) unreachable.push_back(symbol);
            continue;
        }
        entries.push_back(PairTable::key(left, right) << kSymbolBits | symbol);
        const std::string_view token = vocabulary.bytes(symbol);
        if (token.size() == 2) byte_pairs[load<std::uint16_t>(token.data())] = symbol;
    }
    merges.unreachable_ = Column<Symbol>(std::move(unreachable));
    merges.place(entries, vocabulary.symbol_count(), std::move(hint), cancel);
    merges.byte_pairs_ = Column<Symbol>(std::move(byte_pairs));
    return merges;
}

void Merges::place(std::span<const std::uint64_t> entries, std::uint32_t symbol_count, Placement hint, Cancel& cancel) {
    if (!try_place(entries, symbol_count, std::move(hint), cancel))
        try_place(entries, symbol_count, find_placement(entries, cancel), cancel);
}

bool Merges::try_place(std::span<const std::uint64_t> entries, std::uint32_t symbol_count, Placement placement, Cancel& cancel) {
    if (placement.displacements.size() != bucket_count_for(entries.size())) return false;
    std::vector<std::uint64_t> slots(slot_count_for(entries.size()), kEmptyEntry);
    std::vector<std::uint32_t> slot_of_symbol(symbol_count, kNoSlot);
    const PairTable table = pair_table(placement.multipliers, placement.displacements, slots);
    std::size_t turn = 0;
    for (const std::uint64_t entry : entries) {
        cancel.poll_at(turn++);
        const std::uint32_t slot = table.slot(PairTable::left(entry), PairTable::right(entry));
        if (slots[slot] != kEmptyEntry) return false;
        slots[slot] = entry;
        slot_of_symbol[PairTable::symbol(entry)] = slot;
    }
    slots_ = Column<std::uint64_t>(std::move(slots));
    displacements_ = Column<std::uint16_t>(std::move(placement.displacements));
    slot_of_symbol_ = Column<std::uint32_t>(std::move(slot_of_symbol));
    table_ = pair_table(placement.multipliers, displacements_.view(), slots_.view());
    return true;
}

Placement Merges::placement() const {
    const std::span<const std::uint16_t> displacements = displacements_.view();
    return {{table_.bucket_left, table_.bucket_right, table_.slot_left, table_.slot_right}, {displacements.begin(), displacements.end()}};
}

void Merges::save(SectionWriter& out) const {
    out.add<std::uint32_t>("merges.multipliers", placement().multipliers);
    out.add("merges.slots", slots_.view());
    out.add("merges.displacements", displacements_.view());
    out.add("merges.byte_pairs", byte_pairs_.view());
    out.add("merges.slot_of_symbol", slot_of_symbol_.view());
    out.add("merges.unreachable", unreachable_.view());
}

// What is checked here is what later steps rely on for staying inside their memory: symbols exist, and a merge is as
// long as its parts. (Whether the pairs are the right ones is the business of the snapshot's digest.)
Merges Merges::map(const SectionReader& in, const Vocabulary& vocabulary) {
    Merges merges;
    const std::uint32_t count = vocabulary.symbol_count();
    const auto multipliers = in.get<std::uint32_t>("merges.multipliers", 4);
    const auto slots = in.get<std::uint64_t>("merges.slots");
    const auto displacements = in.get<std::uint16_t>("merges.displacements");
    const auto byte_pairs = in.get<Symbol>("merges.byte_pairs", std::size_t(1) << 16);
    const auto slot_of_symbol = in.get<std::uint32_t>("merges.slot_of_symbol", count);
    const auto unreachable = in.get<Symbol>("merges.unreachable");
    if (!std::has_single_bit(slots.size()) || slots.size() < kMinSlots || slots.size() > std::size_t(kMaxSymbols) * 4)
        refuse_damaged("merges.slots has an impossible size");
    if (!std::has_single_bit(displacements.size()) || displacements.size() < (std::size_t(1) << kMinBucketBits) ||
        displacements.size() > slots.size())
        refuse_damaged("merges.displacements has an impossible size");

    const auto length = [&](Symbol symbol) { return vocabulary.bytes(symbol).size(); };
    for (const std::uint64_t entry : slots) {
        if (entry == kEmptyEntry) continue;
        const Symbol left = PairTable::left(entry), right = PairTable::right(entry), symbol = PairTable::symbol(entry);
        if (left >= count || right >= count || symbol >= count) refuse_damaged("merges.slots names a token that does not exist");
        if (length(symbol) != length(left) + length(right)) refuse_damaged("merges.slots makes a token of parts that do not add up");
    }
    for (const Symbol symbol : byte_pairs)
        if (symbol != kNoSymbol && (symbol >= count || length(symbol) != 2))
            refuse_damaged("merges.byte_pairs makes a token of a wrong length");
    for (const std::uint32_t slot : slot_of_symbol)
        if (slot != kNoSlot && (slot >= slots.size() || slots[slot] == kEmptyEntry))
            refuse_damaged("merges.slot_of_symbol points at nothing");
    for (std::size_t i = 0; i < unreachable.size(); ++i)
        if (unreachable[i] >= count || (i != 0 && unreachable[i] <= unreachable[i - 1])) refuse_damaged("merges.unreachable does not rise");

    merges.symbol_of_byte_ = vocabulary.symbol_of_byte();
    merges.slots_ = Column<std::uint64_t>::borrow(slots);
    merges.displacements_ = Column<std::uint16_t>::borrow(displacements);
    merges.byte_pairs_ = Column<Symbol>::borrow(byte_pairs);
    merges.slot_of_symbol_ = Column<std::uint32_t>::borrow(slot_of_symbol);
    merges.unreachable_ = Column<Symbol>::borrow(unreachable);
    merges.table_ = pair_table({multipliers[0], multipliers[1], multipliers[2], multipliers[3]}, displacements, slots);
    return merges;
}

}  // namespace tokmill::vocab
