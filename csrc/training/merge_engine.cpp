// Greedy pair merging over counted sequences, in time that follows the number of places where something changes.
//
// Each pair that may still be merged is a candidate on a heap with the count it had when it was pushed and the list of its
// places. Counts only fall while a candidate waits (a pair gains places only in the merge that creates one of its symbols), so a
// candidate whose count is out of date is put back with the right one; what is on top with the right count is the
// greatest (candidates worth less than the heap's horizon wait outside of it). Lists are never corrected: a place where the pair no
// longer stands costs a look.
//
// One merge (a, b) -> n changes the pairs of its neighbours: x a b y loses (x, a) and (b, y) and gains (x, n) and (n, y). The
// sums are gathered in arrays indexed by x and y and go to the table of pair counts once a neighbour: four hash operations
// for a distinct neighbour instead of four for every place, which are ten times as many.
#include "training/merge_engine.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "base/errors.hpp"
#include "base/hash.hpp"

namespace tokmill::training {

namespace {

// Longer sequences are kept as linked lists: rewriting a short one costs its length, following links a cache line a symbol.
constexpr std::uint32_t kMaxShortLength = 64;
constexpr std::int32_t kMerged = -1;
constexpr std::uint32_t kNoPosition = ~std::uint32_t(0);
constexpr std::uint32_t kNoPlaces = ~std::uint32_t(0);
// Up to this many symbols the first pairs are counted in a square table.
constexpr std::size_t kMostSquareSymbols = 1024;

}  // namespace

void Sequences::reserve(std::size_t sequence_count, std::size_t symbol_count) {
    symbols_.reserve(symbol_count);
    lengths_.reserve(sequence_count);
    counts_.reserve(sequence_count);
}

void Sequences::add(std::span<const std::int32_t> symbols, std::int64_t count) {
    if (symbols.size() < 2) return;
    if (symbols.size() >= kNoPosition) throw Error(ErrorKind::value, "a sequence of 2^32 - 1 symbols or more; cut it");
    symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
    lengths_.push_back(static_cast<std::uint32_t>(symbols.size()));
    counts_.push_back(count);
}

// Pair -> count, open addressing, at most half full.
class MergeEngine::PairCounts {
public:
    PairCounts() { make(std::size_t(1) << 12); }
    std::int64_t& operator[](std::uint64_t key) {
        reserve_more(1);
        Slot& slot = *find(key);
        if (slot.key == kEmpty) {
            slot = {key, 0};
            ++size_;
        }
        return slot.count;
    }
    void reserve_more(std::size_t count) {
        if ((size_ + count) * 2 > mask_ + 1) grow(count);
    }

    void fetch(std::uint64_t key) const noexcept { __builtin_prefetch(&slots_[mix(key, hash_key_.words[0]) & mask_], 1); }

private:
    static constexpr std::uint64_t kEmpty = ~std::uint64_t(0);
    struct Slot {
        std::uint64_t key;
        std::int64_t count;
    };
    Slot* find(std::uint64_t key) {
        std::size_t at = mix(key, hash_key_.words[0]) & mask_;
        while (slots_[at].key != key && slots_[at].key != kEmpty) at = (at + 1) & mask_;
        return &slots_[at];
    }
    void make(std::size_t slot_count) {
        slots_ = Buffer<Slot>(slot_count);
        std::memset(slots_.data(), 0xFF, slot_count * sizeof(Slot));  // kEmpty
        mask_ = slot_count - 1;
    }
    // A pair that came down to 0 is as one that was never there: it goes. A third of them have when the table is full, so that it often
    // need not become larger.
    void grow(std::size_t count) {
        const std::size_t slot_count = mask_ + 1;
        Buffer<Slot> before = std::move(slots_);
        size_ = 0;
        for (std::size_t i = 0; i < slot_count; ++i) size_ += is_alive(before[i]);
        make(std::max(slot_count, std::bit_ceil((size_ + count) * 5 / 2)));
        for (std::size_t i = 0; i < slot_count; ++i)
            if (is_alive(before[i])) *find(before[i].key) = before[i];
    }
    static bool is_alive(const Slot& slot) noexcept { return slot.key != kEmpty && slot.count != 0; }

    HashKey hash_key_ = process_hash_key();
    Buffer<Slot> slots_;
    std::size_t mask_ = 0;
    std::size_t size_ = 0;
};

// Numbers the pairs of the beginning: through a square table for few symbols, else through a hash.
class MergeEngine::FirstPairs {
public:
    explicit FirstPairs(std::size_t symbol_end) : symbol_end_(symbol_end) {
        if (symbol_end <= kMostSquareSymbols) square_.assign(symbol_end * symbol_end, 0);
    }
    // The number of the pair; a new one gets the next.
    std::uint32_t number(std::int32_t left, std::int32_t right) {
        return square_.empty()
                   ? number_at(hashed_[key_of(left, right)], left, right)
                   : number_at(square_[static_cast<std::size_t>(left) * symbol_end_ + static_cast<std::size_t>(right)], left, right);
    }
    const std::vector<std::uint64_t>& keys() const noexcept { return keys_; }

private:
    template <class Known>
    std::uint32_t number_at(Known& known, std::int32_t left, std::int32_t right) {
        if (known == 0) {
            keys_.push_back(key_of(left, right));
            known = static_cast<Known>(keys_.size());
        }
        return static_cast<std::uint32_t>(known) - 1;
    }

    std::size_t symbol_end_;
    std::vector<std::uint32_t> square_;  // the number + 1, 0 for none
    PairCounts hashed_;                  // the same
    std::vector<std::uint64_t> keys_;
};

MergeEngine::MergeEngine(Sequences sequences, std::vector<std::uint32_t> lengths, MergeLimits limits, Cancel& cancel)
    : limits_(limits), lengths_(std::move(lengths)), pair_counts_(std::make_unique<PairCounts>()) {
    lay_out(sequences);
    sequences = Sequences();  // 40 MB for 100 MB of text, while the index takes as much
    index_first_pairs(cancel);
    lefts_.resize(lengths_.size());
    rights_.resize(lengths_.size());
}

MergeEngine::~MergeEngine() = default;

void MergeEngine::lay_out(const Sequences& sequences) {
    std::size_t short_words = 0;
    std::size_t long_symbols = 0;
    for (const std::uint32_t length : sequences.lengths_) {
        if (length <= kMaxShortLength) {
            short_words += kHeaderWords + length;
        } else {
            long_symbols += length;
        }
    }
    if (short_words + long_symbols >= kNoPosition)
        throw Error(ErrorKind::value, "more than 2^32 - 2 symbols in all distinct sequences; prune rare ones, or train on less text");
    shorts_.reserve_discarding(short_words + 1);
    long_symbols_.reserve(long_symbols);
    links_.reserve(long_symbols);
    const std::int32_t* symbols = sequences.symbols_.data();
    for (std::size_t i = 0; i < sequences.size(); symbols += sequences.lengths_[i++]) {
        const std::uint32_t length = sequences.lengths_[i];
        const std::int64_t count = sequences.counts_[i];
        if (length <= kMaxShortLength) {
            std::uint32_t* const to = shorts_.data() + shorts_end_;
            to[0] = to[1] = length;
            to[2] = static_cast<std::uint32_t>(count);
            to[3] = static_cast<std::uint32_t>(count >> 32);
            std::copy_n(symbols, length, to + kHeaderWords);
            shorts_end_ += kHeaderWords + length;
            continue;
        }
        const auto first = static_cast<std::uint32_t>(long_symbols_.size());
        const auto sequence = static_cast<std::uint32_t>(long_counts_.size());
        for (std::uint32_t k = 0; k < length; ++k) {
            long_symbols_.push_back(symbols[k]);
            links_.push_back({k == 0 ? kNoPosition : first + k - 1, k + 1 == length ? kNoPosition : first + k + 1, sequence});
        }
        long_counts_.push_back(count);
        long_firsts_.push_back(first);
    }
}

std::int64_t MergeEngine::short_count(std::uint32_t at) const noexcept {
    return static_cast<std::int64_t>(std::uint64_t(shorts_[at + 3]) << 32 | shorts_[at + 2]);
}

// Calls visit(left, right, count, item) for every pair of the beginning.
template <class Visit>
void MergeEngine::visit_pairs(Visit&& visit) const {
    for (std::uint32_t at = 0; at < shorts_end_;) {
        const std::uint32_t length = shorts_[at];
        const std::uint32_t* const symbols = shorts_.data() + at + kHeaderWords;
        for (std::uint32_t k = 0; k + 1 < length; ++k)
            visit(static_cast<std::int32_t>(symbols[k]), static_cast<std::int32_t>(symbols[k + 1]), short_count(at), at);
        at += kHeaderWords + length;
    }
    const auto first_long = shorts_end_;
    for (std::uint32_t position = 0; position < links_.size(); ++position) {
        const Link& link = links_[position];
        if (link.next == kNoPosition) continue;
        visit(long_symbols_[position], long_symbols_[link.next], long_counts_[link.sequence], first_long + position);
    }
}

// Two passes, one to count and one to fill, so that every list has exactly the size it needs.
void MergeEngine::index_first_pairs(Cancel& cancel) {
    struct Pair {
        std::int64_t count = 0;
        Item last = ~Item(0);
        std::uint32_t item_count = 0;
        Item* next = nullptr;  // where its next place goes
    };
    FirstPairs numbers(lengths_.size());
    std::vector<Pair> pairs;
    const auto allowed = [&](std::int32_t left, std::int32_t right) {
        return !limits_.also_first_pairs ||
               std::uint64_t(lengths_[static_cast<std::size_t>(left)]) + lengths_[static_cast<std::size_t>(right)] < limits_.length_limit;
    };
    visit_pairs([&](std::int32_t left, std::int32_t right, std::int64_t count, Item item) {
        if (!allowed(left, right)) return;
        const std::uint32_t number = numbers.number(left, right);
        if (number == pairs.size()) pairs.emplace_back();
        Pair& pair = pairs[number];
        pair.count += count;
        if (pair.last != item) ++pair.item_count;
        pair.last = item;
    });
    cancel.poll();
    places_.resize(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        places_[i] = Places(pairs[i].item_count);
        places_[i].keep_first(pairs[i].item_count);
        pairs[i].next = places_[i].begin();
        pairs[i].last = ~Item(0);
    }
    visit_pairs([&](std::int32_t left, std::int32_t right, std::int64_t, Item item) {
        if (!allowed(left, right)) return;
        Pair& pair = pairs[numbers.number(left, right)];
        if (pair.last != item) *pair.next++ = item;
        pair.last = item;
    });
    cancel.poll();
    pair_counts_->reserve_more(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        (*pair_counts_)[numbers.keys()[i]] = pairs[i].count;
        const std::int64_t value = worth(numbers.keys()[i], pairs[i].count);
        horizon_ = std::max(horizon_, value);
        waiting_.push_back({value, numbers.keys()[i], static_cast<std::uint32_t>(i)});
    }
}

std::optional<PairCount> MergeEngine::top() {
    for (;;) {
        if (heap_.empty()) {
            if (waiting_.empty()) return std::nullopt;
            lower_horizon();
            continue;
        }
        const Candidate best = heap_.front();
        const std::int64_t count = (*pair_counts_)[best.key];
        const std::int64_t value = worth(best.key, count);
        if (value == best.worth && value >= horizon_)
            return PairCount{static_cast<std::int32_t>(best.key >> 32), static_cast<std::int32_t>(best.key & 0xFFFFFFFF), count};
        std::pop_heap(heap_.begin(), heap_.end());
        heap_.pop_back();
        if (count > 0) {
            add_candidate({value, best.key, best.places});
        } else {
            drop_candidate(best);
        }
    }
}

void MergeEngine::add_candidate(const Candidate& candidate) {
    if (candidate.worth < horizon_) {
        waiting_.push_back(candidate);
        return;
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
}

void MergeEngine::drop_candidate(const Candidate& candidate) {
    places_[candidate.places] = Places();
    free_places_.push_back(candidate.places);
}

// Most pairs occur a few times only, and many trainings never get to them: they wait in no order until the heap has run
// out of greater ones. A few dozen passes over them cost less than hundreds of thousands of pushes.
void MergeEngine::lower_horizon() {
    horizon_ = std::max<std::int64_t>(horizon_ / 2, 1);
    auto kept = waiting_.begin();
    for (const Candidate& candidate : waiting_) {
        if (candidate.worth < horizon_) {  // it can only have fallen further
            *kept++ = candidate;
            continue;
        }
        const std::int64_t count = (*pair_counts_)[candidate.key];
        const std::int64_t value = worth(candidate.key, count);
        if (value >= horizon_) {
            heap_.push_back({value, candidate.key, candidate.places});
        } else if (count > 0) {
            *kept++ = {value, candidate.key, candidate.places};
        } else {
            drop_candidate(candidate);
        }
    }
    waiting_.erase(kept, waiting_.end());
    std::make_heap(heap_.begin(), heap_.end());
}

void MergeEngine::drop_top() {
    const Candidate best = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    drop_candidate(best);
}

void MergeEngine::merge_top(std::int32_t made) {
    const Candidate best = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    left_ = static_cast<std::int32_t>(best.key >> 32);
    right_ = static_cast<std::int32_t>(best.key & 0xFFFFFFFF);
    made_ = made;
    const std::uint32_t made_length = length(best.key);
    if (made != symbol_end()) {
        any_old_ = true;
        lengths_[static_cast<std::size_t>(made)] = made_length;  // it may have been a number without a meaning until now
    } else {
        lengths_.push_back(made_length);
        lefts_.emplace_back();
        rights_.emplace_back();
    }
    Places places = std::move(places_[best.places]);
    free_places_.push_back(best.places);
    const Item* const items = places.begin();
    const auto first_long = shorts_end_;
    const auto fetch = [&](std::uint32_t i) {
        if (i >= places.size()) return;
        if (items[i] >= first_long) {
            __builtin_prefetch(long_symbols_.data() + (items[i] - first_long), 1);
            __builtin_prefetch(links_.data() + (items[i] - first_long), 1);
            return;
        }
        __builtin_prefetch(shorts_.data() + items[i], 1);
        __builtin_prefetch(shorts_.data() + items[i] + kCacheLineBytes / sizeof(std::uint32_t), 1);  // most sequences end there
    };
    constexpr std::uint32_t kAhead = 12;
    for (std::uint32_t i = 0; i < kAhead; ++i) fetch(i);
    std::uint32_t whole_sequence = kNoPosition;  // the last one that was gone through whole
    for (std::uint32_t i = 0; i < places.size(); ++i) {
        fetch(i + kAhead);
        if (items[i] < first_long) {
            merge_in_short(items[i]);
            continue;
        }
        const std::uint32_t position = items[i] - first_long;
        if (!any_old_) {
            merge_in_long(position);
        } else if (links_[position].sequence != whole_sequence) {
            whole_sequence = links_[position].sequence;
            merge_all_of_long(whole_sequence);
        }
    }
    settle();
}

void MergeEngine::merge_in_short(std::uint32_t at) {
    const std::uint32_t length = shorts_[at + 1];
    std::uint32_t* const symbols = shorts_.data() + at + kHeaderWords;
    const auto left = static_cast<std::uint32_t>(left_);
    const auto right = static_cast<std::uint32_t>(right_);
    std::uint32_t from = 0;
    while (from + 1 < length && (symbols[from] != left || symbols[from + 1] != right)) ++from;
    if (from + 1 >= length) return;
    const std::int64_t count = short_count(at);
    std::uint32_t to = from;
    while (from < length) {
        if (symbols[from] != left || from + 1 == length || symbols[from + 1] != right) {
            symbols[to++] = symbols[from++];
            continue;
        }
        if (to != 0) note(lefts_, seen_lefts_, static_cast<std::int32_t>(symbols[to - 1]), count, at);
        symbols[to++] = static_cast<std::uint32_t>(made_);
        from += 2;
        if (from != length) note(rights_, seen_rights_, static_cast<std::int32_t>(symbols[from]), count, at);
    }
    shorts_[at + 1] = to;
}

void MergeEngine::merge_in_long(std::uint32_t position) {
    if (long_symbols_[position] != left_) return;
    Link& link = links_[position];
    const std::uint32_t second = link.next;
    if (second == kNoPosition || long_symbols_[second] != right_) return;
    const auto first_long = shorts_end_;
    const std::int64_t count = long_counts_[link.sequence];
    if (link.previous != kNoPosition) note(lefts_, seen_lefts_, long_symbols_[link.previous], count, first_long + link.previous);
    long_symbols_[position] = made_;
    long_symbols_[second] = kMerged;
    link.next = links_[second].next;
    if (link.next == kNoPosition) return;
    links_[link.next].previous = position;
    note(rights_, seen_rights_, long_symbols_[link.next], count, first_long + position);
}

// Once a symbol was made a second time, the places of a pair may be those of one of its candidates only; but a merge is to
// reach every place in the sequences that the candidate names.
void MergeEngine::merge_all_of_long(std::uint32_t sequence) {
    for (std::uint32_t at = long_firsts_[sequence]; at != kNoPosition; at = links_[at].next) merge_in_long(at);
}

void MergeEngine::note(std::vector<Neighbour>& side, std::vector<std::int32_t>& seen, std::int32_t symbol, std::int64_t count, Item item) {
    Neighbour& neighbour = side[static_cast<std::size_t>(symbol)];
    if (!neighbour.seen) {
        neighbour.seen = true;
        seen.push_back(symbol);
    }
    neighbour.lost += count;
    if (std::uint64_t(lengths_[static_cast<std::size_t>(symbol)]) + lengths_[static_cast<std::size_t>(made_)] >= limits_.length_limit)
        return;
    neighbour.gained += count;
    if (neighbour.list < 0) {
        neighbour.list = static_cast<std::int32_t>(list_sizes_.size());
        list_sizes_.push_back(0);
    } else if (neighbour.last == item) {
        return;
    }
    neighbour.last = item;
    ++list_sizes_[static_cast<std::size_t>(neighbour.list)];
    met_.push_back({static_cast<std::uint32_t>(neighbour.list), item});
}

// Brings what a merge changed to the table of counts and the heap.
void MergeEngine::settle() {
    PairCounts& counts = *pair_counts_;
    counts.reserve_more(2 * (seen_lefts_.size() + seen_rights_.size()));
    for (const std::int32_t x : seen_lefts_) {
        counts.fetch(key_of(x, left_));
        counts.fetch(key_of(x, made_));
    }
    for (const std::int32_t y : seen_rights_) {
        counts.fetch(key_of(right_, y));
        counts.fetch(key_of(made_, y));
    }
    for (const std::int32_t x : seen_lefts_) {
        counts[key_of(x, left_)] -= lefts_[static_cast<std::size_t>(x)].lost;
        if (const std::int64_t gained = lefts_[static_cast<std::size_t>(x)].gained) counts[key_of(x, made_)] += gained;
    }
    for (const std::int32_t y : seen_rights_) {
        counts[key_of(right_, y)] -= rights_[static_cast<std::size_t>(y)].lost;
        if (const std::int64_t gained = rights_[static_cast<std::size_t>(y)].gained) counts[key_of(made_, y)] += gained;
    }
    // (made, made) can be met from both sides when `made` was there before: one candidate with the places of both.
    const std::int32_t left_list = lefts_[static_cast<std::size_t>(made_)].list;
    std::int32_t& right_list = rights_[static_cast<std::size_t>(made_)].list;
    const bool met_twice = left_list >= 0 && right_list >= 0;
    if (met_twice) {
        const auto to = static_cast<std::uint32_t>(left_list), from = static_cast<std::uint32_t>(right_list);
        for (Place& place : met_)
            if (place.list == from) place.list = to;
        list_sizes_[to] += list_sizes_[from];
        right_list = -1;
    }
    places_of_list_.assign(list_sizes_.size(), kNoPlaces);
    settle_side(lefts_, seen_lefts_, true);
    settle_side(rights_, seen_rights_, false);
    for (const Place& place : met_)
        if (const std::uint32_t number = places_of_list_[place.list]; number != kNoPlaces) places_[number].push_back(place.item);
    if (met_twice && places_of_list_[static_cast<std::size_t>(left_list)] != kNoPlaces) {
        Places& both = places_[places_of_list_[static_cast<std::size_t>(left_list)]];
        std::sort(both.begin(), both.begin() + both.size());
        both.keep_first(static_cast<std::uint32_t>(std::unique(both.begin(), both.begin() + both.size()) - both.begin()));
    }
    met_.clear();
    list_sizes_.clear();
}

// Makes candidates of the new pairs, with room for their places.
void MergeEngine::settle_side(std::vector<Neighbour>& side, std::vector<std::int32_t>& seen, bool is_left) {
    for (const std::int32_t symbol : seen) {
        Neighbour& neighbour = side[static_cast<std::size_t>(symbol)];
        if (neighbour.list >= 0) {
            const std::uint64_t key = is_left ? key_of(symbol, made_) : key_of(made_, symbol);
            const auto list = static_cast<std::size_t>(neighbour.list);
            if (const std::int64_t count = (*pair_counts_)[key]; count > 0) {
                places_of_list_[list] = new_places(list_sizes_[list]);
                add_candidate({worth(key, count), key, places_of_list_[list]});
            }
        }
        neighbour = Neighbour();
    }
    seen.clear();
}

std::uint32_t MergeEngine::new_places(std::uint32_t room) {
    if (free_places_.empty()) {
        places_.emplace_back(room);
        return static_cast<std::uint32_t>(places_.size() - 1);
    }
    const std::uint32_t number = free_places_.back();
    free_places_.pop_back();
    places_[number] = Places(room);
    return number;
}

std::vector<std::int64_t> MergeEngine::symbol_counts() const {
    std::vector<std::int64_t> counts(lengths_.size());
    for (std::uint32_t at = 0; at < shorts_end_; at += kHeaderWords + shorts_[at])
        for (std::uint32_t k = 0; k < shorts_[at + 1]; ++k) counts[shorts_[at + kHeaderWords + k]] += short_count(at);
    for (std::uint32_t position = 0; position < links_.size(); ++position)
        if (long_symbols_[position] != kMerged)
            counts[static_cast<std::size_t>(long_symbols_[position])] += long_counts_[links_[position].sequence];
    return counts;
}

}  // namespace tokmill::training
