#include "condensed/longest.hpp"

#include <algorithm>

#include "condensed/reading.hpp"

namespace tokmill::condensed {

void check_base_ids(const Phrases& phrases, const std::int32_t* ids, std::size_t count, std::int64_t position) {
    std::uint32_t most = 0;  // of all, first: that is a vector loop
    for (std::size_t i = 0; i < count; ++i) most = std::max(most, static_cast<std::uint32_t>(ids[i]));
    if (count == 0 || phrases.is_base(static_cast<std::int32_t>(most))) return;
    const std::int32_t* const bad = std::find_if(ids, ids + count, [&](std::int32_t id) { return !phrases.is_base(id); });
    refuse_id(*bad, phrases.base_end(), position + (bad - ids));
}

std::size_t LongestWriter::write(const std::int32_t* ids, std::size_t count, std::size_t stop, bool is_end, CondensedSink& out) const {
    const Phrases& phrases = *phrases_;
    std::size_t at = 0;
    while (at < stop) {
        Node node = ids[at];
        std::int32_t best = node;
        std::size_t best_end = at + 1, next = at + 1;
        while (phrases.grows(node)) {
            if (next == count) {
                if (is_end) break;
                return at;
            }
            node = phrases.grown(node, ids[next]);
            if (node == kNoNode) break;
            ++next;
            if (node < phrases.id_end()) {
                best = node;
                best_end = next;
            }
        }
        out.put(best, static_cast<std::int32_t>(best_end - at), 0);
        at = best_end;
    }
    return at;
}

void LongestWriter::take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out) {
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
