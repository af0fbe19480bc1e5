// Rows of sequences that grow token by token, many at once: what generation needs. However the tokens arrive, the rows are
// those of the whole sequence given to write_rows(). Not for use by two threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.hpp"
#include "ngrams/rows.hpp"

namespace tokmill::ngrams {

class State {
public:
    // The plan has to outlive it. The last `most_rewind` tokens of each sequence can be taken back.
    State(const Plan& plan, std::size_t sequences, std::size_t most_rewind);

    std::size_t sequences() const noexcept { return ends_.size(); }

    // One id a sequence, a negative one for none: that sequence stays as it is and its rows are 0. Error(unknown_id) with the
    // sequence's number changes nothing.
    void step(const Ids& ids, const RowArray& out, bool with_offsets);
    // Many tokens of one sequence.
    void extend(std::size_t sequence, const Ids& ids, const RowArray& out, bool with_offsets, std::size_t threads, Cancel& cancel);
    // Takes back counts[i] tokens of sequence i. Error(value) changes nothing.
    void rewind(std::span<const std::uint64_t> counts);
    // Sequence i becomes a copy of what sequence sources[i] was.
    void reorder(std::span<const std::size_t> sources);
    void add(std::size_t count);
    // Those that are left keep their order.
    void drop(std::span<const std::size_t> sequences);

private:
    // Two bits of an entry mark where windows end. After a token that ends its document nothing at or before it is seen;
    // of one that starts a document nothing before it.
    static constexpr std::uint32_t kEnds = std::uint32_t(1) << 30;
    static constexpr std::uint32_t kStarts = std::uint32_t(1) << 31;
    static constexpr std::uint32_t kValue = kEnds - 1;

    std::uint32_t* entries(std::size_t sequence) noexcept { return entries_.data() + sequence * stride_; }
    std::uint32_t next_entry(std::size_t sequence, std::uint32_t id) noexcept;
    void push(std::size_t sequence, std::uint32_t entry) noexcept;
    // What a token after the last one sees: `out[i * step]` for i < history.
    void window(std::size_t sequence, std::uint32_t* out, std::size_t step) noexcept;

    const Plan& plan_;
    std::size_t most_rewind_;
    std::size_t kept_;    // entries of a sequence that have to stay
    std::size_t stride_;  // room for them in entries_; they move to its front when it is full
    Buffer<std::uint32_t> entries_;
    std::vector<std::uint32_t> ends_;        // entries of each sequence that are there
    std::vector<std::uint64_t> rewindable_;  // tokens that may be taken back
    Buffer<std::uint32_t> planes_;           // scratch of step()
};

}  // namespace tokmill::ngrams
