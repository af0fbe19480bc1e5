// The one engine that learns merges: sequences of int32 symbols in, the most frequent neighbouring pair out, again and again.
//
// It knows nothing of text. A *sequence* is a run of symbols within which pairs may merge, with a count of how often it
// occurs; barriers are the ends of sequences. BPE training gives it the bytes of words, the second stage of superword training
// the words of a phrase, phrase training token ids. Who calls it decides what a merged pair becomes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "training/places.hpp"
#include "training/sequences.hpp"

namespace tokmill::training {

struct PairCount {
    std::int32_t left;
    std::int32_t right;
    std::int64_t count;
};

// Which pair is the best one.
enum class Objective : std::uint8_t {
    count,   // the most frequent
    length,  // the one whose count times its length is greatest (Length-MAX, arXiv 2511.20849)
};

// What limits the pairs, and orders them. The length of a symbol is whatever the caller counts: bytes, words.
struct MergeLimits {
    // A pair that a merge creates counts only if its lengths add up to less than this; the pairs of the beginning always count
    // (the rule of Hugging Face's max_token_length).
    std::uint32_t length_limit = ~std::uint32_t(0);
    bool also_first_pairs = false;  // hold those of the beginning to it as well
    Objective objective = Objective::count;
};

class MergeEngine {
public:
    // `lengths[s]` is the length of symbol s; all symbols of the sequences are below lengths.size(). Error(value) if they are more than
    // Sequences can hold.
    MergeEngine(Sequences sequences, const std::vector<std::uint32_t>& lengths, MergeLimits limits, Cancel& cancel);
    ~MergeEngine();

    // The best pair (by default the one with the greatest count); of equals the one with the least left symbol, then the least right one.
    // Nothing if no pair has a count of 1 or more. It stays on top until it is merged.
    std::optional<PairCount> top();

    // Merges the pair that top() returned wherever it stands, from left to right, into `made`: a new symbol (one more than the
    // greatest so far, its length the sum), or one that there is already, made of the same symbols of the beginning.
    void merge_top(std::int32_t made);

    // Passes over the pair that top() returned. It comes back if a later merge makes more of it.
    void drop_top();

    std::int32_t symbol_end() const noexcept { return static_cast<std::int32_t>(symbols_.size()); }
    // How often each symbol occurs in the sequences as they are now, weighted by their counts.
    std::vector<std::int64_t> symbol_counts() const;

private:
    using Slot = Sequences::Slot;
    struct Candidate {
        std::int64_t worth;  // see worth()
        std::uint64_t key;
        Places::List places;  // the borders at which it stands, rising; some may be where it no longer does
        bool operator<(const Candidate& other) const noexcept { return worth != other.worth ? worth < other.worth : key > other.key; }
    };
    struct Symbol {
        std::uint32_t length;
        std::uint32_t slots;
        bool remade;  // merged into more than once, so that its pairs may be candidates twice, each with a part of the places
    };
    // What happens to the pairs with one neighbour of the merged pair, summed over all its places.
    struct Neighbour {
        std::int64_t count = 0;
        std::uint32_t list = kNoList;
        std::uint32_t place_count = 0;
    };
    static constexpr std::uint32_t kNoList = ~std::uint32_t(0);
    struct Side {
        std::vector<Neighbour> neighbours;  // by symbol
        std::vector<std::int32_t> seen;
    };
    class PairCounts;
    class FirstPairs;

    static std::uint64_t key_of(std::int32_t left, std::int32_t right) noexcept {
        return std::uint64_t(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }
    static std::int32_t left_of(std::uint64_t key) noexcept { return static_cast<std::int32_t>(key >> 32); }
    static std::int32_t right_of(std::uint64_t key) noexcept { return static_cast<std::int32_t>(key & 0xFFFFFFFF); }

    std::uint64_t length(std::int32_t left, std::int32_t right) const noexcept {
        return std::uint64_t(symbols_[static_cast<std::size_t>(left)].length) + symbols_[static_cast<std::size_t>(right)].length;
    }
    // By what pairs are ordered, given their count; like counts, it only falls while a candidate waits.
    std::int64_t worth(std::uint64_t key, std::int64_t count) const noexcept {
        return limits_.objective == Objective::count ? count : count * static_cast<std::int64_t>(length(left_of(key), right_of(key)));
    }
    std::uint32_t slots(std::int32_t symbol) const noexcept { return symbols_[static_cast<std::size_t>(symbol)].slots; }
    bool is_remade(std::int32_t symbol) const noexcept { return symbols_[static_cast<std::size_t>(symbol)].remade; }
    // Does the pair of the merged symbol and this one count?
    bool is_short_enough(std::int32_t neighbour) const noexcept { return length(neighbour, made_) < limits_.length_limit; }
    bool stands_at(Slot border) const noexcept { return sequences_.left_of(border) == left_ && sequences_.right_of(border) == right_; }

    void add_symbol(const Symbol& symbol);
    void index_first_pairs(Cancel& cancel);
    Candidate take_top();
    void merge_at(Slot border);
    void merge_all_after(Slot header);
    void note(Side& side, std::int32_t symbol, std::int64_t count, Slot border);
    void settle();
    void settle_side(Side& side, bool is_left);
    void add_candidate(const Candidate& candidate);
    void wait(const Candidate& candidate);
    bool lower_horizon();

    MergeLimits limits_;
    std::vector<Symbol> symbols_;
    Sequences sequences_;

    std::unique_ptr<PairCounts> pair_counts_;
    std::vector<Candidate> heap_;  // those that were worth horizon_ or more when they came
    // The rest, by the bits that their worth has, else in no order. They grow without a second copy of themselves.
    std::array<std::deque<Candidate>, 64> waiting_;
    std::int64_t horizon_ = INT64_MAX;
    Places places_;

    // The merge that is going on.
    std::int32_t left_ = 0, right_ = 0, made_ = 0;
    std::uint32_t left_slots_ = 0, right_slots_ = 0;
    Side lefts_, rights_;
    // The places of the new pairs, in the order in which they were met, and where the next one of each list goes.
    struct Place {
        std::uint32_t list;  // Neighbour::list
        Slot border;
    };
    std::vector<Place> met_;
    std::uint32_t list_count_ = 0;
    std::vector<Slot*> next_of_list_;  // nullptr: the pair is no candidate
};

}  // namespace tokmill::training
