// Base ids to supertokens in the order in which phrases were learnt: of all neighbours that are joined, always those whose phrase came
// first, the leftmost of equals, until none is left. That is what byte-pair encoding does to bytes, and it needs the whole document:
// how its last id is joined may change how its first one is. Yet nothing is joined across two ids that are neighbours in no
// phrase, so a document falls into short runs, a few ids of text each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/phrases.hpp"
#include "condensed/sinks.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::condensed {

class MergeOrderWriter {
public:
    explicit MergeOrderWriter(const Phrases& phrases) : phrases_(&phrases) {}

    // A stretch that no phrase reaches beyond: a document, or what lies between barriers. Error(unknown_id), at `position` + index.
    void write(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out, Cancel& cancel);

private:
    // A run in which all neighbours meet in some phrase.
    void write_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel);

    const Phrases* phrases_;
    std::vector<vocab::Symbol> symbols_;
    vocab::TreeMerger merger_;
};

}  // namespace tokmill::condensed
