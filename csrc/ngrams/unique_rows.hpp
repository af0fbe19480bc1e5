// The distinct rows of a batch, for embedding tables that live elsewhere (host memory, a disk, other machines): each row once, grouped
// by the shard that owns it and rising within, with the place of every entry of the batch among them and how often it occurs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"

namespace tokmill::ngrams {

// Which shard owns a row.
struct ShardCut {
    enum class Kind : std::uint8_t { bounds, modulo };
    Kind kind = Kind::bounds;
    std::size_t shards = 1;
    std::uint64_t row_end = 0;         // every row is below
    std::vector<std::int64_t> bounds;  // shards + 1 of them for Kind::bounds: shard s owns rows [bounds[s], bounds[s + 1])
};

template <class Row>
struct UniqueRows {
    Buffer<Row> rows;
    Buffer<std::int64_t> counts;
    std::size_t size = 0;
    std::vector<std::int64_t> shard_offsets;  // shards + 1
};

// `inverse` has as many elements as `rows`: rows[i] is the result's rows[inverse[i]]. At most 2^31 - 1 rows. Error(value) with the
// index of the first row that is negative or not below cut.row_end.
template <class Row>
UniqueRows<Row> unique_rows(std::span<const Row> rows, const ShardCut& cut, std::int32_t* inverse, std::size_t threads, Cancel& cancel);

}  // namespace tokmill::ngrams
