// Counts of words in bounded memory: a table, and sorted runs in a file for what it no longer held. In: words. Out: every distinct word
// once with its sum, as if the table had never been emptied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/spill_file.hpp"
#include "training/word_counts.hpp"

namespace tokmill::training {

class BoundedCounts {
public:
    using Visitor = WordCounts::Visitor;

    // `memory_bytes` bounds the table, what it takes to write it out and to read all runs; 0: no bound, nothing is ever written. The file
    // lies in `directory`.
    explicit BoundedCounts(std::size_t memory_bytes = 0, std::string directory = {})
        : memory_bytes_(memory_bytes), directory_(std::move(directory)) {}

    // Adds the words of all tables of the batch, which are gone then, or none of them: first the table is written as a run if they might
    // not fit into its share of the memory. Error(output) if that fails, Error(value) if the counts add up to more than 63 bits.
    void add(std::span<WordCounts> batch, Cancel& cancel);
    void add(std::string_view word, std::int64_t count, Cancel& cancel);
    // How large a batch may become. The rest of the memory is for the table.
    bool is_large(std::size_t batch_bytes) const noexcept { return memory_bytes_ != 0 && batch_bytes > memory_bytes_ / kBatchesInMemory; }
    // How much text to count at a time, so that batches stay about that large.
    std::size_t text_bytes_at_once() const noexcept { return memory_bytes_ == 0 ? SIZE_MAX : memory_bytes_ / kTextsInMemory; }

    // What was added after mark() is taken back by undo().
    struct Mark {
        std::size_t run_count;
        std::uint64_t end;
        std::int64_t total;
    };
    Mark mark(Cancel& cancel);
    void undo(const Mark& mark);

    std::int64_t total() const noexcept { return spilled_total_ + table_.total(); }
    std::size_t size(Cancel& cancel) const;  // distinct words; reads all runs if there are any
    std::size_t byte_size() const noexcept { return table_.byte_size(); }
    std::uint64_t spilled_bytes() const noexcept { return spilled_bytes_; }  // since the beginning

    // Every word, in any order. The first time after something was spilled, all runs are merged into one. Error(input) if the file cannot
    // be read back, Error(output) if the new one cannot be written.
    template <class Function>
    void visit(Function&& function, Cancel& cancel) const {
        if (runs_.empty()) {
            table_.visit(function);
        } else {
            visit_sorted(function, cancel);
        }
    }
    void visit_sorted(const Visitor& visitor, Cancel& cancel) const;  // in bytewise order
    // With words that begin alike one after the other.
    template <class Function>
    void visit_grouped(Function&& function, Cancel& cancel) const {
        if (runs_.empty()) {
            table_.visit_grouped(function);
        } else {
            visit_sorted(function, cancel);
        }
    }
    // Forgets the words that occur less often; sums of what is left stay within the bound.
    void prune(std::int64_t least_count, Cancel& cancel);

private:
    static constexpr std::size_t kBatchesInMemory = 8, kTextsInMemory = 64;

    struct Run {
        std::uint64_t begin, end;  // in the file
    };
    class Reader;
    class Writer;

    void make_room(const WordCounts::Extent& more, Cancel& cancel);
    void check_total(std::int64_t more) const;
    void spill(Cancel& cancel) const;
    void merge_runs(const Visitor& visitor, Cancel& cancel) const;
    void unite_runs(Cancel& cancel) const;

    std::size_t memory_bytes_;
    std::string directory_;
    // Where words lie changes when they are read, not what they are.
    mutable WordCounts table_;
    mutable std::unique_ptr<SpillFile> file_;
    mutable std::vector<Run> runs_;
    mutable std::uint64_t end_ = 0;
    mutable std::uint64_t spilled_bytes_ = 0;
    mutable std::int64_t spilled_total_ = 0;
    mutable std::optional<std::size_t> united_size_;  // the words of the only run
};

}  // namespace tokmill::training
