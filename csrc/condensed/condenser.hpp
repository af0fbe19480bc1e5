// What every condenser does, whichever it is: base ids to fewer ids, whole documents at once or piece by piece. Whoever composes stages
// knows no more of them than this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/sinks.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::condensed {

struct Condensed {
    tokens::IdArray ids;
    tokens::IdArray base_counts;  // base ids that an id stands for
    tokens::IdArray installed;    // hypertokens: entries that a reader has after an id, if asked for
    std::vector<std::uint64_t> ends;
};

struct Expanded {
    tokens::IdArray ids;
    std::vector<std::uint64_t> ends;
};

// Documents whose ids come in pieces: all pieces of a document together give what condense() gives for the whole. Not for use by two
// threads at once.
class PiecewiseCondenser {
public:
    virtual ~PiecewiseCondenser() = default;

    // Appends what the next ids of the document make to `out.ids` and `out.base_counts`; ids that may still grow are kept.
    // Error(unknown_id) for an id outside of the vocabulary, with `position` + its index.
    virtual void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel) = 0;
    // What was kept comes out, and the next id begins another document.
    virtual void end_document(Condensed& out, Cancel& cancel) = 0;
};

class Condenser {
public:
    virtual ~Condenser() = default;

    virtual std::int32_t vocab_size() const noexcept = 0;  // the ids that it takes are below
    // `offsets` are the bounds of the documents: they rise from 0 to the number of ids. What comes out does not depend on `threads`.
    virtual Condensed condense(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::size_t threads,
                               Cancel& cancel) const = 0;
    // The condenser has to outlive it; `most_ids` is how long a document is likely to be.
    virtual std::unique_ptr<PiecewiseCondenser> pieces(std::size_t most_ids) const = 0;
};

// Lets a writer put at most so many ids behind those that are there.
template <class Write>
void append(Condensed& out, std::size_t most, const Write& write) {
    const std::size_t size = out.ids.size();
    out.ids.prepare(most);
    out.base_counts.prepare(most);
    CondensedSink sink{static_cast<std::int32_t*>(out.ids.data()), static_cast<std::int32_t*>(out.base_counts.data()), nullptr, size};
    write(sink);
    out.ids.set_size(sink.size);
    out.base_counts.set_size(sink.size);
}

}  // namespace tokmill::condensed
