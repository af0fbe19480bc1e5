#include "condensed/longest.hpp"

#include <algorithm>
#include <bit>

#include "condensed/reading.hpp"

namespace tokmill::condensed {

void check_base_ids(const Phrases& phrases, const std::int32_t* ids, std::size_t count, std::int64_t position) {
    std::uint32_t most = 0;  // of all, first: that is a vector loop
    for (std::size_t i = 0; i < count; ++i) most = std::max(most, static_cast<std::uint32_t>(ids[i]));
    if (count == 0 || phrases.is_base(static_cast<std::int32_t>(most))) return;
    const std::int32_t* const bad = std::find_if(ids, ids + count, [&](std::int32_t id) { return !phrases.is_base(id); });
    refuse_id(*bad, phrases.vocab_size(), position + (bad - ids));
}

// Fills in the longest phrase that begins at ids[at]; false if more ids than count could make it longer.
bool LongestWriter::match(const std::int32_t* ids, std::size_t at, std::size_t count, bool is_end, Match& best) const {
    const Phrases& phrases = *phrases_;
    Node node = ids[at];
    best = {node, at + 1};
    for (std::size_t next = at + 1; phrases.grows(node); ++next) {
        if (next == count) return is_end;
        node = phrases.grown(node, ids[next]);
        if (node == kNoNode) break;
        if (node < phrases.id_end()) best = {node, next + 1};
    }
    return true;
}

std::size_t LongestWriter::write(const std::int32_t* ids, std::size_t count, std::size_t stop, bool is_end, CondensedSink& out) const {
    const PairFilter& beginnings = phrases_->beginnings();
    Match best;
    std::size_t at = 0;
    while (at < stop) {
        const std::size_t block_end = std::min({at + PairFilter::kWidth, count - 1, stop});
        // Bit 0 is that of ids[at].
        std::uint64_t live = beginnings.mask(ids + at, block_end - at);
        while (at < block_end) {
            const std::size_t single = std::min<std::size_t>(static_cast<std::size_t>(std::countr_zero(live)), block_end - at);
            put_singles(ids + at, single, count - at, out);
            at += single;
            if (at == block_end) break;
            if (!match(ids, at, count, is_end, best)) return at;
            const std::size_t length = best.end - at;
            out.put(best.id, static_cast<std::int32_t>(length), 0);
            at = best.end;
            live = single + length < PairFilter::kWidth ? live >> (single + length) : 0;
        }
        if (at + 1 == count && at < stop) {
            if (!match(ids, at, count, is_end, best)) return at;
            out.put(best.id, 1, 0);
            ++at;
        }
    }
    return at;
}

bool LongestWriter::take_one(std::int32_t id, CondensedSink& out) {
    if (kept_.size() > 1 || !phrases_->is_base(id)) return false;
    if (kept_.size() == 1) {
        const std::int32_t pair[] = {kept_[0], id};
        if (phrases_->beginnings().mask(pair, 1) != 0) return false;
        out.put(kept_[0], 1, 0);
    }
    if (phrases_->grows(id)) {
        kept_.assign(1, id);
    } else {
        kept_.clear();
        out.put(id, 1, 0);
    }
    return true;
}

void LongestWriter::take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out) {
    if (count == 1 && take_one(*ids, out)) return;
    check_base_ids(*phrases_, ids, count, position);
    std::size_t at = 0;
    if (!kept_.empty()) {
        // Every phrase that begins in what was kept ends within max_length() further ids.
        const std::size_t before = kept_.size();
        const std::size_t more = std::min(count, static_cast<std::size_t>(phrases_->max_length()));
        kept_.insert(kept_.end(), ids, ids + more);
        const std::size_t done = write(kept_.data(), kept_.size(), before, false, out);
        if (done < before) {  // all ids are looked at, and one is open
            kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(done));
            return;
        }
        at = done - before;
    }
    at += write(ids + at, count - at, count - at, false, out);
    kept_.assign(ids + at, ids + count);
}

void LongestWriter::cut(CondensedSink& out) {
    write(kept_.data(), kept_.size(), kept_.size(), true, out);
    kept_.clear();
}

}  // namespace tokmill::condensed
