// Writers and readers of many sequences that grow step by step, as generation needs them: forked, reordered, taken back. However the
// ids of a sequence arrive, what comes out is what condense() and expand() give for the whole. Not for use by two threads at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "condensed/journal.hpp"
#include "condensed/lru.hpp"
#include "condensed/reading.hpp"
#include "condensed/sinks.hpp"
#include "condensed/zip2zip.hpp"

namespace tokmill::condensed {

// One sequence: a writer or reader with what it takes to undo its last steps. A step is an id that went in.
template <class Machine>
class Sequence {
public:
    using Rules = typename Machine::Rules;
    static constexpr const char* kSteps = "ids";

    Sequence(const Rules& rules, std::size_t most_rewind) : machine_(rules), steps_(most_rewind) { attach(); }
    Sequence(const Sequence& other) : Sequence(other, other.machine_) {}
    Sequence& operator=(const Sequence&) = delete;

    Machine& machine() noexcept { return machine_; }
    const Machine& machine() const noexcept { return machine_; }
    std::uint64_t base_count() const noexcept { return base_count_; }  // base ids so far
    std::size_t rewindable() const noexcept { return kept_; }

    // Before a step that can no longer fail.
    void begin_step() {
        if (steps_.empty()) return;
        Step& step = steps_[next_];
        next_ = next_ + 1 == steps_.size() ? 0 : next_ + 1;
        step.journal_end = dropped_ + journal_.size();
        step.base_count = base_count_;
        machine_.mark(step.mark);
        if (kept_ < steps_.size()) ++kept_;
        if (journal_.size() <= kSlackChanges) return;
        const std::size_t needed = steps_[before_next(kept_)].journal_end - dropped_;
        if (needed > kSlackChanges && needed * 2 > journal_.size()) {
            journal_.erase(journal_.begin(), journal_.begin() + static_cast<std::ptrdiff_t>(needed));
            dropped_ += needed;
        }
    }
    void add_base(std::size_t count) noexcept { base_count_ += count; }

    void rewind(std::size_t steps) {
        for (; steps > 0; --steps) {
            next_ = before_next(1);
            const Step& step = steps_[next_];
            --kept_;
            machine_.keep_journal(nullptr);
            for (; dropped_ + journal_.size() > step.journal_end; journal_.pop_back()) machine_.undo(journal_.back());
            machine_.restore(step.mark);
            base_count_ = step.base_count;
        }
        attach();
    }

    // Steps before these cannot be taken back; until resume() none is written down.
    void forget() {
        machine_.keep_journal(nullptr);
        journal_.clear();
        dropped_ = kept_ = next_ = 0;
    }
    void resume() { attach(); }

    void clear() {
        forget();
        machine_.clear();
        base_count_ = 0;
        attach();
    }

private:
    static constexpr std::size_t kSlackChanges = 256;

    struct Step {
        std::size_t journal_end = 0;
        std::uint64_t base_count = 0;
        typename Machine::Mark mark;
    };
    Sequence(const Sequence& other, const Machine& machine)
        : machine_(machine),
          journal_(other.journal_),
          steps_(other.steps_),
          dropped_(other.dropped_),
          next_(other.next_),
          kept_(other.kept_),
          base_count_(other.base_count_) {
        attach();
    }
    // Where the step lies that is so many before the next one, at most all of the ring.
    std::size_t before_next(std::size_t steps) const noexcept { return next_ >= steps ? next_ - steps : next_ + steps_.size() - steps; }
    void attach() { machine_.keep_journal(steps_.empty() ? nullptr : &journal_); }

    Machine machine_;
    Journal journal_;
    std::vector<Step> steps_;  // a ring
    std::size_t dropped_ = 0;  // changes that the journal no longer has
    std::size_t next_ = 0;     // where in the ring the next step comes to lie
    std::size_t kept_ = 0;
    std::uint64_t base_count_ = 0;
};

// The house's protocol for what has a step-by-step form. `One` is a sequence: made of rules and of how many steps can be taken back at
// most, copied, taken back by rewind(steps), which has to be at most rewindable(); kSteps is what a step is of.
template <class One>
class Sequences {
public:
    using Rules = typename One::Rules;

    Sequences(const Rules& rules, std::size_t count, std::size_t most_rewind) : rules_(&rules), most_rewind_(most_rewind) { add(count); }

    std::size_t size() const noexcept { return all_.size(); }
    One& operator[](std::size_t sequence) noexcept { return *all_[sequence]; }
    const Rules& rules() const noexcept { return *rules_; }
    std::size_t most_rewind() const noexcept { return most_rewind_; }

    void add(std::size_t count) {
        all_.reserve(all_.size() + count);
        for (; count > 0; --count) all_.push_back(std::make_unique<One>(*rules_, most_rewind_));
    }
    std::size_t fork(std::size_t sequence) {
        all_.push_back(std::make_unique<One>(*all_[sequence]));
        return all_.size() - 1;
    }
    // Sequence i becomes what sequence sources[i] was; the first to ask for one gets it without a copy.
    void reorder(std::span<const std::size_t> sources) {
        std::vector<std::unique_ptr<One>> next(sources.size());
        std::vector<std::size_t> taken(all_.size(), sources.size());
        for (std::size_t i = 0; i < sources.size(); ++i) {
            if (taken[sources[i]] == sources.size()) {
                taken[sources[i]] = i;
            } else {
                next[i] = std::make_unique<One>(*all_[sources[i]]);
            }
        }
        for (std::size_t source = 0; source < all_.size(); ++source)
            if (taken[source] != sources.size()) next[taken[source]] = std::move(all_[source]);
        all_ = std::move(next);
    }
    void drop(std::span<const std::size_t> sequences) {
        std::vector<bool> gone(all_.size());
        for (const std::size_t sequence : sequences) gone[sequence] = true;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < all_.size(); ++i)
            if (!gone[i]) all_[kept++] = std::move(all_[i]);
        all_.resize(kept);
    }
    // Error(value) if a sequence cannot be taken back so far; nothing has changed then.
    void rewind(std::span<const std::size_t> steps) {
        for (std::size_t i = 0; i < steps.size(); ++i)
            if (steps[i] > all_[i]->rewindable())
                throw Error(ErrorKind::value,
                            "sequence " + std::to_string(i) + " can be taken back by " + std::to_string(all_[i]->rewindable()) + " " +
                                One::kSteps + ", not by " + std::to_string(steps[i]) + " (max_rewind is " + std::to_string(most_rewind_) +
                                ")",
                            static_cast<std::int64_t>(i));
        for (std::size_t i = 0; i < steps.size(); ++i) all_[i]->rewind(steps[i]);
    }

private:
    const Rules* rules_;
    std::size_t most_rewind_;
    std::vector<std::unique_ptr<One>> all_;
};

// Base ids go in, condensed ids come out.
template <class Writer>
class WriterSequences : public Sequences<Sequence<Writer>> {
public:
    using Sequences<Sequence<Writer>>::Sequences;

    // How many ids may come out of a step.
    std::size_t most_ids_a_step() const noexcept { return Writer::most_ids_a_step(this->rules()); }

    // One id a sequence, a negative one for none. out[sequence * most_ids_a_step()]: what came out, then -1. Error(unknown_id) with
    // the sequence; nothing has changed then.
    void step(std::span<const std::int32_t> ids, std::int32_t* out) {
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (ids[i] >= this->rules().vocab_size()) refuse_id(ids[i], this->rules().vocab_size(), static_cast<std::int64_t>(i));
        const std::size_t most = most_ids_a_step();
        counts_.resize(most);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::size_t count = ids[i] < 0 ? 0 : step_one((*this)[i], ids[i], out + i * most);
            std::fill_n(out + i * most + count, most - count, -1);
        }
    }
    // Many ids of one sequence; appends what comes out. Error(unknown_id) with the index; nothing has changed then.
    void extend(std::size_t sequence, std::span<const std::int32_t> ids, std::vector<std::int32_t>& out) {
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (!this->rules().is_base(ids[i])) refuse_id(ids[i], this->rules().vocab_size(), static_cast<std::int64_t>(i));
        Sequence<Writer>& one = (*this)[sequence];
        // All but the last steps at once: they could not be taken back anyway.
        const std::size_t at_once = ids.size() - std::min(ids.size(), this->most_rewind());
        if (at_once > 0) {
            const std::size_t most = at_once + most_ids_a_step();
            std::vector<std::int32_t> made(most), counts(most);
            CondensedSink sink{made.data(), counts.data(), nullptr, 0};
            one.forget();
            one.machine().take(ids.data(), at_once, 0, sink);
            one.resume();
            one.add_base(at_once);
            out.insert(out.end(), made.begin(), made.begin() + static_cast<std::ptrdiff_t>(sink.size));
        }
        counts_.resize(most_ids_a_step());
        std::vector<std::int32_t> made(most_ids_a_step());
        for (std::size_t i = at_once; i < ids.size(); ++i) {
            const auto count = static_cast<std::ptrdiff_t>(step_one(one, ids[i], made.data()));
            out.insert(out.end(), made.begin(), made.begin() + count);
        }
    }
    // The end of a sequence's document: what was held back comes out, and the next id begins another document.
    std::vector<std::int32_t> finish(std::size_t sequence) {
        std::vector<std::int32_t> made(most_ids_a_step());
        counts_.resize(made.size());
        CondensedSink sink{made.data(), counts_.data(), nullptr, 0};
        (*this)[sequence].machine().cut(sink);
        (*this)[sequence].clear();
        made.resize(sink.size);
        return made;
    }

private:
    std::size_t step_one(Sequence<Writer>& one, std::int32_t id, std::int32_t* out) {
        CondensedSink sink{out, counts_.data(), nullptr, 0};
        one.begin_step();
        one.machine().take(&id, 1, 0, sink);
        one.add_base(1);
        return sink.size;
    }

    std::vector<std::int32_t> counts_;  // which nobody asks for
};

template <class Reader>
class ReaderSequences : public Sequences<Sequence<Reader>> {
public:
    using Sequences<Sequence<Reader>>::Sequences;

    // One id a sequence, a negative one for none. out[sequence * max_subtokens]: its base ids, then -1. Error(unknown_id) with the
    // sequence; nothing has changed then.
    void step(std::span<const std::int32_t> ids, Reading reading, std::int32_t* out) {
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (ids[i] >= 0) (*this)[i].machine().check(ids[i], reading, static_cast<std::int64_t>(i));
        const auto most = static_cast<std::size_t>(this->rules().max_subtokens());
        std::fill_n(out, ids.size() * most, -1);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (ids[i] < 0) continue;
            Sequence<Reader>& one = (*this)[i];
            one.begin_step();
            one.add_base(one.machine().read(ids[i], reading, static_cast<std::int64_t>(i), out + i * most));
        }
    }
    // Many ids of one sequence; appends their base ids. Error(unknown_id) with the index; the ids before it have been read.
    void extend(std::size_t sequence, std::span<const std::int32_t> ids, Reading reading, std::vector<std::int32_t>& out) {
        Sequence<Reader>& one = (*this)[sequence];
        std::vector<std::int32_t> made(static_cast<std::size_t>(this->rules().max_subtokens()));
        for (std::size_t i = 0; i < ids.size(); ++i) {
            one.machine().check(ids[i], reading, static_cast<std::int64_t>(i));
            one.begin_step();
            const std::size_t count = one.machine().read(ids[i], reading, static_cast<std::int64_t>(i), made.data());
            one.add_base(count);
            out.insert(out.end(), made.begin(), made.begin() + static_cast<std::ptrdiff_t>(count));
        }
    }
    void finish(std::size_t sequence) { (*this)[sequence].clear(); }
};

}  // namespace tokmill::condensed
