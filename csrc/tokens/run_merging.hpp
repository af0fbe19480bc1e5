// Merging text that consists of a few runs of equal bytes: indentation, rules of dashes, borders of comments. Vocabularies
// have tokens of a hundred spaces and more, so no window of a fixed size is sure to hold one; but runs merge as runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// A sequence of symbols is kept as runs of equal ones. Within a run all pairs have the same rank, so when its turn comes
// they merge from left to right: k of s become k / 2 of t = s s, and one s is left over if k is odd. That is one step, for
// a run of any length, provided that nothing cuts in, that is, no pair that the first of these merges creates has a lower rank
// than theirs (in vocabularies made by merging none has; where one does, merge() gives up). So n equal bytes take about
// log2(n) steps.
class RunMerger {
public:
    static constexpr std::uint32_t kMaxRuns = 16;  // of bytes

    // The bytes at the front that make up to `run_count` runs, whole ones.
    static std::size_t span_of_runs(const std::uint8_t* bytes, std::size_t size, std::uint32_t run_count) noexcept;

    // Merges bytes[0, size), which have at most kMaxRuns runs, into `symbols` (room for size). Returns how many; nothing if a step
    // of a run would not be exact, or if there are more runs in between than there is room for.
    std::optional<std::size_t> merge(const vocab::Merges& merges, const std::uint8_t* bytes, std::size_t size, vocab::Symbol* symbols);

private:
    struct Run {
        vocab::Symbol symbol;
        vocab::Symbol inside;  // what two of them merge into, if there are two
        vocab::Symbol after;   // what the last one and the first one of the next run merge into
        std::size_t count;
    };
    static constexpr std::uint32_t kRoom = 8 * kMaxRuns;

    bool merge_inside(std::uint32_t at);
    bool merge_after(std::uint32_t at);
    bool replace(std::uint32_t first, std::uint32_t end, const Run* with, std::uint32_t with_count);

    const vocab::Merges* merges_ = nullptr;
    std::uint32_t count_ = 0;
    Run runs_[kRoom];
};

}  // namespace tokmill::tokens
