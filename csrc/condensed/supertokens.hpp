// Whole documents at once: base ids to supertokens and back. Streams are cut where no phrase crosses, in the middle of a document as
// well, so that one long document is shared among threads like many short ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/cancel.hpp"
#include "condensed/condenser.hpp"
#include "condensed/phrases.hpp"

namespace tokmill::condensed {

enum class MatchOrder : std::uint8_t {
    longest,  // leftmost-longest; see LongestWriter
    merge,    // as learnt; see MergeOrderWriter
};

// `offsets` are the bounds of the documents: they rise from 0 to the number of ids. `barriers` are places, rising, that no phrase
// crosses. What comes out does not depend on `threads`. Error(unknown_id) for an id outside of the vocabulary, with its place.
Condensed condense(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   std::span<const std::int64_t> barriers, MatchOrder order, std::size_t threads, Cancel& cancel);

// Supertokens as a stage. The phrases have to outlive it. Piece by piece, merge order keeps ids back to the last place where no phrase
// crosses.
class SupertokenCondenser final : public Condenser {
public:
    SupertokenCondenser(const Phrases& phrases, MatchOrder order) noexcept : phrases_(&phrases), order_(order) {}

    std::int32_t vocab_size() const noexcept override { return phrases_->vocab_size(); }
    Condensed condense(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                       Cancel& cancel) const override {
        return condensed::condense(*phrases_, ids, offsets, {}, order_, threads, cancel);
    }
    std::unique_ptr<PiecewiseCondenser> pieces(std::size_t most_ids) const override;

private:
    const Phrases* phrases_;
    MatchOrder order_;
};

// The way back. Error(unknown_id) for an id that is neither base id nor phrase.
Expanded expand(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                Cancel& cancel);

}  // namespace tokmill::condensed
