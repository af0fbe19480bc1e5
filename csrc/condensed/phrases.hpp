// Phrases of base ids, each joined out of two ids that come before it: phrase r is id vocab_size + r and stands for the base ids of its
// left part and then those of its right part. Immutable; every number is checked when it is made. Two tables follow from the joins:
// a trie of all phrases, for the longest match, and one of pairs, for merging in the order in which phrases were learnt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "condensed/pair_filter.hpp"
#include "condensed/phrase_table.hpp"

namespace tokmill::condensed {

inline constexpr std::uint32_t kMaxPhrases = std::uint32_t(1) << 20;
inline constexpr std::uint32_t kMaxPhraseLength = std::uint32_t(1) << 15;
inline constexpr std::size_t kMaxPhraseIds = std::size_t(1) << 23;  // of all phrases together

class Phrases {
public:
    // Error(value) with the index of a phrase that is made of ids that do not come before it, is too long, or is there already.
    Phrases(std::uint32_t vocab_size, std::vector<std::int32_t> lefts, std::vector<std::int32_t> rights);

    std::int32_t vocab_size() const noexcept { return vocab_size_; }
    std::int32_t id_end() const noexcept { return vocab_size_ + static_cast<std::int32_t>(lefts_.size()); }
    std::size_t count() const noexcept { return lefts_.size(); }
    std::int32_t max_length() const noexcept { return max_length_; }  // 1 if there is no phrase
    std::span<const std::int32_t> lefts() const noexcept { return lefts_; }
    std::span<const std::int32_t> rights() const noexcept { return rights_; }

    bool is_base(std::int32_t id) const noexcept { return static_cast<std::uint32_t>(id) < static_cast<std::uint32_t>(vocab_size_); }
    bool has(std::int32_t id) const noexcept { return static_cast<std::uint32_t>(id) < static_cast<std::uint32_t>(id_end()); }
    // The base ids of phrase r, and how many they are; id may also be a base id there.
    std::span<const std::int32_t> phrase(std::size_t row) const noexcept {
        return {ids_.data() + offsets_[row], offsets_[row + 1] - offsets_[row]};
    }
    std::int32_t length(std::int32_t id) const noexcept {
        return id < vocab_size_ ? 1 : lengths_[static_cast<std::size_t>(id - vocab_size_)];
    }

    // Writes the base ids of an id that has() knows; returns how many.
    std::size_t spell(std::int32_t id, std::int32_t* out) const noexcept {
        if (is_base(id)) {
            *out = id;
            return 1;
        }
        const std::span<const std::int32_t> ids = phrase(static_cast<std::size_t>(id - vocab_size_));
        std::copy(ids.begin(), ids.end(), out);
        return ids.size();
    }

    // The trie. Its nodes are ids where a phrase (or a base id) ends, and numbers from id_end() on elsewhere.
    Node grown(Node node, std::int32_t id) const noexcept {
        if (is_base(node)) return trie_.find(node, id);
        const Edge& edge = edges_[static_cast<std::size_t>(node - vocab_size_)];
        if (edge.id == id) return edge.child;
        return edge.has_siblings ? trie_.find(node, id) : kNoNode;
    }
    bool grows(Node node) const noexcept {
        if (is_base(node)) return bit(grows_, static_cast<std::uint32_t>(node));
        return edges_[static_cast<std::size_t>(node - vocab_size_)].id >= 0;
    }
    // The first two ids of phrases.
    const PairFilter& beginnings() const noexcept { return beginnings_; }

    // What two neighbours are to each other: the id that they merge into; kInside for base ids that are neighbours in a phrase, but
    // do not merge by themselves; kNever for all others. Between base ids that never meet in a phrase, any stream may be cut.
    static constexpr std::int32_t kNever = -1;
    static constexpr std::int32_t kInside = -2;
    std::int32_t joined(std::int32_t left, std::int32_t right) const noexcept {
        return bit(is_left_, static_cast<std::uint32_t>(left)) ? pairs_.find(left, right) : kNever;
    }
    // Whether merging leaves two ids apart that stand side by side: whether no pair across their seam is joined before both are
    // whole, nor then by a phrase below `limit`.
    bool stay_apart(std::int32_t left, std::int32_t right, std::int32_t limit) const noexcept;
    // Whether merging the base ids of each phrase gives that phrase, as it does for phrases that were learnt.
    bool are_reached() const noexcept { return are_reached_; }
    // Neighbours that are not kNever.
    const PairFilter& neighbours() const noexcept { return neighbours_; }
    bool may_cut(std::int32_t left, std::int32_t right) const noexcept { return joined(left, right) == kNever; }

private:
    // The first child of a node: mostly the only one, and then the table need not be asked.
    struct Edge {
        std::int32_t id = -1;
        Node child : 31 = kNoNode;
        bool has_siblings : 1 = false;
    };
    static bool bit(const std::vector<std::uint64_t>& bits, std::uint32_t number) noexcept {
        return (bits[number >> 6] >> (number & 63) & 1) != 0;
    }
    void spell_out();
    void build_trie();
    void build_pairs();

    std::int32_t vocab_size_;
    std::int32_t max_length_ = 1;
    bool are_reached_ = true;
    std::vector<std::int32_t> lefts_, rights_;
    std::vector<std::int32_t> ids_;  // of all phrases, one after the other
    std::vector<std::size_t> offsets_{0};
    std::vector<std::int32_t> lengths_;
    PhraseTable trie_;
    PhraseTable pairs_;
    PairFilter beginnings_;
    PairFilter neighbours_;
    std::vector<Edge> edges_;             // by node beyond the base ids
    std::vector<std::uint64_t> grows_;    // by base id: does any phrase begin with it
    std::vector<std::uint64_t> is_left_;  // by id: is it the left one of any pair of pairs_
};

}  // namespace tokmill::condensed
