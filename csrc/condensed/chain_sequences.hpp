// A chain step by step: writers and readers of two stages as machines of one, for Sequence (condensed/sequences.hpp). Ids come out of the
// first stage when they are certain and go into the second at once, so whatever each stage holds back is held back here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "condensed/hypertoken_rules.hpp"
#include "condensed/journal.hpp"
#include "condensed/longest.hpp"
#include "condensed/phrases.hpp"
#include "condensed/reading.hpp"
#include "condensed/sinks.hpp"

namespace tokmill::condensed {

// Supertokens, leftmost-longest, and hypertokens over them. Both have to outlive it.
class ChainRules {
public:
    ChainRules(const Phrases& first, const HypertokenRules& second) noexcept : first_(&first), second_(&second) {}

    const Phrases& first() const noexcept { return *first_; }
    const HypertokenRules& second() const noexcept { return *second_; }
    std::int32_t vocab_size() const noexcept { return first_->vocab_size(); }
    bool is_base(std::int32_t id) const noexcept { return first_->is_base(id); }
    Profile profile() const noexcept { return second_->profile(); }
    // Base ids of an id at most.
    std::int32_t max_subtokens() const noexcept { return second_->max_subtokens() * first_->max_length(); }

private:
    const Phrases* first_;
    const HypertokenRules* second_;
};

// `Second` is a writer of hypertokens. What comes out counts ids of the first stage.
template <class Second>
class ChainWriter {
public:
    using Rules = ChainRules;
    // All that the first stage held back, and what the second one did.
    static std::size_t most_ids_a_step(const Rules& rules) noexcept { return LongestWriter::most_ids_a_step(rules.first()) + 1; }

    explicit ChainWriter(const ChainRules& rules) : rules_(&rules), first_(rules.first()), second_(rules.second()) {}

    void clear() {
        first_.clear();
        second_.clear();
    }
    void take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out) {
        pass_on(
            first_.pending() + count, [&](CondensedSink& between) { first_.take(ids, count, position, between); }, out);
    }
    void cut(CondensedSink& out) {
        pass_on(
            first_.pending(), [&](CondensedSink& between) { first_.cut(between); }, out);
        second_.cut(out);
    }
    // Base ids that are kept.
    std::size_t pending() const {
        std::vector<std::int32_t> between(static_cast<std::size_t>(rules_->second().max_subtokens()));
        between.resize(second_.pending_ids(between.data()));
        std::size_t count = first_.pending();
        for (const std::int32_t id : between) count += static_cast<std::size_t>(rules_->first().length(id));
        return count;
    }
    const auto& book() const noexcept { return second_.book(); }  // its phrases are of ids of the first stage

    struct Mark {
        typename LongestWriter::Mark first;
        typename Second::Mark second;
    };
    void keep_journal(Journal* journal) noexcept { second_.keep_journal(journal); }
    void mark(Mark& mark) const {
        first_.mark(mark.first);
        second_.mark(mark.second);
    }
    void restore(const Mark& mark) {
        first_.restore(mark.first);
        second_.restore(mark.second);
    }
    void undo(const Change& change) { second_.undo(change); }

private:
    template <class Write>
    void pass_on(std::size_t most, const Write& write, CondensedSink& out) {
        if (ids_.size() < most) {
            ids_.resize(most);
            counts_.resize(most);
        }
        CondensedSink between{ids_.data(), counts_.data(), nullptr, 0};
        write(between);
        second_.take(ids_.data(), between.size, 0, out);
    }

    const ChainRules* rules_;
    LongestWriter first_;
    Second second_;
    std::vector<std::int32_t> ids_, counts_;  // between the stages
};

// `Second` is a reader of hypertokens.
template <class Second>
class ChainReader {
public:
    using Rules = ChainRules;

    explicit ChainReader(const ChainRules& rules)
        : rules_(&rules), second_(rules.second()), between_(static_cast<std::size_t>(rules.second().max_subtokens())) {}

    void clear() { second_.clear(); }
    void check(std::int32_t code, Reading reading, std::int64_t position) const {
        if (rules_->second().is_base(code) && !rules_->first().has(code)) refuse_code(code, rules_->first().id_end(), position);
        second_.check(code, reading, position);
    }
    std::size_t read(std::int32_t code, Reading reading, std::int64_t position, std::int32_t* ids) {
        const std::size_t count = second_.read(code, reading, position, between_.data());
        std::size_t size = 0;
        for (std::size_t i = 0; i < count; ++i) size += rules_->first().spell(between_[i], ids + size);
        return size;
    }
    std::int32_t last_row() const noexcept { return second_.last_row(); }
    const auto& book() const noexcept { return second_.book(); }

    using Mark = typename Second::Mark;
    void keep_journal(Journal* journal) noexcept { second_.keep_journal(journal); }
    void mark(Mark& mark) const { second_.mark(mark); }
    void restore(const Mark& mark) { second_.restore(mark); }
    void undo(const Change& change) { second_.undo(change); }

private:
    const ChainRules* rules_;
    Second second_;
    std::vector<std::int32_t> between_;
};

}  // namespace tokmill::condensed
