#include "condensed/merge_order.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "condensed/longest.hpp"

namespace tokmill::condensed {

namespace {

// A phrase's id is its rank, as vocab's merging wants it; whatever does not merge is no symbol.
vocab::Symbol rank(std::int32_t joined) noexcept { return joined < 0 ? vocab::kNoSymbol : static_cast<vocab::Symbol>(joined); }

constexpr std::size_t kShortRun = 4;  // so few ids are merged sooner than matched
constexpr std::size_t kStepMatches = std::size_t(1) << 15;
constexpr std::size_t kStepIds = std::size_t(1) << 17;  // between two looks for Ctrl-C

}  // namespace

void MergeOrderWriter::write(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out, Cancel& cancel) {
    check_base_ids(*phrases_, ids, count, position);
    const PairFilter& neighbours = phrases_->neighbours();
    std::size_t run = 0;  // where the open run begins: it ends with ids[at]
    for (std::size_t at = 0; at + 1 < count;) {
        const std::size_t block_end = std::min(at + PairFilter::kWidth, count - 1);
        std::uint64_t live = neighbours.mask(ids + at, block_end - at);
        while (at < block_end) {
            const auto ones = std::min<std::size_t>(static_cast<std::size_t>(std::countr_one(live)), block_end - at);
            at += ones;
            if (at == block_end) break;
            write_run(ids + run, at + 1 - run, out, cancel);
            live = ones < PairFilter::kWidth ? live >> ones : 0;
            const auto zeros = std::min<std::size_t>(static_cast<std::size_t>(std::countr_zero(live)), block_end - at);
            // Between dead pairs lie single ids; the last one may begin a run.
            put_singles(ids + at + 1, zeros - 1, count - at - 1, out);
            at += zeros;
            run = at;
            live = zeros < PairFilter::kWidth ? live >> zeros : 0;
        }
        if (at % kStepIds == 0) cancel.poll();
    }
    if (run < count) write_run(ids + run, count - run, out, cancel);
}

void MergeOrderWriter::write_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel) {
    if (count <= 2) {  // most are
        const std::int32_t joined = count == 2 ? phrases_->joined(ids[0], ids[1]) : Phrases::kNever;
        if (joined >= 0) {
            out.put(joined, 2, 0);
        } else {
            put_singles(ids, count, count, out);
        }
        return;
    }
    if (count > kShortRun && phrases_->are_reached()) {
        match_run(ids, count, out, cancel);
    } else {
        merge_run(ids, count, out, cancel);
    }
}

std::int32_t MergeOrderWriter::match(const std::int32_t* ids, std::size_t at, std::size_t count, std::int32_t before) {
    const Phrases& phrases = *phrases_;
    const auto fits = [&](std::int32_t id, std::size_t end) {
        return !is_dead_[end] && (before < 0 || phrases.stay_apart(before, id, std::numeric_limits<std::int32_t>::max()));
    };
    // All first, since the longest is asked first, and most often fits.
    found_.clear();
    Node node = ids[at];
    found_.push_back(node);
    for (std::size_t next = at + 1; phrases.grows(node) && next < count; ++next) {
        node = phrases.grown(node, ids[next]);
        if (node == kNoNode) break;
        if (node < phrases.id_end()) found_.push_back(node);
    }
    for (; !found_.empty(); found_.pop_back())
        if (fits(found_.back(), at + static_cast<std::size_t>(phrases.length(found_.back())))) return found_.back();
    return Phrases::kNever;
}

void MergeOrderWriter::match_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel) {
    stack_.clear();
    is_dead_.assign(count + 1, false);
    std::size_t steps = 0;
    for (std::size_t at = 0; at < count;) {
        if (++steps % kStepMatches == 0) cancel.poll();
        const std::int32_t id = match(ids, at, count, stack_.empty() ? -1 : stack_.back());
        if (id >= 0) {
            stack_.push_back(id);
            at += static_cast<std::size_t>(phrases_->length(id));
            continue;
        }
        // Nothing goes on from here, whatever comes before: what stands on the stack is what merging gives for it.
        is_dead_[at] = true;
        at -= static_cast<std::size_t>(phrases_->length(stack_.back()));
        stack_.pop_back();
    }
    for (const std::int32_t id : stack_) out.put(id, phrases_->length(id), 0);
}

void MergeOrderWriter::merge_run(const std::int32_t* ids, std::size_t count, CondensedSink& out, Cancel& cancel) {
    const auto pairs = [this](vocab::Symbol left, vocab::Symbol right) {
        return rank(phrases_->joined(static_cast<std::int32_t>(left), static_cast<std::int32_t>(right)));
    };
    symbols_.assign(ids, ids + count);
    std::size_t left = count;
    if (count <= vocab::kMaxPlainMerge) {
        vocab::Symbol ranks[vocab::kMaxPlainMerge];
        for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = pairs(symbols_[i], symbols_[i + 1]);
        left = vocab::merge_plain(pairs, symbols_.data(), ranks, static_cast<std::uint32_t>(count));
    } else {
        left = merger_.merge(pairs, symbols_.data(), count, [&] { cancel.poll(); });
    }
    for (std::size_t i = 0; i < left; ++i) {
        const auto id = static_cast<std::int32_t>(symbols_[i]);
        out.put(id, phrases_->length(id), 0);
    }
}

}  // namespace tokmill::condensed
