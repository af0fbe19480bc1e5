// Base ids to supertokens in the order in which phrases were learnt: of all neighbours that are joined, always those whose phrase came
// first, the leftmost of equals, until none is left. That is what byte-pair encoding does to bytes, and it needs the whole document:
// how its last id is joined may change how its first one is. Yet nothing is joined across two ids that are neighbours in no
// phrase, so a document falls into short runs, a few ids of text each.
//
// A run is not merged, it is matched: a sequence of ids is what merging gives just if any two neighbours would stay apart by themselves
// (and each id is what its own base ids merge into). So the longest phrase that stays apart from the one before is tried first, and the
// few times that this leads nowhere are taken back (the idea of GitHub's Rust crate `bpe`). Two to three times as fast as merging.
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
    void match_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel);
    void merge_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel);
    // The longest phrase, or single id, that begins at ids[at], stays apart from `before` (-1: nothing), and does not end at a dead
    // place; negative if there is none.
    std::int32_t match(const std::int32_t* ids, std::size_t at, std::size_t count, std::int32_t before);

    const Phrases* phrases_;
    std::vector<vocab::Symbol> symbols_;
    std::vector<std::int32_t> stack_;
    std::vector<std::int32_t> found_;  // phrases that begin at a place, the longest last
    std::vector<bool> is_dead_;        // by place in the run: no encoding has a seam there
    vocab::TreeMerger merger_;
};

}  // namespace tokmill::condensed
