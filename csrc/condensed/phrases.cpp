#include "condensed/phrases.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::condensed {

namespace {

[[noreturn]] void refuse_phrase(std::size_t row, const std::string& what) {
    throw Error(ErrorKind::value, "phrase " + std::to_string(row) + " " + what, static_cast<std::int64_t>(row));
}

void set_bit(std::vector<std::uint64_t>& bits, std::int32_t number) {
    bits[static_cast<std::uint32_t>(number) >> 6] |= std::uint64_t(1) << (number & 63);
}

std::vector<std::uint64_t> zero_bits(std::size_t count) { return std::vector<std::uint64_t>((count + 63) / 64); }

}  // namespace

Phrases::Phrases(std::uint32_t vocab_size, std::vector<std::int32_t> lefts, std::vector<std::int32_t> rights)
    : vocab_size_(static_cast<std::int32_t>(vocab_size)), lefts_(std::move(lefts)), rights_(std::move(rights)) {
    constexpr std::uint32_t kMaxIds = std::uint32_t(1) << kIdBits;
    if (lefts_.size() != rights_.size())
        throw Error(ErrorKind::value, std::to_string(lefts_.size()) + " left parts and " + std::to_string(rights_.size()) + " right ones");
    if (vocab_size < 1 || vocab_size > kMaxIds || lefts_.size() > kMaxPhrases || vocab_size + lefts_.size() > kMaxIds)
        throw Error(ErrorKind::value, "at most " + std::to_string(kMaxPhrases) +
                                          " phrases over 1 to 16,777,216 ids, all ids counted; not " + std::to_string(lefts_.size()) +
                                          " over " + std::to_string(vocab_size));
    spell_out();
    build_trie();
    build_pairs();
}

void Phrases::spell_out() {
    for (std::size_t row = 0; row < lefts_.size(); ++row) {
        const std::int32_t end = vocab_size_ + static_cast<std::int32_t>(row);
        std::size_t size = 0;
        for (const std::int32_t part : {lefts_[row], rights_[row]}) {
            if (part < 0 || part >= end)
                refuse_phrase(row,
                              "is made of id " + std::to_string(part) + "; it can be made of those from 0 to " + std::to_string(end - 1));
            size += static_cast<std::size_t>(length(part));
        }
        if (size > kMaxPhraseLength) refuse_phrase(row, "has " + std::to_string(size) + " ids; at most 32,768 are taken");
        if (ids_.size() + size > kMaxPhraseIds) refuse_phrase(row, "is one too many: all together have more than 8,388,608 ids");
        for (const std::int32_t part : {lefts_[row], rights_[row]}) {
            if (is_base(part)) {
                ids_.push_back(part);
                continue;
            }
            const std::size_t from = offsets_[static_cast<std::size_t>(part - vocab_size_)];
            for (std::int32_t k = 0; k < length(part); ++k) ids_.push_back(ids_[from + static_cast<std::size_t>(k)]);
        }
        offsets_.push_back(ids_.size());
        lengths_.push_back(static_cast<std::int32_t>(size));
        max_length_ = std::max(max_length_, static_cast<std::int32_t>(size));
    }
}

// Shorter phrases first: a node that ends a phrase is then there, by the phrase's number, before a longer one passes it.
void Phrases::build_trie() {
    static_assert((std::size_t(1) << kIdBits) + kMaxPhraseIds < static_cast<std::size_t>(kNodeLimit));
    std::vector<std::size_t> order(count());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths_[a] < lengths_[b]; });
    trie_ = PhraseTable(2 * count());
    beginnings_ = PairFilter(count());
    grows_ = zero_bits(static_cast<std::size_t>(vocab_size_));
    edges_.resize(count());
    Node inner_end = id_end();
    for (const std::size_t row : order) {
        const std::span<const std::int32_t> ids = phrase(row);
        beginnings_.add(ids[0], ids[1]);
        Node node = ids[0];
        for (std::size_t k = 1; k < ids.size(); ++k) {
            const bool is_last = k + 1 == ids.size();
            const std::size_t slot = trie_.slot_of(node, ids[k]);
            if (trie_.is_used(slot)) {
                node = trie_.node_at(slot);
                if (is_last) refuse_phrase(row, "has the ids of phrase " + std::to_string(node - vocab_size_));
                continue;
            }
            const Node child = is_last ? vocab_size_ + static_cast<std::int32_t>(row) : inner_end++;
            trie_.insert_at(slot, node, ids[k], child);
            if (static_cast<std::size_t>(inner_end - vocab_size_) > edges_.size()) edges_.resize(edges_.size() + edges_.size() / 2 + 1);
            if (is_base(node)) {
                set_bit(grows_, node);
            } else if (Edge& edge = edges_[static_cast<std::size_t>(node - vocab_size_)]; edge.id < 0) {
                edge.id = ids[k];
                edge.child = child;
            } else {
                edge.has_siblings = true;
            }
            node = child;
        }
    }
}

void Phrases::build_pairs() {
    pairs_ = PhraseTable(2 * count());
    is_left_ = zero_bits(static_cast<std::size_t>(id_end()));
    for (std::size_t row = 0; row < count(); ++row) {
        pairs_.insert(lefts_[row], rights_[row], vocab_size_ + static_cast<std::int32_t>(row));
        set_bit(is_left_, lefts_[row]);
    }
    for (std::size_t row = 0; row < count(); ++row) {
        const std::span<const std::int32_t> ids = phrase(row);
        for (std::size_t k = 0; k + 1 < ids.size(); ++k) {
            const std::size_t slot = pairs_.slot_of(ids[k], ids[k + 1]);
            if (pairs_.is_used(slot)) continue;
            pairs_.insert_at(slot, ids[k], ids[k + 1], kInside);
            set_bit(is_left_, ids[k]);
        }
    }
    for (std::size_t row = 0; row < count(); ++row)
        are_reached_ = are_reached_ && stay_apart(lefts_[row], rights_[row], vocab_size_ + static_cast<std::int32_t>(row));
    neighbours_ = PairFilter(pairs_.size());
    for (std::size_t row = 0; row < count(); ++row) {
        const std::span<const std::int32_t> ids = phrase(row);
        for (std::size_t k = 0; k + 1 < ids.size(); ++k) neighbours_.add(ids[k], ids[k + 1]);
    }
}

// Back in time from the two ids: what met at the seam before the later of them was made, and before that, down to base ids. A pair (u, v)
// met until the earlier of the merges that took u or v away; if it merges before, the seam does not last. Of equal merges the one further
// left comes first: (u, v) comes before the one that takes v, and after the one that takes u.
bool Phrases::stay_apart(std::int32_t left, std::int32_t right, std::int32_t limit) const noexcept {
    for (;;) {
        const std::int32_t made = joined(left, right);
        if (made >= 0 && made < limit) return false;
        if (left > right && !is_base(left)) {
            limit = left;
            left = rights_[static_cast<std::size_t>(left - vocab_size_)];
        } else if (!is_base(right)) {
            limit = right + 1;
            right = lefts_[static_cast<std::size_t>(right - vocab_size_)];
        } else {
            return true;
        }
    }
}

}  // namespace tokmill::condensed
