// Counts of words in bounded memory: a table, and sorted runs in a file for what it no longer held. In: words, added to the table. Out:
// every distinct word once with its sum, as if the table had never been emptied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/spill_file.hpp"
#include "training/word_counts.hpp"

namespace tokmill::training {

class BoundedCounts {
public:
    using Visitor = std::function<void(std::string_view word, std::int64_t count)>;

    // `memory_bytes` bounds the table and what it takes to write it out; 0: no bound, nothing is ever written. The file lies in
    // `directory`.
    explicit BoundedCounts(std::size_t memory_bytes = 0, std::string directory = {})
        : memory_bytes_(memory_bytes), directory_(std::move(directory)) {}

    // What is added goes here; spill_if_full() is called in between.
    WordCounts& table() noexcept { return table_; }
    // Writes the table as a run if it has its share of the memory. Error(output) if that fails; the table is as before then.
    void spill_if_full(Cancel& cancel);

    std::int64_t total() const noexcept { return spilled_total_ + table_.total(); }
    std::size_t size() const;  // distinct words; reads all runs if there are any
    std::size_t byte_size() const noexcept { return table_.byte_size(); }
    std::uint64_t spilled_bytes() const noexcept { return end_; }

    // Every word, in any order. Error(input) if the file cannot be read back.
    template <class Function>
    void visit(Function&& function) const {
        if (runs_.empty()) {
            table_.visit(function);
        } else {
            visit_sorted(function);
        }
    }
    void visit_sorted(const Visitor& visitor) const;  // in bytewise order
    // Forgets the words that occur less often; what is left is in the table.
    void prune(std::int64_t least_count);

private:
    struct Run {
        std::uint64_t begin, end;  // in the file
    };
    class Reader;

    std::size_t memory_bytes_;
    std::string directory_;
    WordCounts table_;
    std::unique_ptr<SpillFile> file_;
    std::vector<Run> runs_;
    std::uint64_t end_ = 0;
    std::int64_t spilled_total_ = 0;
    mutable std::optional<std::size_t> size_;  // of runs and table, while nothing is added
    mutable std::int64_t size_total_ = 0;      // total() when it was found out
};

}  // namespace tokmill::training
