// Frequent n-grams (the f-grams of SCONE, arXiv 2502.01637): a fixed set of n-grams, each with a row of an embedding table. For
// every position of a text: the row of the longest one that ends there, by comparing ids and never hashes alone.
//
// The set is a tree that reads backwards: the root's children are the newest ids, a node stands for a suffix, and the way from one
// node to the next is found in a hash table under (node, next older id). Both are in the entry, so a hit is exact whatever the
// order, entries have one size, and a position costs one probe a matched id and one more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "ngrams/keys.hpp"

namespace tokmill::ngrams {

// What a newest id leads to; node 0 is none.
struct FrequentStart {
    std::uint32_t node = 0;
    std::int32_t row = -1;
};

// From `parent` by the next older id to `child`, whose n-gram has this row, or -1 if it is only the way to longer ones. A free
// place has child 0.
struct FrequentEdge {
    std::uint32_t parent = 0;
    std::uint32_t id = 0;
    std::uint32_t child = 0;
    std::int32_t row = -1;
};

class FrequentNgrams {
public:
    // Row i is ids[offsets[i], offsets[i + 1]), 1 to kMaxOrder ids below id_end. Error(value) with the row that breaks a rule or
    // stands twice.
    static FrequentNgrams build(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::uint32_t id_end,
                                Cancel& cancel);
    // The same from a file. Error(snapshot) for what no set can be; the memory has to stay.
    static FrequentNgrams borrow(std::span<const FrequentStart> starts, std::span<const FrequentEdge> edges, std::uint64_t row_count,
                                 std::uint64_t node_count, std::uint64_t longest);

    // For each of the documents' positions the row of the longest n-gram of the set that ends there within the document, and the
    // number of its ids; `none` and 0 if there is none. With `token_rows`, rows are shifted by id_end() and a position without an
    // n-gram gets its id as the row. Error(unknown_id) with the index of the first id that is not below id_end(), before anything is
    // written. `lengths` may be null.
    template <class Id>
    void rows(std::span<const Id> ids, std::span<const std::int64_t> offsets, bool token_rows, std::int32_t* rows, std::uint8_t* lengths,
              std::size_t threads, Cancel& cancel) const;

    std::span<const FrequentStart> starts() const noexcept { return starts_.view(); }
    std::span<const FrequentEdge> edges() const noexcept { return edges_.view(); }
    std::uint32_t id_end() const noexcept { return static_cast<std::uint32_t>(starts_.size()); }
    std::uint64_t row_count() const noexcept { return row_count_; }
    std::uint64_t node_count() const noexcept { return node_count_; }
    std::uint64_t longest() const noexcept { return longest_; }

private:
    FrequentNgrams() = default;
    template <class Id>
    void match(const Id* ids, const std::size_t* reach, std::size_t first, std::size_t count, bool token_rows, std::int32_t* rows,
               std::uint8_t* lengths) const noexcept;

    Column<FrequentStart> starts_;  // by id
    Column<FrequentEdge> edges_;    // open addressing, a power of two of places
    std::uint64_t row_count_ = 0;
    std::uint64_t node_count_ = 0;  // node numbers are 1 to node_count
    std::uint64_t longest_ = 0;
};

}  // namespace tokmill::ngrams
