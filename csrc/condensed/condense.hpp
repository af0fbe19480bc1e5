// Whole documents at once: base ids to condensed ids and back, documents shared among threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "condensed/lru.hpp"
#include "condensed/reading.hpp"
#include "condensed/zip2zip.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::condensed {

struct CondenseOptions {
    // Places in the stream of base ids, rising, that no phrase crosses.
    std::span<const std::int64_t> barriers;
    bool carry = false;      // the book goes on from document to document
    bool installed = false;  // count the entries that a reader has after each id
};

struct Condensed {
    tokens::IdArray ids;
    tokens::IdArray base_counts;  // base ids that an id stands for
    tokens::IdArray installed;    // entries that a reader has after an id, if asked for
    std::vector<std::uint64_t> ends;
};

struct Expanded {
    tokens::IdArray ids;
    std::vector<std::uint64_t> ends;
};

// `offsets` are the bounds of the documents: they rise from 0 to the number of ids. What comes out does not depend on `threads`.
// Error(unknown_id) for an id outside of the vocabulary, with its place in `ids`.
Condensed condense(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   const CondenseOptions& options, std::size_t threads, Cancel& cancel);

// Documents whose ids come in pieces: all pieces of a document together give what condense() gives for the whole. Not for use by two
// threads at once.
class PiecewiseCondenser {
public:
    // The rules have to outlive it; `phrases` is how many a document's book is likely to hold.
    PiecewiseCondenser(const HypertokenRules& rules, std::size_t phrases);

    // Appends what the next ids of the document make to `out.ids` and `out.base_counts`; ids that may still grow are kept.
    // Error(unknown_id) for an id outside of the vocabulary, with `position` + its index.
    void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel);
    // What was kept comes out, and the next id begins a document with a fresh book.
    void end_document(Condensed& out);

private:
    std::variant<Zip2zipWriter, LruWriter> writer_;
};

// The way back. Error(unknown_id) for a code that means nothing at its place.
Expanded expand(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, Reading reading,
                bool carry, std::size_t threads, Cancel& cancel);

}  // namespace tokmill::condensed
