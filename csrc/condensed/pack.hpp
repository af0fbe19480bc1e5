// What a trainer reads: rows of exactly so many condensed ids, each with the book that it uses. A row begins with a fresh book and
// takes base ids until it is full; the next goes on where it ended. No phrase crosses the end of a document; the book does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::condensed {

struct PackedRows {
    tokens::IdArray ids;                    // rows x row_length
    tokens::IdArray dense_ids;              // the same with codes numbered, row by row, in the order of their first use
    tokens::IdArray base_counts;            // base ids of each; 0 in the filling of the last row
    tokens::IdArray installed;              // entries that a reader has after each
    std::vector<std::int64_t> row_starts;   // where in `ids` a row begins; one more at the end: where the next would
    std::vector<std::int32_t> used_counts;  // codes that a row uses
    std::vector<std::int32_t> phrases;      // of all used codes, row by row: max_subtokens ids, filled up
    std::vector<std::uint8_t> phrase_lengths;
};

struct PackOptions {
    std::int64_t start = 0;  // the first base id
    std::size_t row_length = 0;
    std::size_t most_rows = SIZE_MAX;
    bool fill_last = false;  // a last row that is not full is filled up, not left for the next call
    std::int32_t filling = 0;
};

// Error(unknown_id) with the place of an id outside of the vocabulary.
PackedRows pack(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                const PackOptions& options, Cancel& cancel);

}  // namespace tokmill::condensed
