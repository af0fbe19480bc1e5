// Base ids to records, as cheaply as the rules say: at each place the record that saves most, unless the next place has a better one.
// What is written is a function of the document alone, however its ids come.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "condensed/opcodes/matcher.hpp"
#include "condensed/opcodes/records.hpp"
#include "condensed/opcodes/rules.hpp"

namespace tokmill::condensed {

// Names for phrases that were copied before: which, and who is to give up its slot.
class SlotBook {
public:
    explicit SlotBook(const OpcodeRules& rules);
    void clear() noexcept;

    struct Found {
        std::int32_t slot = -1;
        std::size_t length = 0;
    };
    // The longest phrase in a slot that `ids` begin with.
    Found find(const std::int32_t* ids, std::size_t count) const noexcept;
    void use(std::int32_t slot) noexcept { last_uses_[static_cast<std::size_t>(slot)] = ++clock_; }
    // A phrase was copied; if often enough, the slot that it is put into, else -1.
    std::int32_t copied(const std::int32_t* ids, std::size_t count);

private:
    static constexpr std::size_t kHeads = 1024;
    static constexpr std::size_t kSeen = 1024;
    static constexpr std::uint32_t kDefineAfter = 3;  // copies

    static std::uint64_t mixed(const std::int32_t* ids, std::size_t count) noexcept;

    std::size_t most_;
    std::vector<std::vector<std::int32_t>> phrases_;
    std::vector<std::uint64_t> last_uses_;
    std::vector<std::int16_t> next_;  // slot whose phrase has the same beginning, or -1
    std::vector<std::int16_t> heads_;
    struct Seen {
        std::uint64_t phrase = 0;
        std::uint32_t count = 0;
    };
    std::vector<Seen> seen_;
    std::uint64_t clock_ = 0;
};

class OpcodeWriter {
public:
    explicit OpcodeWriter(const OpcodeRules& rules);

    // The first `count` of ids go on behind those that were taken; before them lies what history() asks for. No record crosses a cut;
    // where there is none yet, what depends on ids to come is left. Returns how many were taken.
    std::size_t take(const std::int32_t* ids, std::size_t count, bool is_cut, Records& out);
    // How many ids may still be taken before reset() is due.
    std::uint64_t until_reset() const noexcept { return rules_->reset_every() == 0 ? UINT64_MAX : rules_->reset_every() - since_reset_; }

    // Behind the ids that were taken; `here` is where the next one would be.
    void put(const Record& record, const std::int32_t* here, Records& out) {
        close_run(here, out);
        out.put(record);
    }
    void reset(const std::int32_t* here, Records& out);
    void end_document(const std::int32_t* here, Records& out);
    // The document is given up.
    void clear() noexcept;

    std::size_t pending() const noexcept { return run_; }  // literals that were taken and have no record yet

    // Ids before the next one that have to stay readable.
    static std::size_t history(const OpcodeRules& rules) noexcept { return std::max(rules.window(), rules.max_length()); }

private:
    struct Choice {
        Record record{};
        std::int64_t saved = 0;
    };
    Choice choose(const std::int32_t* ids, std::size_t count);
    void write(const Choice& choice, const std::int32_t* ids, Records& out);
    void literal(const std::int32_t* id, Records& out);
    void close_run(const std::int32_t* here, Records& out);
    void pass(std::size_t count) noexcept {
        matcher_.pass(count);
        since_reset_ += count;
    }
    void forget() noexcept;

    const OpcodeRules* rules_;
    Matcher matcher_;
    SlotBook slots_;
    std::size_t run_ = 0;  // literals that have no record yet: the last ids
    std::uint64_t since_reset_ = 0;
};

}  // namespace tokmill::condensed
