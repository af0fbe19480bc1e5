// Merging one sequence by a table of pairs: always the adjacent pair of lowest rank, the leftmost of equals, until none
// merges. Two forms with the same result: a plain loop for a few symbols, and one in O(n log n) for any number. The loader
// uses them while its table still grows, the encoder for pieces that its windows cannot cut; so the table is a
// template argument: pairs(left, right) gives the symbol or kNoSymbol.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/memory.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::vocab {

inline constexpr std::uint32_t kMaxPlainMerge = 64;

// Merges symbols[0, count) in place, count <= kMaxPlainMerge, and returns how many are left. ranks[i] is what symbols i
// and i + 1 merge into (the rank of a merge is the symbol it makes); it is used up. O(count^2), which for a word is less than
// any clever structure costs.
template <class Pairs>
std::uint32_t merge_plain(const Pairs& pairs, Symbol* symbols, Symbol* ranks, std::uint32_t count) {
    while (count > 1) {
        std::uint32_t at = 0;
        for (std::uint32_t i = 1; i + 1 < count; ++i)
            if (ranks[i] < ranks[at]) at = i;
        if (ranks[at] == kNoSymbol) break;
        symbols[at] = ranks[at];
        --count;
        for (std::uint32_t i = at + 1; i < count; ++i) {
            symbols[i] = symbols[i + 1];
            ranks[i - 1] = ranks[i];
        }
        if (at != 0) ranks[at - 1] = pairs(symbols[at - 1], symbols[at]);
        if (at + 1 < count) ranks[at] = pairs(symbols[at], symbols[at + 1]);
    }
    return count;
}

// Merges a sequence of any length: the ranks of all pairs are the leaves of a tree in which a node holds the
// least of its 16 children (one cache line). A merge changes three leaves and so at most three paths; the least
// rank stands at the root and the leftmost leaf that has it is found by going down. n merges cost O(n log n), whatever the
// text and the vocabulary are.
class TreeMerger {
public:
    // Positions are 32-bit and the inner nodes have to fit beside the leaves.
    static constexpr std::size_t kMaxCount = std::size_t(1) << 31;
    // How many merges are done between two calls of `pause` (about a millisecond).
    static constexpr std::size_t kPauseInterval = 4096;

    // Merges symbols[0, count) in place and returns how many are left. `pause()` may throw to stop.
    template <class Pairs, class Pause>
    std::size_t merge(const Pairs& pairs, Symbol* symbols, std::size_t count, const Pause& pause);

private:
    static constexpr std::uint32_t kFanOut = 16;
    static constexpr std::uint32_t kMaxLevels = 8;  // 16^8 = 2^32 leaves

    void build_levels(std::size_t count);
    void set(std::uint32_t leaf, Symbol rank);
    std::uint32_t leftmost(Symbol rank) const;

    static Symbol least(const Symbol* node) {
        Symbol most = node[0];
        for (std::uint32_t i = 1; i < kFanOut; ++i) most = std::min(most, node[i]);
        return most;
    }

    struct Link {
        std::uint32_t next, previous;
    };
    Buffer<Link> links_;
    Buffer<Symbol> nodes_;                 // the levels one after the other, leaves first, each padded with kNoSymbol
    Symbol* levels_[kMaxLevels + 1] = {};  // the last one is a single node
    std::uint32_t level_count_ = 0;
};

// Makes room for the tree over `count` leaves; all ranks start as kNoSymbol.
inline void TreeMerger::build_levels(std::size_t count) {
    std::size_t sizes[kMaxLevels + 1];
    std::size_t total = 0, width = count;
    level_count_ = 0;
    do {
        sizes[level_count_] = (width + kFanOut - 1) / kFanOut * kFanOut;
        total += sizes[level_count_++];
        width = (width + kFanOut - 1) / kFanOut;
    } while (width > 1);
    nodes_.reserve_discarding(total);
    std::fill_n(nodes_.data(), total, kNoSymbol);
    Symbol* level = nodes_.data();
    for (std::uint32_t i = 0; i < level_count_; level += sizes[i++]) levels_[i] = level;
}

inline void TreeMerger::set(std::uint32_t leaf, Symbol rank) {
    levels_[0][leaf] = rank;
    std::uint32_t node = leaf / kFanOut;
    for (std::uint32_t level = 1; level < level_count_; ++level, node /= kFanOut) {
        const Symbol now = least(levels_[level - 1] + std::size_t(node) * kFanOut);
        if (levels_[level][node] == now) return;
        levels_[level][node] = now;
    }
}

inline std::uint32_t TreeMerger::leftmost(Symbol rank) const {
    std::uint32_t node = 0;
    for (std::uint32_t level = level_count_; level-- != 0;) {
        const Symbol* children = levels_[level] + std::size_t(node) * kFanOut;
        std::uint32_t child = 0;
        while (children[child] != rank) ++child;
        node = node * kFanOut + child;
    }
    return node;
}

template <class Pairs, class Pause>
std::size_t TreeMerger::merge(const Pairs& pairs, Symbol* symbols, std::size_t count, const Pause& pause) {
    constexpr std::size_t kPrepareInterval = kPauseInterval * 16;
    if (count == 0) return 0;
    const auto n = static_cast<std::uint32_t>(count);
    links_.reserve_discarding(count);
    build_levels(count);
    for (std::uint32_t i = 0; i < n; ++i) {
        links_[i] = {i + 1, i - 1};
        if (i + 1 < n) levels_[0][i] = pairs(symbols[i], symbols[i + 1]);
        if (i % kPrepareInterval == 0) pause();
    }
    for (std::uint32_t level = 1; level < level_count_; ++level) {
        const std::size_t width = levels_[level] - levels_[level - 1];
        for (std::size_t node = 0; node < width / kFanOut; ++node) levels_[level][node] = least(levels_[level - 1] + node * kFanOut);
        pause();
    }

    std::size_t merges = 0;
    for (;;) {
        const Symbol rank = least(levels_[level_count_ - 1]);
        if (rank == kNoSymbol) break;
        const std::uint32_t at = leftmost(rank), gone = links_[at].next, after = links_[gone].next;
        symbols[at] = rank;
        links_[at].next = after;
        set(gone, kNoSymbol);
        if (after < n) {
            links_[after].previous = at;
            set(at, pairs(rank, symbols[after]));
        } else {
            set(at, kNoSymbol);
        }
        if (at != 0) {
            const std::uint32_t before = links_[at].previous;
            set(before, pairs(symbols[before], rank));
        }
        if (++merges % kPauseInterval == 0) pause();
    }

    std::size_t left = 0;
    for (std::uint32_t i = 0; i < n; i = links_[i].next) {
        symbols[left++] = symbols[i];
    }
    return left;
}

}  // namespace tokmill::vocab
