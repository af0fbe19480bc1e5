#include "condensed/supertokens.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "condensed/longest.hpp"
#include "condensed/merge_order.hpp"
#include "condensed/parts.hpp"
#include "condensed/reading.hpp"
#include "pool/pool.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kPartIds = std::size_t(1) << 14;
constexpr std::size_t kStepIds = std::size_t(1) << 12;  // between two looks for Ctrl-C, and for where a part stays

// Ids [begin, end) of the stream; no phrase crosses either.
struct IdRange {
    std::size_t begin;
    std::size_t end;
};

std::vector<IdRange> divide(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                            std::size_t threads) {
    std::vector<IdRange> parts;
    const std::size_t size = ids.size();
    const auto may_cut = [&](std::size_t at) {
        // Ids that are none are met, and refused, by the part that they are in.
        if (!phrases.is_base(ids[at - 1]) || !phrases.is_base(ids[at]) || phrases.may_cut(ids[at - 1], ids[at])) return true;
        return std::binary_search(offsets.begin(), offsets.end(), static_cast<std::int64_t>(at));
    };
    for (std::size_t begin = 0; begin < size;) {
        std::size_t end = threads == 1 ? size : std::min(size, begin + kPartIds);
        while (end < size && !may_cut(end)) ++end;
        parts.push_back({begin, end});
        begin = end;
    }
    return parts;
}

// Walks the stretches of a part: visit(begin, end) for each that lies between two ends of documents, barriers or ends of the part;
// ended(document) after the last stretch of each document. Documents without ids end with the part before them.
template <class Visit, class Ended>
void visit_stretches(const IdRange& part, std::span<const std::int64_t> offsets, std::span<const std::int64_t> barriers, const Visit& visit,
                     const Ended& ended) {
    const auto first = static_cast<std::int64_t>(part.begin), last = static_cast<std::int64_t>(part.end);
    auto barrier = std::upper_bound(barriers.begin(), barriers.end(), first);
    auto document = std::upper_bound(offsets.begin(), offsets.end(), first);
    for (std::int64_t at = first; at < last;) {
        while (barrier != barriers.end() && *barrier <= at) ++barrier;
        std::int64_t stop = std::min(last, *document);
        if (barrier != barriers.end()) stop = std::min(stop, *barrier);
        visit(static_cast<std::size_t>(at), static_cast<std::size_t>(stop));
        at = stop;
        for (; document != offsets.end() && *document == at; ++document) ended(static_cast<std::size_t>(document - offsets.begin()) - 1);
    }
}

void write_part(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                std::span<const std::int64_t> barriers, MatchOrder order, const IdRange& part, Assembly::Writing& out, std::uint64_t* ends,
                Cancel& cancel) {
    const auto ended = [&](std::size_t document) { ends[document] = out.arrays()[0].size(); };
    if (order == MatchOrder::merge) {
        MergeOrderWriter writer(phrases);
        const auto write = [&](std::size_t begin, std::size_t end) {
            out.settle(part.end - begin);
            append(out.arrays(), end - begin, [&](CondensedSink& sink) {
                writer.write(ids.data() + begin, end - begin, static_cast<std::int64_t>(begin), sink, cancel);
            });
        };
        visit_stretches(part, offsets, barriers, write, ended);
    } else {
        LongestWriter writer(phrases);
        const auto write = [&](std::size_t begin, std::size_t end) {
            for (std::size_t at = begin; at < end; at += kStepIds) {
                const std::size_t count = std::min(kStepIds, end - at);
                out.settle(writer.pending() + part.end - at);
                append(out.arrays(), writer.pending() + count, [&](CondensedSink& sink) {
                    writer.take(ids.data() + at, count, static_cast<std::int64_t>(at), sink);
                    if (at + count == end) writer.cut(sink);
                });
                cancel.poll();
            }
        };
        visit_stretches(part, offsets, barriers, write, ended);
    }
}

class LongestPieces final : public PiecewiseCondenser {
public:
    explicit LongestPieces(const Phrases& phrases) : writer_(phrases) {}

    void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel) override {
        while (!ids.empty()) {
            const auto step = ids.first(std::min(ids.size(), kStepIds));
            append(out, writer_.pending() + step.size(),
                   [&](CondensedSink& sink) { writer_.take(step.data(), step.size(), position, sink); });
            ids = ids.subspan(step.size());
            position += static_cast<std::int64_t>(step.size());
            cancel.poll();
        }
    }
    void end_document(Condensed& out, Cancel&) override {
        append(out, writer_.pending(), [&](CondensedSink& sink) { writer_.cut(sink); });
    }

private:
    LongestWriter writer_;
};

class MergeOrderPieces final : public PiecewiseCondenser {
public:
    explicit MergeOrderPieces(const Phrases& phrases) : phrases_(phrases), writer_(phrases) {}

    void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel) override {
        check_base_ids(phrases_, ids.data(), ids.size(), position);
        kept_.insert(kept_.end(), ids.begin(), ids.end());
        // The last place where no phrase crosses lies among the new ids, or there is none.
        std::size_t cut = kept_.size();
        const std::size_t known = std::max<std::size_t>(kept_.size() - ids.size(), 1);
        while (cut > known && (cut == kept_.size() || !phrases_.may_cut(kept_[cut - 1], kept_[cut]))) --cut;
        if (cut == kept_.size() || !phrases_.may_cut(kept_[cut - 1], kept_[cut])) return;
        write(cut, out, cancel);
    }
    void end_document(Condensed& out, Cancel& cancel) override { write(kept_.size(), out, cancel); }

private:
    void write(std::size_t count, Condensed& out, Cancel& cancel) {
        append(out, count, [&](CondensedSink& sink) { writer_.write(kept_.data(), count, 0, sink, cancel); });
        kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(count));
    }

    const Phrases& phrases_;
    MergeOrderWriter writer_;
    std::vector<std::int32_t> kept_;
};

}  // namespace

Condensed condense(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   std::span<const std::int64_t> barriers, MatchOrder order, std::size_t threads, Cancel& cancel) {
    Condensed out;
    out.ends.resize(offsets.size() - 1);
    const std::vector<IdRange> parts = divide(phrases, ids, offsets, threads);
    Gathered made = gather(parts.size(), 2, ids.size() + 1, threads, cancel, [&](std::size_t i, Assembly::Writing& writing) {
        write_part(phrases, ids, offsets, barriers, order, parts[i], writing, out.ends.data(), cancel);
    });
    for (std::size_t i = 0; i < parts.size(); ++i)
        visit_stretches(
            parts[i], offsets, {}, [](std::size_t, std::size_t) {}, [&](std::size_t document) { out.ends[document] += made.starts[i]; });
    out.ids = std::move(made.arrays[0]);
    out.base_counts = std::move(made.arrays[1]);
    return out;
}

std::unique_ptr<PiecewiseCondenser> SupertokenCondenser::pieces(std::size_t) const {
    if (order_ == MatchOrder::merge) return std::make_unique<MergeOrderPieces>(*phrases_);
    return std::make_unique<LongestPieces>(*phrases_);
}

Expanded expand(const Phrases& phrases, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                Cancel& cancel) {
    Expanded out;
    out.ends.resize(offsets.size() - 1);
    std::vector<IdRange> parts;
    for (std::size_t begin = 0; begin < ids.size(); begin += kPartIds) parts.push_back({begin, std::min(ids.size(), begin + kPartIds)});
    std::vector<std::size_t> starts(parts.size() + 1);
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        std::size_t size = 0;
        for (std::size_t at = parts[i].begin; at < parts[i].end; ++at) {
            if (!phrases.has(ids[at])) refuse_code(ids[at], phrases.id_end(), static_cast<std::int64_t>(at));
            size += static_cast<std::size_t>(phrases.length(ids[at]));
        }
        starts[i + 1] = size;
    });
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    out.ids.reserve(starts.back());
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        std::int32_t* const data = static_cast<std::int32_t*>(out.ids.data());
        std::size_t size = starts[i];
        const auto write = [&](std::size_t begin, std::size_t end) {
            for (std::size_t at = begin; at < end; ++at) size += phrases.spell(ids[at], data + size);
        };
        visit_stretches(parts[i], offsets, {}, write, [&](std::size_t document) { out.ends[document] = size; });
    });
    out.ids.set_size(starts.back());
    return out;
}

}  // namespace tokmill::condensed
