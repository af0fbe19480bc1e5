#include "condensed/chain.hpp"

#include <utility>
#include <vector>

namespace tokmill::condensed {

namespace {

std::span<const std::int32_t> view(const tokens::IdArray& array) { return {static_cast<const std::int32_t*>(array.data()), array.size()}; }

// Makes counts[from, size) of first-stage ids counts of base ids; `counts_between` begins with the first of them. Returns how many
// first-stage ids they are.
std::size_t count_base(tokens::IdArray& counts, std::size_t from, std::span<const std::int32_t> counts_between) {
    auto* const data = static_cast<std::int32_t*>(counts.data());
    std::size_t at = 0;
    for (std::size_t i = from; i < counts.size(); ++i) {
        std::int32_t sum = 0;
        for (std::int32_t k = 0; k < data[i]; ++k) sum += counts_between[at++];
        data[i] = sum;
    }
    return at;
}

class ChainPieces final : public PiecewiseCondenser {
public:
    ChainPieces(std::unique_ptr<PiecewiseCondenser> first, std::unique_ptr<PiecewiseCondenser> second)
        : first_(std::move(first)), second_(std::move(second)) {}

    void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel) override {
        Condensed between;
        first_->take(ids, position, between, cancel);
        pass_on(between, out, false, cancel);
    }
    void end_document(Condensed& out, Cancel& cancel) override {
        Condensed between;
        first_->end_document(between, cancel);
        pass_on(between, out, true, cancel);
    }

private:
    void pass_on(const Condensed& between, Condensed& out, bool is_end, Cancel& cancel) {
        const std::span<const std::int32_t> counts = view(between.base_counts);
        counts_.insert(counts_.end(), counts.begin(), counts.end());
        const std::size_t from = out.ids.size();
        second_->take(view(between.ids), 0, out, cancel);
        if (is_end) second_->end_document(out, cancel);
        const std::size_t done = count_base(out.base_counts, from, counts_);
        counts_.erase(counts_.begin(), counts_.begin() + static_cast<std::ptrdiff_t>(done));
    }

    std::unique_ptr<PiecewiseCondenser> first_, second_;
    std::vector<std::int32_t> counts_;  // base ids of the first-stage ids that the second stage keeps
};

}  // namespace

Condensed ChainCondenser::condense(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                                   Cancel& cancel) const {
    const Condensed between = first_->condense(ids, offsets, threads, cancel);
    std::vector<std::int64_t> bounds{0};
    for (const std::uint64_t end : between.ends) bounds.push_back(static_cast<std::int64_t>(end));
    Condensed out = second_->condense(view(between.ids), bounds, threads, cancel);
    count_base(out.base_counts, 0, view(between.base_counts));
    return out;
}

std::unique_ptr<PiecewiseCondenser> ChainCondenser::pieces(std::size_t most_ids) const {
    return std::make_unique<ChainPieces>(first_->pieces(most_ids), second_->pieces(most_ids));
}

}  // namespace tokmill::condensed
