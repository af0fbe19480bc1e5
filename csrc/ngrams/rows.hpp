// The rows of whole arrays of ids. Every token's window lies inside its document (and ends earlier where the plan says so), so
// any cut of the work gives the same rows; the work is cut into stretches of tokens that threads take in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cancel.hpp"
#include "ngrams/plan.hpp"

namespace tokmill::ngrams {

enum class IdType : std::uint8_t { uint16, uint32, int32, int64 };

// The caller's ids, as they lie in memory.
struct Ids {
    const void* data = nullptr;
    std::size_t count = 0;
    IdType type = IdType::int32;
};

// Tokens [begin, end) that belong together.
struct Document {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

// Where the rows go: that of token t in table c to element t * token_stride + c * table_stride. One of the strides is 1.
struct RowArray {
    void* data = nullptr;
    bool wide = false;  // int64, else int32
    std::size_t token_stride = 0;
    std::size_t table_stride = 0;
};

// What stands before ids[0], which then goes on with a document instead of beginning one: the prepared ids of the plan's
// whole history, nearest first, missing ones filled in.
struct Before {
    const std::uint32_t* nearest_first = nullptr;
};

// Error(value) if some row of this plan does not fit into int32.
void check_int32(const Plan& plan, bool with_offsets);

// Writes the rows of every token; those of tokens in no document are 0. `documents` are in order and do not overlap.
// Error(unknown_id) with the index of the first id that is outside of the vocabulary; rows may have been written then.
// With `first`, only the rows of the tokens from there on: `documents` may then leave out those that end before.
void write_rows(const Plan& plan, const Ids& ids, std::span<const Document> documents, const RowArray& out, bool with_offsets,
                std::size_t threads, Cancel& cancel, const Before* before = nullptr, std::size_t first = 0);

}  // namespace tokmill::ngrams
