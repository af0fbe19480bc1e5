// From a vocabulary to its pairs, and from the pairs to a perfect hash.
//
// Pairs: the bytes of each token are merged with the pairs of all *shorter* tokens; if two symbols remain, they are the
// token's pair. Shorter, not lower in rank: everything that can happen inside a token happens in shorter ones, while
// its parts may have any rank. A hash that allows linear probing serves while the pairs are found one after the other;
// then the perfect hash is laid out at once.
//
// Perfect hash: buckets are placed in the order of falling size, each with the first displacement for which all of its keys
// fall on free slots (Belazzougui, Botelho and Dietzfelbinger, "Hash, displace, and compress", 2009). Deterministic: the same
// vocabulary gives the same table.
#include <algorithm>
#include <bit>
#include <string>

#include "base/errors.hpp"
#include "vocab/pair_merging.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::vocab {

namespace {

constexpr std::uint64_t kEmptyEntry = ~std::uint64_t(0);
constexpr std::uint32_t kSymbolBits = PairTable::kSymbolBits;
constexpr std::uint32_t kMinBucketBits = 4, kMinSlots = 256;
constexpr std::uint32_t kMaxBucketKeys = 64;  // 8 on average at most; more than this is a hash that does not fit the keys
constexpr int kSeedsTried = 64;

// splitmix64 (Steele, Lea and Flood, 2014): a stream of well mixed numbers out of a counter.
std::uint64_t mixed(std::uint64_t counter) {
    std::uint64_t z = (counter + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

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

Merges Merges::build(const Vocabulary& vocabulary) {
    Merges merges;
    merges.symbol_of_byte_ = vocabulary.symbol_of_byte();
    GrowingPairs pairs(vocabulary.symbol_count());
    std::vector<Symbol> byte_pairs(std::size_t(1) << 16, kNoSymbol);  // complete once all tokens of two bytes are seen
    std::vector<Symbol> unreachable;
    Buffer<Symbol> symbols(std::max<std::size_t>(vocabulary.max_token_bytes(), kMaxPlainMerge));
    Symbol ranks[kMaxPlainMerge];
    TreeMerger tree;
    for (const Symbol symbol : by_length(vocabulary)) {
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
            count = tree.merge(pairs, symbols.data(), count, [] {});
        }
        if (count == 2) {
            pairs.add(symbols[0], symbols[1], symbol);
        } else {
            unreachable.push_back(symbol);
        }
    }
    std::sort(unreachable.begin(), unreachable.end());
    merges.unreachable_ = Column<Symbol>(std::move(unreachable));
    merges.place(pairs.entries(), vocabulary.symbol_count());
    merges.byte_pairs_ = Column<Symbol>(std::move(byte_pairs));
    return merges;
}

Merges Merges::build(const Vocabulary& vocabulary, std::span<const std::pair<Symbol, Symbol>> parts) {
    Merges merges;
    merges.symbol_of_byte_ = vocabulary.symbol_of_byte();
    std::vector<std::uint64_t> entries;
    entries.reserve(parts.size());
    std::vector<Symbol> byte_pairs(std::size_t(1) << 16, kNoSymbol);
    std::vector<Symbol> unreachable;
    for (Symbol symbol = 0; symbol < parts.size(); ++symbol) {
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
    merges.place(entries, vocabulary.symbol_count());
    merges.byte_pairs_ = Column<Symbol>(std::move(byte_pairs));
    return merges;
}

void Merges::place(std::span<const std::uint64_t> entries, std::uint32_t symbol_count) {
    const std::size_t count = entries.size();
    const std::size_t slot_count = std::bit_ceil(std::max<std::size_t>(count + count / 4, kMinSlots));
    const std::uint32_t bucket_bits = std::max<std::uint32_t>(kMinBucketBits, static_cast<std::uint32_t>(std::bit_width(count / 8)));
    const std::size_t bucket_count = std::size_t(1) << bucket_bits;

    std::vector<std::uint32_t> hashes(count);            // slot hashes of all entries, grouped by bucket
    std::vector<std::uint32_t> begin(bucket_count + 1);  // bucket b: hashes[begin[b], begin[b + 1])
    std::vector<std::uint32_t> order(bucket_count), size_begin(kMaxBucketKeys + 2);
    std::vector<std::uint64_t> slots(slot_count);
    std::vector<std::uint64_t> taken(slot_count / 64);  // one bit a slot: stays in the first-level cache
    std::vector<std::uint16_t> displacements(bucket_count);

    PairTable table;
    table.bucket_shift = 32 - bucket_bits;
    table.slot_mask = static_cast<std::uint32_t>(slot_count - 1);
    const auto left_of = [](std::uint64_t entry) { return static_cast<Symbol>(entry >> 42); };
    const auto right_of = [](std::uint64_t entry) { return static_cast<Symbol>(entry >> kSymbolBits) & kNoSymbol; };

    const auto group = [&] {
        std::fill(begin.begin(), begin.end(), 0);
        for (const std::uint64_t entry : entries) ++begin[table.bucket(left_of(entry), right_of(entry))];
        std::fill(size_begin.begin(), size_begin.end(), 0);
        std::uint32_t sum = 0;
        for (std::size_t b = 0; b < bucket_count; ++b) {
            const std::uint32_t size = begin[b];
            if (size > kMaxBucketKeys) return false;
            ++size_begin[size];
            begin[b] = sum += size;
        }
        begin[bucket_count] = sum;
        for (std::uint32_t size = kMaxBucketKeys, at = 0; size <= kMaxBucketKeys; --size) at += std::exchange(size_begin[size], at);
        for (std::size_t i = count; i-- != 0;) {
            const Symbol left = left_of(entries[i]), right = right_of(entries[i]);
            hashes[--begin[table.bucket(left, right)]] = left * table.slot_left + right * table.slot_right;
        }
        for (std::size_t b = 0; b < bucket_count; ++b) order[size_begin[begin[b + 1] - begin[b]]++] = static_cast<std::uint32_t>(b);
        return true;
    };
    const auto displace = [&] {
        std::fill(taken.begin(), taken.end(), 0);
        std::fill(displacements.begin(), displacements.end(), std::uint16_t(0));
        std::uint32_t places[kMaxBucketKeys];
        for (const std::uint32_t b : order) {
            const std::uint32_t* keys = hashes.data() + begin[b];
            const std::uint32_t size = begin[b + 1] - begin[b];
            const auto fits = [&](std::uint32_t displacement) {
                for (std::uint32_t i = 0; i < size; ++i) {
                    const std::uint32_t place = table.displaced(keys[i], displacement);
                    if ((taken[place / 64] >> (place % 64) & 1) != 0) return false;
                    for (std::uint32_t j = 0; j < i; ++j)
                        if (places[j] == place) return false;
                    places[i] = place;
                }
                return true;
            };
            // Shifts change faster than the bits to xor: two keys that agree under one shift differ under the next.
            constexpr std::uint32_t kDisplacements = 1u << PairTable::kDisplacementBits,
                                    kShiftBits = PairTable::kDisplacementBits - PairTable::kShiftAt;
            const auto displacement = [](std::uint32_t attempt) {
                return (attempt << PairTable::kShiftAt | attempt >> kShiftBits) & (kDisplacements - 1);
            };
            std::uint32_t attempt = 0;
            while (attempt < kDisplacements && !fits(displacement(attempt))) ++attempt;
            if (attempt == kDisplacements) return false;
            displacements[b] = static_cast<std::uint16_t>(displacement(attempt));
            for (std::uint32_t i = 0; i < size; ++i) taken[places[i] / 64] |= std::uint64_t(1) << (places[i] % 64);
        }
        return true;
    };

    std::array<std::uint32_t, 4> multipliers{};
    for (int seed = 0;; ++seed) {
        if (seed == kSeedsTried)
            throw Error(ErrorKind::vocabulary, "the merges collide under every hash that was tried; the file looks made for that");
        for (std::size_t i = 0; i < 4; ++i)
            multipliers[i] = static_cast<std::uint32_t>(mixed(4 * static_cast<std::uint64_t>(seed) + i) >> 32) | 1;
        table.bucket_left = multipliers[0];
        table.bucket_right = multipliers[1];
        table.slot_left = multipliers[2];
        table.slot_right = multipliers[3];
        if (group() && displace()) break;
    }

    std::fill(slots.begin(), slots.end(), kEmptyEntry);
    std::vector<std::uint32_t> slot_of_symbol(symbol_count, kNoSlot);
    table.displacements = displacements.data();
    for (const std::uint64_t entry : entries) {
        const std::uint32_t slot = table.slot(left_of(entry), right_of(entry));
        slots[slot] = entry;
        slot_of_symbol[static_cast<Symbol>(entry) & kNoSymbol] = slot;
    }
    slots_ = Column<std::uint64_t>(std::move(slots));
    displacements_ = Column<std::uint16_t>(std::move(displacements));
    slot_of_symbol_ = Column<std::uint32_t>(std::move(slot_of_symbol));
    point(multipliers);
}

void Merges::point(const std::array<std::uint32_t, 4>& multipliers) {
    table_.slots = slots_.data();
    table_.displacements = displacements_.data();
    table_.bucket_left = multipliers[0];
    table_.bucket_right = multipliers[1];
    table_.slot_left = multipliers[2];
    table_.slot_right = multipliers[3];
    table_.bucket_shift = 32 - static_cast<std::uint32_t>(std::countr_zero(displacements_.size()));
    table_.slot_mask = static_cast<std::uint32_t>(slots_.size() - 1);
}

void Merges::save(SectionWriter& out) const {
    const std::uint32_t meta[] = {table_.bucket_left, table_.bucket_right, table_.slot_left, table_.slot_right};
    out.add<std::uint32_t>("merges.multipliers", meta);
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
        const Symbol left = static_cast<Symbol>(entry >> 42), right = static_cast<Symbol>(entry >> kSymbolBits) & kNoSymbol,
                     symbol = static_cast<Symbol>(entry) & kNoSymbol;
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
    merges.point({multipliers[0], multipliers[1], multipliers[2], multipliers[3]});
    return merges;
}

}  // namespace tokmill::vocab
