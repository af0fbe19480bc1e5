#include "ngrams/frequent.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/errors.hpp"
#include "ngrams/documents.hpp"
#include "pool/pool.hpp"

namespace tokmill::ngrams {

namespace {

// Positions that are looked up together: while the memory of one answers, the others are asked. 120 ns of a miss over 32 is 4.
constexpr std::size_t kTogether = 32;
constexpr std::size_t kTaskTokens = std::size_t(1) << 15;
constexpr std::size_t kStepRows = std::size_t(1) << 14;
constexpr std::uint64_t kMostRows = 0x7FFFFFFF;

// The place where the search for an edge begins. The product's high bits depend on all of the key.
std::size_t place_of(std::uint32_t parent, std::uint32_t id, std::size_t places) noexcept {
    const std::uint64_t key = (std::uint64_t(parent) << 32 | id) * 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(((key ^ (key >> 32)) * 0xD6E8FEB86659FD93) >> 32) & (places - 1);
}

class Builder {
public:
    explicit Builder(std::size_t places) : edges_(places) {}

    // The edge, made if it is not there.
    FrequentEdge& edge(std::uint32_t parent, std::uint32_t id, std::uint32_t& nodes) {
        std::size_t place = place_of(parent, id, edges_.size());
        for (; edges_[place].child != 0; place = (place + 1) & (edges_.size() - 1))
            if (edges_[place].parent == parent && edges_[place].id == id) return edges_[place];
        edges_[place] = {parent, id, ++nodes, -1};
        ++used_;
        return edges_[place];
    }
    std::vector<FrequentEdge> take() {
        // Suffixes that several n-grams share make fewer edges than were provided for.
        const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(2 * used_, 2));
        if (wanted >= edges_.size()) return std::move(edges_);
        std::vector<FrequentEdge> smaller(wanted);
        for (const FrequentEdge& edge : edges_) {
            if (edge.child == 0) continue;
            std::size_t place = place_of(edge.parent, edge.id, wanted);
            while (smaller[place].child != 0) place = (place + 1) & (wanted - 1);
            smaller[place] = edge;
        }
        return smaller;
    }

private:
    std::vector<FrequentEdge> edges_;
    std::size_t used_ = 0;
};

[[noreturn]] void impossible(const std::string& what) {
    throw Error(ErrorKind::snapshot, "frequent n-grams: " + what + "; the file is damaged or of another program");
}

}  // namespace

FrequentNgrams FrequentNgrams::build(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::uint32_t id_end,
                                     Cancel& cancel) {
    if (id_end < 1 || id_end > kMaxIdEnd)
        throw Error(ErrorKind::value, "vocab_size= has to be from 1 to " + std::to_string(kMaxIdEnd) + ", not " + std::to_string(id_end));
    check_offsets(offsets, ids.size());
    check_ids(ids, id_end, cancel);
    const std::size_t row_count = offsets.size() - 1;
    if (row_count > kMostRows || ids.size() > UINT32_MAX - 1)
        throw Error(ErrorKind::value, std::to_string(row_count) + " n-grams are more than rows of 31 bits can number");
    FrequentNgrams made;
    made.row_count_ = row_count;
    std::vector<FrequentStart> starts(id_end);
    Builder builder(std::bit_ceil(std::max<std::size_t>(2 * (ids.size() - std::min(ids.size(), row_count)), 2)));
    std::uint32_t nodes = 0;
    for (std::size_t row = 0; row < row_count; ++row) {
        if (row % kStepRows == 0) cancel.poll();
        const std::span<const std::int32_t> ngram =
            ids.subspan(static_cast<std::size_t>(offsets[row]), static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
        if (ngram.empty() || ngram.size() > kMaxOrder)
            throw Error(ErrorKind::value,
                        "n-gram " + std::to_string(row) + " has " + std::to_string(ngram.size()) + " ids; 1 to " +
                            std::to_string(kMaxOrder) + " are possible",
                        static_cast<std::int64_t>(row));
        made.longest_ = std::max<std::uint64_t>(made.longest_, ngram.size());
        FrequentStart& start = starts[static_cast<std::size_t>(ngram.back())];
        if (start.node == 0) start.node = ++nodes;
        std::int32_t* place = &start.row;
        std::uint32_t node = start.node;
        for (std::size_t i = ngram.size() - 1; i-- != 0;) {
            FrequentEdge& edge = builder.edge(node, static_cast<std::uint32_t>(ngram[i]), nodes);
            node = edge.child;
            place = &edge.row;
        }
        if (*place >= 0)
            throw Error(ErrorKind::value, "n-gram " + std::to_string(row) + " is the same as n-gram " + std::to_string(*place),
                        static_cast<std::int64_t>(row));
        *place = static_cast<std::int32_t>(row);
    }
    made.node_count_ = nodes;
    made.starts_ = Column<FrequentStart>(std::move(starts));
    made.edges_ = Column<FrequentEdge>(builder.take());
    return made;
}

FrequentNgrams FrequentNgrams::borrow(std::span<const FrequentStart> starts, std::span<const FrequentEdge> edges, std::uint64_t row_count,
                                      std::uint64_t node_count, std::uint64_t longest) {
    if (starts.empty() || starts.size() > kMaxIdEnd) impossible("a vocabulary of " + std::to_string(starts.size()) + " ids");
    if (edges.size() < 2 || !std::has_single_bit(edges.size())) impossible("a table of " + std::to_string(edges.size()) + " places");
    if (longest > kMaxOrder) impossible("n-grams of " + std::to_string(longest) + " ids");
    if (row_count > kMostRows || node_count > UINT32_MAX - 1) impossible("too many rows");
    const auto fits = [&](std::uint32_t node, std::int32_t row) {
        return node <= node_count && row >= -1 && (row < 0 || static_cast<std::uint64_t>(row) < row_count);
    };
    for (std::size_t id = 0; id < starts.size(); ++id)
        if (!fits(starts[id].node, starts[id].row)) impossible("id " + std::to_string(id) + " leads out of the table");
    std::size_t free = 0;
    for (std::size_t place = 0; place < edges.size(); ++place) {
        const FrequentEdge& edge = edges[place];
        free += edge.child == 0;
        if (!fits(edge.child, edge.row) || edge.parent > node_count || edge.id >= starts.size())
            impossible("place " + std::to_string(place) + " leads out of the table");
    }
    if (free == 0) impossible("a table without a free place");  // a search would not end
    FrequentNgrams made;
    made.starts_ = Column<FrequentStart>::borrow(starts);
    made.edges_ = Column<FrequentEdge>::borrow(edges);
    made.row_count_ = row_count;
    made.node_count_ = node_count;
    made.longest_ = longest;
    return made;
}

// Positions first .. first + count - 1 (at most kTogether); reach[i] = ids of the document up to position i, itself included.
template <class Id>
void FrequentNgrams::match(const Id* ids, const std::size_t* reach, std::size_t first, std::size_t count, bool token_rows,
                           std::int32_t* rows, std::uint8_t* lengths) const noexcept {
    const FrequentEdge* const edges = edges_.data();
    const std::size_t places = edges_.size();
    std::array<std::uint32_t, kTogether> node;
    std::array<std::int32_t, kTogether> row;
    std::array<std::uint8_t, kTogether> length{}, active;
    std::array<std::size_t, kTogether> place;
    std::size_t active_count = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const FrequentStart start = starts_[static_cast<std::size_t>(ids[first + i])];
        node[i] = start.node;
        row[i] = start.row;
        length[i] = start.row >= 0;
        active[active_count] = static_cast<std::uint8_t>(i);
        active_count += start.node != 0;
    }
    for (std::size_t order = 2; order <= longest_ && active_count != 0; ++order) {
        std::size_t kept = 0;
        for (std::size_t a = 0; a < active_count; ++a) {
            const std::size_t i = active[a];
            if (reach[i] < order) continue;
            place[i] = place_of(node[i], static_cast<std::uint32_t>(ids[first + i - (order - 1)]), places);
            __builtin_prefetch(&edges[place[i]]);
            active[kept++] = static_cast<std::uint8_t>(i);
        }
        active_count = kept;
        kept = 0;
        for (std::size_t a = 0; a < active_count; ++a) {
            const std::size_t i = active[a];
            const auto id = static_cast<std::uint32_t>(ids[first + i - (order - 1)]);
            std::size_t at = place[i];
            while (edges[at].child != 0 && !(edges[at].parent == node[i] && edges[at].id == id)) at = (at + 1) & (places - 1);
            const FrequentEdge& edge = edges[at];
            if (edge.child == 0) continue;
            node[i] = edge.child;
            if (edge.row >= 0) {
                row[i] = edge.row;
                length[i] = static_cast<std::uint8_t>(order);
            }
            active[kept++] = static_cast<std::uint8_t>(i);
        }
        active_count = kept;
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (token_rows) row[i] = row[i] < 0 ? static_cast<std::int32_t>(ids[first + i]) : row[i] + static_cast<std::int32_t>(id_end());
        rows[first + i] = row[i];
        if (lengths != nullptr) lengths[first + i] = length[i];
    }
}

template <class Id>
void FrequentNgrams::rows(std::span<const Id> ids, std::span<const std::int64_t> offsets, bool token_rows, std::int32_t* rows,
                          std::uint8_t* lengths, std::size_t threads, Cancel& cancel) const {
    check_offsets(offsets, ids.size());
    check_ids(ids, id_end(), cancel);
    if (token_rows && row_count_ + id_end() > kMostRows)
        throw Error(ErrorKind::value, "rows of tokens and of n-grams together are more than 31 bits can number");
    const std::size_t tasks = (ids.size() + kTaskTokens - 1) / kTaskTokens;
    pool::run(tasks, threads, cancel, [&](std::size_t task) {
        const std::size_t end = std::min(ids.size(), (task + 1) * kTaskTokens);
        std::size_t at = task * kTaskTokens;
        auto next = std::upper_bound(offsets.begin(), offsets.end(), static_cast<std::int64_t>(at));
        std::array<std::size_t, kTogether> reach;
        while (at < end) {
            const std::size_t count = std::min(kTogether, end - at);
            for (std::size_t i = 0; i < count; ++i) {
                while (static_cast<std::size_t>(*next) <= at + i) ++next;
                reach[i] = at + i + 1 - static_cast<std::size_t>(*(next - 1));
            }
            match(ids.data(), reach.data(), at, count, token_rows, rows, lengths);
            at += count;
        }
    });
}
template void FrequentNgrams::rows(std::span<const std::int32_t>, std::span<const std::int64_t>, bool, std::int32_t*, std::uint8_t*,
                                   std::size_t, Cancel&) const;
template void FrequentNgrams::rows(std::span<const std::uint32_t>, std::span<const std::int64_t>, bool, std::int32_t*, std::uint8_t*,
                                   std::size_t, Cancel&) const;
template void FrequentNgrams::rows(std::span<const std::uint16_t>, std::span<const std::int64_t>, bool, std::int32_t*, std::uint8_t*,
                                   std::size_t, Cancel&) const;
template void FrequentNgrams::rows(std::span<const std::int64_t>, std::span<const std::int64_t>, bool, std::int32_t*, std::uint8_t*,
                                   std::size_t, Cancel&) const;
template void FrequentNgrams::rows(std::span<const std::uint64_t>, std::span<const std::int64_t>, bool, std::int32_t*, std::uint8_t*,
                                   std::size_t, Cancel&) const;

}  // namespace tokmill::ngrams
