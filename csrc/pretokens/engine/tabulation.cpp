#include "pretokens/engine/tabulation.hpp"

#include <utility>

namespace tokmill::pretokens::engine {

namespace {

constexpr std::int64_t kNoMatch = -1;

class Table {
public:
    Table(const Machine& machine, const std::uint8_t* letters, std::size_t count) : machine_(machine), letters_(letters), count_(count) {
        const Nfa& nfa = machine.nfa;
        column_.assign(nfa.cores.size(), kNone);
        add_column(nfa.programs[0]);
        add_column(nfa.programs[1]);
        for (const NfaState& state : nfa.states) {
            if (state.op == NfaState::Op::atomic && nfa.core_of[state.targets.front()] != kNone) add_column(state.targets.front());
        }
        ends_.assign((count + 1) * column_count_, kNoMatch);
        fill();
    }

    // Where the match that begins at `at` ends, with or without \G holding there.
    std::int64_t end_from(std::size_t at, bool search_begins_here) const {
        return ends_[at * column_count_ + column_[machine_.nfa.core_of[machine_.nfa.programs[search_begins_here ? 0 : 1]]]];
    }

private:
    void add_column(std::uint32_t state) {
        std::uint32_t& column = column_[machine_.nfa.core_of[state]];
        if (column == kNone) column = column_count_++;
    }

    void fill() {
        const Nfa& nfa = machine_.nfa;
        value_.assign(nfa.states.size(), kNoMatch);
        std::vector<std::int64_t> behind(nfa.cores.size(), kNoMatch), here(nfa.cores.size());
        for (std::size_t at = count_ + 1; at-- > 0;) {
            if (at < count_ && letters_[at] == machine_.continuation()) continue;
            std::uint32_t character_class = kNone, truths;
            if (at < count_) {
                character_class = machine_.letters[letters_[at]].character_class;
                truths = machine_.letters[letters_[at]].truths;
            } else {
                std::size_t last = count_ - 1;
                while (letters_[last] == machine_.continuation()) --last;
                truths = machine_.letters[letters_[last]].truths_after;
            }
            evaluate(at, character_class, truths, behind);
            for (std::size_t i = 0; i < here.size(); ++i) {
                here[i] = value_[nfa.cores[i]];
                if (column_[i] != kNone) ends_[at * column_count_ + column_[i]] = here[i];
            }
            here.swap(behind);
        }
    }

    void evaluate(std::size_t at, std::uint32_t character_class, std::uint32_t truths, const std::vector<std::int64_t>& behind) {
        const Nfa& nfa = machine_.nfa;
        for (const std::uint32_t number : nfa.order) {
            const NfaState& state = nfa.states[number];
            std::int64_t value = kNoMatch;
            switch (state.op) {
                case NfaState::Op::consume:
                    if (character_class != kNone && machine_.set_has_class[state.argument * machine_.class_count + character_class] != 0)
                        value = behind[nfa.core_of[state.targets.front()]];
                    break;
                case NfaState::Op::choose:
                    for (const std::uint32_t target : state.targets) {
                        if ((value = value_[target]) != kNoMatch) break;
                    }
                    break;
                case NfaState::Op::ahead:
                    if ((value_[nfa.programs[state.argument]] != kNoMatch) != state.negated) value = value_[state.targets.front()];
                    break;
                case NfaState::Op::behind:
                    if (((truths >> state.argument & 1) != 0) != state.negated) value = value_[state.targets.front()];
                    break;
                case NfaState::Op::atomic: {
                    const std::int64_t end = value_[nfa.programs[state.argument]];
                    const std::uint32_t target = state.targets.front();
                    if (end == static_cast<std::int64_t>(at)) {
                        value = value_[target];
                    } else if (end != kNoMatch) {
                        value = ends_[static_cast<std::size_t>(end) * column_count_ + column_[nfa.core_of[target]]];
                    }
                    break;
                }
                case NfaState::Op::accept: value = static_cast<std::int64_t>(at); break;
                case NfaState::Op::fail: break;
            }
            value_[number] = value;
        }
    }

    const Machine& machine_;
    const std::uint8_t* letters_;
    const std::size_t count_;
    std::vector<std::uint32_t> column_;  // by core; kNone if its ends are not kept
    std::uint32_t column_count_ = 0;
    std::vector<std::int64_t> ends_;
    std::vector<std::int64_t> value_;
};

}  // namespace

std::vector<std::uint8_t> tabulate_events(const Machine& machine, const std::uint8_t* letters, std::size_t count) {
    const Table table(machine, letters, count);
    std::vector<std::uint8_t> events(count, 0);
    const auto next_character = [&](std::size_t at) {
        for (++at; at < count && letters[at] == machine.continuation();) ++at;
        return at;
    };
    events[0] = kCut;
    bool search_begins = true;
    std::int64_t last_end = kNoMatch;
    for (std::size_t from = 0; from < count;) {
        std::size_t at = from;
        std::int64_t end = table.end_from(at, search_begins);
        while (end == kNoMatch && (at = next_character(at)) < count) end = table.end_from(at, false);
        if (end == kNoMatch) break;
        if (end == static_cast<std::int64_t>(at)) {
            if (end != last_end) events[at] |= kCut | kEmptyMatch;
            last_end = end;
            from = next_character(at);
            search_begins = machine.dialect == Dialect::tokenizers;
        } else {
            events[at] |= kCut | kMatch;
            from = static_cast<std::size_t>(end);
            if (from < count) events[from] |= kCut;
            last_end = end;
            search_begins = true;
        }
    }
    return events;
}

}  // namespace tokmill::pretokens::engine
