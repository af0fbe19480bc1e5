// Two condensers, one behind the other: the ids of the first are the base ids of the second, and what comes out counts those of the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/cancel.hpp"
#include "condensed/condenser.hpp"

namespace tokmill::condensed {

class ChainCondenser final : public Condenser {
public:
    // Both have to outlive it.
    ChainCondenser(const Condenser& first, const Condenser& second) noexcept : first_(&first), second_(&second) {}

    std::int32_t vocab_size() const noexcept override { return first_->vocab_size(); }
    Condensed condense(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                       Cancel& cancel) const override;
    std::unique_ptr<PiecewiseCondenser> pieces(std::size_t most_ids) const override;

private:
    const Condenser* first_;
    const Condenser* second_;
};

}  // namespace tokmill::condensed
