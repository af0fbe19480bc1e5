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

// Up to this many symbols the first pairs are counted in a square table.
constexpr std::size_t kMostSquareSymbols = 1024;

}  // namespace

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

MergeEngine::MergeEngine(Sequences sequences, const std::vector<std::uint32_t>& lengths, MergeLimits limits, Cancel& cancel)
    : limits_(limits), sequences_(std::move(sequences)), pair_counts_(std::make_unique<PairCounts>()) {
    for (const std::uint32_t length : lengths) add_symbol({length, 1, false});
    sequences_.finish();
    index_first_pairs(cancel);
}

MergeEngine::~MergeEngine() = default;

void MergeEngine::add_symbol(const Symbol& symbol) {
    if (symbol_end() >= Sequences::kSymbolEnd) throw Error(ErrorKind::value, "2^24 symbols or more; learn fewer");
    symbols_.push_back(symbol);
    lefts_.neighbours.emplace_back();
    rights_.neighbours.emplace_back();
}

// Two passes, one to count and one to fill, so that every list has exactly the size it needs.
void MergeEngine::index_first_pairs(Cancel& cancel) {
    struct Pair {
        std::int64_t count = 0;
        std::uint32_t place_count = 0;
        Places::List places = 0;
        Slot* next = nullptr;  // where its next place goes
    };
    FirstPairs numbers(symbols_.size());
    std::vector<Pair> pairs;
    const auto allowed = [&](std::int32_t left, std::int32_t right) {
        return !limits_.also_first_pairs || length(left, right) < limits_.length_limit;
    };
    sequences_.visit_first_pairs([&](std::int32_t left, std::int32_t right, std::int64_t count, Slot) {
        if (!allowed(left, right)) return;
        const std::uint32_t number = numbers.number(left, right);
        if (number == pairs.size()) pairs.emplace_back();
        pairs[number].count += count;
        ++pairs[number].place_count;
    });
    cancel.poll();
    for (Pair& pair : pairs) {
        pair.places = places_.make(pair.place_count);
        pair.next = places_[pair.places].data();
    }
    sequences_.visit_first_pairs([&](std::int32_t left, std::int32_t right, std::int64_t, Slot border) {
        if (allowed(left, right)) *pairs[numbers.number(left, right)].next++ = border;
    });
    cancel.poll();
    pair_counts_->reserve_more(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        (*pair_counts_)[numbers.keys()[i]] = pairs[i].count;
        wait({worth(numbers.keys()[i], pairs[i].count), numbers.keys()[i], pairs[i].places});
    }
}

std::optional<PairCount> MergeEngine::top() {
    for (;;) {
        if (heap_.empty()) {
            if (!lower_horizon()) return std::nullopt;
            continue;
        }
        const Candidate best = heap_.front();
        const std::int64_t count = (*pair_counts_)[best.key];
        const std::int64_t value = worth(best.key, count);
        if (value == best.worth) return PairCount{left_of(best.key), right_of(best.key), count};
        take_top();
        if (count > 0) {
            add_candidate({value, best.key, best.places});
        } else {
            places_.give_back(best.places);
        }
    }
}

void MergeEngine::add_candidate(const Candidate& candidate) {
    if (candidate.worth < horizon_) {
        wait(candidate);
        return;
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
}

void MergeEngine::wait(const Candidate& candidate) {
    waiting_[static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(candidate.worth)))].push_back(candidate);
}

// Most pairs occur a few times only, and many trainings never get to them: they wait in no order until the heap has run out of greater
// ones. Then those with the most bits come onto it, or wait on with fewer where they have fallen. False if nobody waits.
bool MergeEngine::lower_horizon() {
    std::size_t bits = waiting_.size() - 1;
    while (bits != 0 && waiting_[bits].empty()) --bits;
    if (bits == 0) return false;
    horizon_ = std::int64_t(1) << (bits - 1);
    constexpr std::size_t kAhead = 16;
    const std::deque<Candidate> candidates = std::exchange(waiting_[bits], {});
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (i + kAhead < candidates.size()) pair_counts_->fetch(candidates[i + kAhead].key);
        const Candidate& candidate = candidates[i];
        const std::int64_t count = (*pair_counts_)[candidate.key];
        const std::int64_t value = worth(candidate.key, count);
        if (value >= horizon_) {
            heap_.push_back({value, candidate.key, candidate.places});
        } else if (count > 0) {
            wait({value, candidate.key, candidate.places});
        } else {
            places_.give_back(candidate.places);
        }
    }
    std::make_heap(heap_.begin(), heap_.end());
    return true;
}

MergeEngine::Candidate MergeEngine::take_top() {
    std::pop_heap(heap_.begin(), heap_.end());
    const Candidate best = heap_.back();
    heap_.pop_back();
    return best;
}

void MergeEngine::drop_top() { places_.give_back(take_top().places); }

void MergeEngine::merge_top(std::int32_t made) {
    const Candidate best = take_top();
    left_ = left_of(best.key);
    right_ = right_of(best.key);
    made_ = made;
    left_slots_ = slots(left_);
    right_slots_ = slots(right_);
    const Symbol symbol{static_cast<std::uint32_t>(length(left_, right_)), left_slots_ + right_slots_, made != symbol_end()};
    if (symbol.remade) {
        symbols_[static_cast<std::size_t>(made)] = symbol;  // it may have been a number without a meaning until now
    } else {
        add_symbol(symbol);
    }
    const std::span<const Slot> borders = places_[best.places];
    // A merge is to reach every place in the sequences that the candidate names.
    const bool whole_sequences = is_remade(left_) || is_remade(right_);
    Slot last_header = ~Slot(0);
    constexpr std::size_t kAhead = 12;
    for (std::size_t i = 0; i < std::min(kAhead, borders.size()); ++i) sequences_.fetch(borders[i]);
    for (std::size_t i = 0; i < borders.size(); ++i) {
        if (i + kAhead < borders.size()) sequences_.fetch(borders[i + kAhead]);
        if (!whole_sequences) {
            if (stands_at(borders[i])) merge_at(borders[i]);
        } else if (const Slot header = sequences_.header_of(borders[i]); header != last_header) {
            last_header = header;
            merge_all_after(header);
        }
    }
    places_.give_back(best.places);
    settle();
}

void MergeEngine::merge_at(Slot border) {
    const Slot header = sequences_.header_of(border), begin = border - left_slots_, end = border + right_slots_;
    const std::int64_t count = sequences_.count_at(header);
    sequences_.join(begin, border, end, made_);
    if (begin != Sequences::first_of(header)) note(lefts_, sequences_.left_of(begin), count, begin);
    if (!sequences_.is_header(end)) note(rights_, sequences_.right_of(end), count, end);
}

void MergeEngine::merge_all_after(Slot header) {
    for (Slot begin = Sequences::first_of(header);;) {
        const Slot border = begin + slots(sequences_.right_of(begin));
        if (sequences_.is_header(border)) return;
        begin = border;
        if (!stands_at(border)) continue;
        merge_at(border);
        begin = border + right_slots_;
        if (sequences_.is_header(begin)) return;
    }
}

void MergeEngine::note(Side& side, std::int32_t symbol, std::int64_t count, Slot border) {
    Neighbour& neighbour = side.neighbours[static_cast<std::size_t>(symbol)];
    if (neighbour.list == kNoList) {
        neighbour.list = list_count_++;
        side.seen.push_back(symbol);
    }
    neighbour.count += count;
    ++neighbour.place_count;
    met_.push_back({neighbour.list, border});
}

// Brings what a merge changed to the table of counts and the heap.
void MergeEngine::settle() {
    PairCounts& counts = *pair_counts_;
    counts.reserve_more(2 * (lefts_.seen.size() + rights_.seen.size()));
    for (const std::int32_t x : lefts_.seen) {
        counts.fetch(key_of(x, left_));
        counts.fetch(key_of(x, made_));
    }
    for (const std::int32_t y : rights_.seen) {
        counts.fetch(key_of(right_, y));
        counts.fetch(key_of(made_, y));
    }
    for (const std::int32_t x : lefts_.seen) {
        const std::int64_t count = lefts_.neighbours[static_cast<std::size_t>(x)].count;
        counts[key_of(x, left_)] -= count;
        if (is_short_enough(x)) counts[key_of(x, made_)] += count;
    }
    for (const std::int32_t y : rights_.seen) {
        const std::int64_t count = rights_.neighbours[static_cast<std::size_t>(y)].count;
        counts[key_of(right_, y)] -= count;
        if (is_short_enough(y)) counts[key_of(made_, y)] += count;
    }
    // (made, made) can be met from both sides when `made` was there before: one candidate with the places of both.
    Neighbour& left = lefts_.neighbours[static_cast<std::size_t>(made_)];
    Neighbour& right = rights_.neighbours[static_cast<std::size_t>(made_)];
    if (left.place_count != 0 && right.place_count != 0) {
        for (Place& place : met_)
            if (place.list == right.list) place.list = left.list;
        left.place_count += std::exchange(right.place_count, 0);
    }
    next_of_list_.assign(list_count_, nullptr);
    settle_side(lefts_, true);
    settle_side(rights_, false);
    for (const Place& place : met_)
        if (Slot*& next = next_of_list_[place.list]) *next++ = place.border;
    met_.clear();
    list_count_ = 0;
}

// Makes candidates of the new pairs, with room for their places.
void MergeEngine::settle_side(Side& side, bool is_left) {
    for (const std::int32_t symbol : side.seen) {
        const Neighbour neighbour = std::exchange(side.neighbours[static_cast<std::size_t>(symbol)], Neighbour());
        if (neighbour.place_count == 0 || !is_short_enough(symbol)) continue;
        const std::uint64_t key = is_left ? key_of(symbol, made_) : key_of(made_, symbol);
        const std::int64_t count = (*pair_counts_)[key];
        if (count <= 0) continue;
        const Places::List places = places_.make(neighbour.place_count);
        next_of_list_[neighbour.list] = places_[places].data();
        add_candidate({worth(key, count), key, places});
    }
    side.seen.clear();
}

std::vector<std::int64_t> MergeEngine::symbol_counts() const {
    std::vector<std::int64_t> counts(symbols_.size());
    sequences_.visit_symbols([&](std::int32_t symbol) { return slots(symbol); },
                             [&](std::int32_t symbol, std::int64_t count) { counts[static_cast<std::size_t>(symbol)] += count; });
    return counts;
}

}  // namespace tokmill::training
