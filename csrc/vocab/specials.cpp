// Special tokens in text. A cheap filter passes over everything that cannot start one, a byte tree decides the rest:
// most candidates fail in it on their second or third byte.
#include "vocab/specials.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/memory.hpp"

namespace tokmill::vocab {

namespace {

constexpr std::size_t kBlock = 64;

// Whether the pair of bytes starts in block[0, 64); block[64] is read too. Written so that compilers turn it into vector
// code at any level that vectorises: a fixed count, no branch.
inline bool block_has_pair(const std::uint8_t* block, std::uint8_t first, std::uint8_t second) noexcept {
    std::uint8_t found = 0;
    for (std::size_t i = 0; i < kBlock; ++i)
        found = static_cast<std::uint8_t>(found | static_cast<std::uint8_t>((block[i] == first) & (block[i + 1] == second)));
    return found != 0;
}

// Where the pair first starts in p[0, 8), 8 if nowhere; p[8] is read too.
inline std::size_t place_of_pair(const std::uint8_t* p, std::uint8_t first, std::uint8_t second) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101u;
    const std::uint64_t difference = (load<std::uint64_t>(p) ^ kOnes * first) | (load<std::uint64_t>(p + 1) ^ kOnes * second);
    // The lowest zero byte gets its top bit set: 41 00 07 - 01 01 01 borrows in no byte below it. Bytes above may be wrong.
    const std::uint64_t zeros = (difference - kOnes) & ~difference & 0x80 * kOnes;
    return static_cast<std::size_t>(std::countr_zero(zeros)) / 8;
}

}  // namespace

SpecialMatcher::SpecialMatcher(std::span<const SpecialToken> tokens) {
    std::vector<const SpecialToken*> sorted;
    for (const SpecialToken& token : tokens)
        if (!token.text.empty()) sorted.push_back(&token);
    if (sorted.empty()) return;
    std::sort(sorted.begin(), sorted.end(), [](const SpecialToken* a, const SpecialToken* b) { return a->text < b->text; });
    grow_tree(sorted);

    std::vector<Head> heads;
    bool every_token_has_two_bytes = true;
    for (const SpecialToken* token : sorted) {
        max_token_bytes_ = std::max(max_token_bytes_, token->text.size());
        starts_[static_cast<std::uint8_t>(token->text[0])] = true;
        if (token->text.size() < 2) {
            every_token_has_two_bytes = false;
            continue;
        }
        const Head head{static_cast<std::uint8_t>(token->text[0]), static_cast<std::uint8_t>(token->text[1])};
        if (heads.empty() || heads.back().first != head.first || heads.back().second != head.second) heads.push_back(head);
    }
    if (every_token_has_two_bytes && heads.size() <= kMaxHeads) {
        head_count_ = heads.size();
        std::copy(heads.begin(), heads.end(), heads_.begin());
    }
}

// Level by level. A pending node stands for the tokens sorted[begin, end), which agree in their first `depth` bytes.
void SpecialMatcher::grow_tree(std::span<const SpecialToken* const> sorted) {
    struct Pending {
        std::size_t begin, end, depth;
    };
    std::vector<Pending> pending{{0, sorted.size(), 0}};
    nodes_.emplace_back();
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        auto [begin, end, depth] = pending[n];
        nodes_[n].first_child = static_cast<std::uint32_t>(child_nodes_.size());
        while (begin < end && sorted[begin]->text.size() == depth) {  // of equal texts the last one counts
            nodes_[n].ends_token = true;
            nodes_[n].id = sorted[begin]->id;
            nodes_[n].control = sorted[begin]->kind == SpecialToken::Kind::control;
            ++begin;
        }
        while (begin < end) {
            const char byte = sorted[begin]->text[depth];
            std::size_t next = begin + 1;
            while (next < end && sorted[next]->text[depth] == byte) ++next;
            child_bytes_.push_back(static_cast<std::uint8_t>(byte));
            child_nodes_.push_back(static_cast<std::uint32_t>(nodes_.size()));
            ++nodes_[n].child_count;
            nodes_.emplace_back();
            pending.push_back({begin, next, depth + 1});
            begin = next;
        }
    }
}

SpecialMatcher::Match SpecialMatcher::longest_at(const std::uint8_t* text, std::size_t size, std::size_t position) const noexcept {
    Match match{position, 0, 0, false};
    const Node* node = nodes_.data();
    for (std::size_t i = position; i < size && node->child_count != 0; ++i) {
        const std::uint8_t* const children = child_bytes_.data() + node->first_child;
        const void* const found = std::memchr(children, text[i], node->child_count);
        if (found == nullptr) break;
        const std::size_t which = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - children);
        node = &nodes_[child_nodes_[node->first_child + which]];
        if (node->ends_token) match = {position, i + 1 - position, node->id, node->control};
    }
    return match;
}

// The first place at or after `from` where the filter cannot rule a token out; `size` if there is none.
std::size_t SpecialMatcher::next_candidate(const std::uint8_t* text, std::size_t size, std::size_t from) const noexcept {
    std::size_t i = from;
    if (head_count_ == 0) {
        while (i < size && !starts_[text[i]]) ++i;
        return i;
    }
    for (; i + kBlock < size; i += kBlock) {
        bool here = false;
        for (std::size_t h = 0; h < head_count_; ++h) here |= block_has_pair(text + i, heads_[h].first, heads_[h].second);
        if (!here) continue;
        for (;; i += 8) {
            std::size_t place = 8;
            for (std::size_t h = 0; h < head_count_; ++h)
                place = std::min(place, place_of_pair(text + i, heads_[h].first, heads_[h].second));
            if (place < 8) return i + place;
        }
    }
    for (; i + 1 < size; ++i)
        for (std::size_t h = 0; h < head_count_; ++h)
            if (text[i] == heads_[h].first && text[i + 1] == heads_[h].second) return i;
    return size;
}

SpecialMatcher::Match SpecialMatcher::find(const std::uint8_t* text, std::size_t size, std::size_t from) const noexcept {
    if (empty()) return {size, 0, 0, false};
    for (std::size_t i = next_candidate(text, size, from); i < size; i = next_candidate(text, size, i + 1)) {
        const Match match = longest_at(text, size, i);
        if (match.byte_count != 0) return match;
    }
    return {size, 0, 0, false};
}

bool SpecialMatcher::may_begin_inside(std::span<const SpecialToken> tokens) const noexcept {
    if (empty()) return false;
    for (const SpecialToken& token : tokens) {
        for (std::size_t begin = 0; begin < token.text.size(); ++begin) {
            // Down the tree: a token ends on the way, or the text ends and there is a way on.
            std::uint32_t at = 0;
            bool joined = true;
            for (std::size_t i = begin; i < token.text.size() && joined; ++i) {
                const Node& node = nodes_[at];
                const auto* const first = child_bytes_.data() + node.first_child;
                const auto* const found = std::find(first, first + node.child_count, static_cast<std::uint8_t>(token.text[i]));
                joined = found != first + node.child_count;
                if (!joined) break;
                at = child_nodes_[node.first_child + static_cast<std::size_t>(found - first)];
                if (nodes_[at].ends_token) return true;
            }
            if (joined) return true;
        }
    }
    return false;
}

}  // namespace tokmill::vocab
