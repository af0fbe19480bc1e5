// Base ids to supertokens, leftmost-longest: at each place the longest phrase that begins there, else the base id. Ids come in
// pieces; what may still be the beginning of a longer phrase is kept, fewer than Phrases::max_length() ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "condensed/journal.hpp"
#include "condensed/phrases.hpp"
#include "condensed/sinks.hpp"

namespace tokmill::condensed {

class LongestWriter {
public:
    using Rules = Phrases;
    // All that was kept, and the id itself.
    static std::size_t most_ids_a_step(const Rules& phrases) noexcept { return static_cast<std::size_t>(phrases.max_length()); }

    explicit LongestWriter(const Phrases& phrases) : phrases_(&phrases) {}

    void clear() noexcept { kept_.clear(); }
    // Goes on with the document. Error(unknown_id) for an id outside of the vocabulary, at `position` + its index; nothing has
    // changed then.
    void take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out);
    // No phrase crosses this place: the end of a document, or a barrier.
    void cut(CondensedSink& out);

    std::size_t pending() const noexcept { return kept_.size(); }  // ids that are kept

    // Steps are taken back by what was kept before them: there is no book to journal. Mostly that is one id or none.
    struct Mark {
        std::size_t count = 0;
        std::int32_t first = 0;
        std::vector<std::int32_t> all{};  // if there are more
    };
    void keep_journal(Journal*) noexcept {}
    void mark(Mark& mark) const {
        mark.count = kept_.size();
        if (mark.count == 1) mark.first = kept_[0];
        if (mark.count > 1) mark.all = kept_;
    }
    void restore(const Mark& mark) {
        if (mark.count > 1) {
            kept_ = mark.all;
        } else {
            kept_.assign(mark.count, mark.first);
        }
    }
    void undo(const Change&) noexcept {}

private:
    struct Match {
        std::int32_t id = 0;
        std::size_t end = 0;
    };
    // The common step: what is kept, at most one id, is in no phrase with the next one. Else nothing has happened.
    bool take_one(std::int32_t id, CondensedSink& out);
    bool match(const std::int32_t* ids, std::size_t at, std::size_t count, bool is_end, Match& best) const;
    // Writes the phrases that begin in ids[0, stop) as far as ids[0, count) decide them (all of them if is_end); returns where the first
    // one that is open begins, or where the last one ends.
    std::size_t write(const std::int32_t* ids, std::size_t count, std::size_t stop, bool is_end, CondensedSink& out) const;

    const Phrases* phrases_;
    std::vector<std::int32_t> kept_;
};

// Error(unknown_id), with `position` + its index, for the first id that is no base id.
void check_base_ids(const Phrases& phrases, const std::int32_t* ids, std::size_t count, std::int64_t position);

}  // namespace tokmill::condensed
