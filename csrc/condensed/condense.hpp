// Whole documents at once: base ids to condensed ids and back, documents shared among threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/cancel.hpp"
#include "condensed/condenser.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "condensed/reading.hpp"

namespace tokmill::condensed {

struct CondenseOptions {
    // Places in the stream of base ids, rising, that no phrase crosses.
    std::span<const std::int64_t> barriers;
    bool carry = false;      // the book goes on from document to document
    bool installed = false;  // count the entries that a reader has after each id
};

// `offsets` are the bounds of the documents: they rise from 0 to the number of ids. What comes out does not depend on `threads`.
// Error(unknown_id) for an id outside of the vocabulary, with its place in `ids`.
Condensed condense(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   const CondenseOptions& options, std::size_t threads, Cancel& cancel);

// Hypertokens as a stage. The rules have to outlive it.
class HypertokenCondenser final : public Condenser {
public:
    explicit HypertokenCondenser(const HypertokenRules& rules) noexcept : rules_(&rules) {}

    std::int32_t vocab_size() const noexcept override { return rules_->vocab_size(); }
    Condensed condense(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                       Cancel& cancel) const override {
        return condensed::condense(*rules_, ids, offsets, {}, threads, cancel);
    }
    std::unique_ptr<PiecewiseCondenser> pieces(std::size_t most_ids) const override;

private:
    const HypertokenRules* rules_;
};

// The way back. Error(unknown_id) for a code that means nothing at its place.
Expanded expand(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, Reading reading,
                bool carry, std::size_t threads, Cancel& cancel);

}  // namespace tokmill::condensed
