// The one engine that learns merges: sequences of int32 symbols in, the most frequent neighbouring pair out, again and again.
//
// It knows nothing of text. A *sequence* is a run of symbols within which pairs may merge, with a count of how often it
// occurs; barriers are the ends of sequences. BPE training gives it the bytes of words, the second stage of superword training
// the words of a phrase, phrase training token ids. Who calls it decides what a merged pair becomes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"

namespace tokmill::training {

// Counted sequences of symbols, back to back.
class Sequences {
public:
    void reserve(std::size_t sequence_count, std::size_t symbol_count);
    // Symbols are not negative. A sequence of fewer than two has no pairs and is left out.
    void add(std::span<const std::int32_t> symbols, std::int64_t count);

    std::size_t size() const noexcept { return lengths_.size(); }
    std::size_t symbol_count() const noexcept { return symbols_.size(); }

private:
    friend class MergeEngine;
    std::vector<std::int32_t> symbols_;
    std::vector<std::uint32_t> lengths_;
    std::vector<std::int64_t> counts_;
};

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
    // `lengths[s]` is the length of symbol s; all symbols of the sequences are below lengths.size(). Error(value) if the
    // sequences are too large for 32-bit positions.
    MergeEngine(Sequences sequences, std::vector<std::uint32_t> lengths, MergeLimits limits, Cancel& cancel);
    ~MergeEngine();

    // The best pair (by default the one with the greatest count); of equals the one with the least left symbol, then the least right one.
    // Nothing if no pair has a count of 1 or more. It stays on top until it is merged.
    std::optional<PairCount> top();

    // Merges the pair that top() returned wherever it stands, from left to right, into `made`: a new symbol (one more than the
    // greatest so far, its length the sum), or one that there is already.
    void merge_top(std::int32_t made);

    // Passes over the pair that top() returned. It comes back if a later merge makes more of it.
    void drop_top();

    std::int32_t symbol_end() const noexcept { return static_cast<std::int32_t>(lengths_.size()); }
    // How often each symbol occurs in the sequences as they are now, weighted by their counts.
    std::vector<std::int64_t> symbol_counts() const;

private:
    using Item = std::uint32_t;  // where a short sequence lies in shorts_, or a place in a long one: shorts_end_ + position
    // Where a pair occurs; may name places where it no longer does. Two thirds of all pairs have one place or two: those need no memory of
    // their own. 16 bytes, since there are a million.
    class Places {
    public:
        Places() = default;
        explicit Places(std::uint32_t room) : room_(room) {
            if (room > kInside) storage_.items = new Item[room];
        }
        Places(Places&& other) noexcept { *this = std::move(other); }
        Places& operator=(Places&& other) noexcept {
            std::swap(storage_, other.storage_);
            std::swap(room_, other.room_);
            std::swap(count_, other.count_);
            return *this;
        }
        ~Places() {
            if (room_ > kInside) delete[] storage_.items;
        }
        void push_back(Item item) noexcept { begin()[count_++] = item; }
        std::uint32_t size() const noexcept { return count_; }
        Item* begin() noexcept { return room_ > kInside ? storage_.items : storage_.inside; }
        void keep_first(std::uint32_t count) noexcept { count_ = count; }

    private:
        static constexpr std::uint32_t kInside = 2;
        union Storage {
            Item inside[kInside] = {};
            Item* items;  // with room for more
        };
        Storage storage_;
        std::uint32_t room_ = 0;
        std::uint32_t count_ = 0;
    };
    struct Candidate {
        std::int64_t worth;  // see worth()
        std::uint64_t key;
        std::uint32_t places;
        bool operator<(const Candidate& other) const noexcept { return worth != other.worth ? worth < other.worth : key > other.key; }
    };
    // What happens to the pairs with one neighbour of the merged pair, summed over all its places.
    struct Neighbour {
        std::int64_t lost = 0;
        std::int64_t gained = 0;
        std::int32_t list = -1;  // of list_sizes_, -1: none yet
        Item last = 0;           // that went to the list
        bool seen = false;
    };
    class PairCounts;
    class FirstPairs;

    static std::uint64_t key_of(std::int32_t left, std::int32_t right) noexcept {
        return std::uint64_t(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
    }

    std::uint32_t length(std::uint64_t key) const noexcept {
        return lengths_[static_cast<std::size_t>(key >> 32)] + lengths_[static_cast<std::size_t>(key & 0xFFFFFFFF)];
    }
    // By what pairs are ordered, given their count; like counts, it only falls while a candidate waits.
    std::int64_t worth(std::uint64_t key, std::int64_t count) const noexcept {
        return limits_.objective == Objective::count ? count : count * length(key);
    }

    void lay_out(const Sequences& sequences);
    void index_first_pairs(Cancel& cancel);
    std::int64_t short_count(std::uint32_t at) const noexcept;
    template <class Visit>
    void visit_pairs(Visit&& visit) const;
    void merge_in_short(std::uint32_t at);
    void merge_in_long(std::uint32_t position);
    void merge_all_of_long(std::uint32_t sequence);
    void note(std::vector<Neighbour>& side, std::vector<std::int32_t>& seen, std::int32_t symbol, std::int64_t count, Item item);
    void settle();
    void settle_side(std::vector<Neighbour>& side, std::vector<std::int32_t>& seen, bool is_left);
    void add_candidate(const Candidate& candidate);
    void drop_candidate(const Candidate& candidate);
    void lower_horizon();
    std::uint32_t new_places(std::uint32_t room);

    MergeLimits limits_;
    std::vector<std::uint32_t> lengths_;

    // Short sequences, one behind the other: a header of four words (room, length, count low, count high) and the
    // symbols, rewritten in place, front to back. Header and symbols side by side cost one wait for memory, which is what a visit costs.
    static constexpr std::uint32_t kHeaderWords = 4;
    Buffer<std::uint32_t> shorts_;
    std::uint32_t shorts_end_ = 0;
    // Long ones: a linked list a sequence, so that a merge costs its places and not the length.
    struct Link {
        std::uint32_t previous;
        std::uint32_t next;
        std::uint32_t sequence;
    };
    std::vector<std::int32_t> long_symbols_;  // kMerged where a symbol went into its left neighbour
    std::vector<Link> links_;
    std::vector<std::int64_t> long_counts_;
    std::vector<std::uint32_t> long_firsts_;

    std::unique_ptr<PairCounts> pair_counts_;
    std::vector<Candidate> heap_;    // those that were worth horizon_ or more when they came
    std::deque<Candidate> waiting_;  // the rest, in no order
    std::int64_t horizon_ = 1;
    std::deque<Places> places_;  // grows without a second copy of itself, as does waiting_: a third less memory at the peak
    std::vector<std::uint32_t> free_places_;

    // The merge that is going on.
    std::int32_t left_ = 0, right_ = 0, made_ = 0;
    bool any_old_ = false;                   // was a merge ever made into a symbol that existed? Then places may be incomplete
    std::vector<Neighbour> lefts_, rights_;  // by symbol
    std::vector<std::int32_t> seen_lefts_, seen_rights_;
    // The places of the new pairs, in the order in which they were met, and how many each pair has.
    struct Place {
        std::uint32_t list;  // Neighbour::list
        Item item;
    };
    std::vector<Place> met_;
    std::vector<std::uint32_t> list_sizes_;
    std::vector<std::uint32_t> places_of_list_;  // kNoPlaces: the pair is no candidate
};

}  // namespace tokmill::training
