#include "condensed/merge_order.hpp"

#include "condensed/longest.hpp"

namespace tokmill::condensed {

namespace {

// A phrase's id is its rank, as vocab's merging wants it; whatever does not merge is no symbol.
vocab::Symbol rank(std::int32_t joined) noexcept { return joined < 0 ? vocab::kNoSymbol : static_cast<vocab::Symbol>(joined); }

constexpr std::size_t kStepIds = std::size_t(1) << 17;  // between two looks for Ctrl-C

}  // namespace

void MergeOrderWriter::write(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out, Cancel& cancel) {
    check_base_ids(*phrases_, ids, count, position);
    for (std::size_t begin = 0; begin < count;) {
        symbols_.assign(1, static_cast<vocab::Symbol>(ids[begin]));
        joins_.clear();
        std::size_t end = begin + 1;
        for (; end < count; ++end) {
            const std::int32_t joined = phrases_->joined(ids[end - 1], ids[end]);
            if (joined == Phrases::kNever) break;
            symbols_.push_back(static_cast<vocab::Symbol>(ids[end]));
            joins_.push_back(rank(joined));
        }
        write_run(end - begin, out, cancel);
        if (end / kStepIds != begin / kStepIds) cancel.poll();
        begin = end;
    }
}

void MergeOrderWriter::write_run(std::size_t count, CondensedSink& out, Cancel& cancel) {
    const auto pairs = [this](vocab::Symbol left, vocab::Symbol right) {
        return rank(phrases_->joined(static_cast<std::int32_t>(left), static_cast<std::int32_t>(right)));
    };
    std::size_t left = count;
    if (count <= vocab::kMaxPlainMerge) {
        left = vocab::merge_plain(pairs, symbols_.data(), joins_.data(), static_cast<std::uint32_t>(count));
    } else {
        left = merger_.merge(pairs, symbols_.data(), count, [&] { cancel.poll(); });
    }
    for (std::size_t i = 0; i < left; ++i) {
        const auto id = static_cast<std::int32_t>(symbols_[i]);
        out.put(id, phrases_->length(id), 0);
    }
}

}  // namespace tokmill::condensed
