#include "pretokens/engine/machine.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::uint32_t kMostClasses = 120;
constexpr std::size_t kMostLetters = 254;
constexpr std::size_t kMostBehindStates = 4000;
constexpr std::size_t kMostStates = 20'000;
constexpr std::size_t kMostCells = 4u << 20;
constexpr std::uint64_t kMostWork = 100'000'000;  // evaluations of states: about 0.2 s
constexpr std::size_t kMostSets = 128;
constexpr std::size_t kMostSetMembers = 1u << 18;
constexpr std::size_t kMostTabulatedStates = 5000;
constexpr std::uint64_t kMostCoverageSteps = 20'000'000;

// Values of a choice: a core + kGoesOn, or one of these.
constexpr std::uint16_t kDead = 0, kAccepts = 1, kGoesOn = 2;

class Builder {
public:
    Builder(const Tree& tree, Dialect dialect, bool tabulate) {
        const Rewritten rewritten = rewrite(tree);
        machine_.dialect = dialect;
        machine_.nfa = make_nfa(rewritten.tree, dialect);
        make_classes();
        make_letters();
        machine_.tabulated = tabulate || rewritten.atomic_groups != 0 || !make_tables();
        if (machine_.tabulated) {
            if (machine_.nfa.states.size() > kMostTabulatedStates)
                throw Error(ErrorKind::pattern, "the split pattern is too large: it has no automaton of less than " +
                                                    std::to_string(kMostStates) + " states, and more than " +
                                                    std::to_string(kMostTabulatedStates) + " states to tabulate");
            machine_.transitions.clear();
            machine_.has_empty_matches = true;  // not known
        } else {
            make_sets();
            find_coverage();
            narrow();
            machine_.nfa = {};
            machine_.letters.clear();
            machine_.set_has_class.clear();
        }
    }

    std::shared_ptr<const Machine> take() { return std::make_shared<const Machine>(std::move(machine_)); }

private:
    // ---- classes: code points that all sets of the pattern treat alike

    void make_classes() {
        const std::vector<CodePointSet>& sets = machine_.nfa.sets;
        std::vector<std::uint32_t> borders{0, kLastCodePoint + 1};
        for (const CodePointSet& set : sets) {
            for (const CodePointSet::Range& range : set.ranges()) {
                borders.push_back(range.first);
                borders.push_back(range.last + 1);
            }
        }
        std::sort(borders.begin(), borders.end());
        borders.erase(std::unique(borders.begin(), borders.end()), borders.end());

        std::map<std::vector<bool>, std::uint32_t> known;
        std::vector<std::vector<bool>> members;
        std::vector<std::uint8_t> stretch_class;
        std::vector<std::size_t> next_range(sets.size(), 0);
        std::vector<bool> inside(sets.size());
        for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
            for (std::size_t k = 0; k < sets.size(); ++k) {
                const auto& ranges = sets[k].ranges();
                while (next_range[k] < ranges.size() && ranges[next_range[k]].last < borders[i]) ++next_range[k];
                inside[k] = next_range[k] < ranges.size() && ranges[next_range[k]].first <= borders[i];
            }
            const auto [entry, fresh] = known.try_emplace(inside, static_cast<std::uint32_t>(known.size()));
            if (fresh) {
                members.push_back(inside);
                if (known.size() > kMostClasses)
                    throw Error(ErrorKind::pattern, "the split pattern tells more than 120 classes of characters apart");
            }
            stretch_class.push_back(static_cast<std::uint8_t>(entry->second));
        }
        machine_.class_count = static_cast<std::uint32_t>(known.size());
        machine_.set_has_class.resize(sets.size() * machine_.class_count);
        for (std::size_t k = 0; k < sets.size(); ++k) {
            for (std::uint32_t c = 0; c < machine_.class_count; ++c) machine_.set_has_class[k * machine_.class_count + c] = members[c][k];
        }
        fill_pages(borders, stretch_class);
    }

    void fill_pages(const std::vector<std::uint32_t>& borders, const std::vector<std::uint8_t>& stretch_class) {
        std::unordered_map<std::string, std::uint16_t> known;
        std::size_t stretch = 0;
        std::string page(256, 0);
        for (std::uint32_t begin = 0; begin <= kLastCodePoint; begin += 256) {
            for (std::uint32_t at = begin; at < begin + 256;) {
                while (borders[stretch + 1] <= at) ++stretch;
                const std::uint32_t end = std::min(borders[stretch + 1], begin + 256);
                std::memset(page.data() + (at - begin), stretch_class[stretch], end - at);
                at = end;
            }
            const auto [entry, fresh] = known.try_emplace(page, static_cast<std::uint16_t>(known.size()));
            if (fresh) machine_.page_classes.insert(machine_.page_classes.end(), page.begin(), page.end());
            machine_.pages.push_back(entry->second);
        }
        for (std::uint32_t byte = 0; byte < 128; ++byte) machine_.ascii[byte] = static_cast<std::uint8_t>(machine_.class_of(byte));
    }

    // ---- letters, and the automaton for look-behinds

    void make_letters() {
        const std::uint32_t classes = machine_.class_count;
        if (machine_.nfa.behinds.empty()) {
            for (const bool last : {false, true}) {
                for (std::uint32_t c = 0; c < classes; ++c) machine_.letters.push_back({c, 0, 0, last});
            }
        } else {
            make_behinds();
        }
        machine_.letter_count = static_cast<std::uint32_t>(machine_.letters.size());
    }

    // Subset construction, forwards, of "anything, then a look-behind": a state is the set of consuming states and what is true.
    void make_behinds() {
        const Nfa& nfa = machine_.nfa;
        const std::uint32_t classes = machine_.class_count;
        std::map<std::vector<std::uint32_t>, std::uint32_t> known;
        std::vector<std::vector<std::uint32_t>> states;  // consuming states, then the truths
        const auto intern = [&](std::vector<std::uint32_t> stack) {
            std::vector<bool> seen(nfa.states.size());
            std::vector<std::uint32_t> state;
            std::uint32_t truths = 0;
            while (!stack.empty()) {
                const std::uint32_t here = stack.back();
                stack.pop_back();
                if (seen[here]) continue;
                seen[here] = true;
                const NfaState& at = nfa.states[here];
                if (at.op == NfaState::Op::choose) stack.insert(stack.end(), at.targets.begin(), at.targets.end());
                if (at.op == NfaState::Op::accept) truths |= 1u << (at.argument & 31);
                if (at.op == NfaState::Op::consume) state.push_back(here);
            }
            std::sort(state.begin(), state.end());
            state.push_back(truths);
            const auto [entry, fresh] = known.try_emplace(state, static_cast<std::uint32_t>(states.size()));
            if (fresh) {
                if (states.size() == kMostBehindStates)
                    throw Error(ErrorKind::pattern, "the look-behinds of the split pattern are too large");
                states.push_back(std::move(state));
            }
            return entry->second;
        };
        intern(nfa.behinds);
        for (std::size_t i = 0; i < states.size(); ++i) {
            for (std::uint32_t c = 0; c < classes; ++c) {
                std::vector<std::uint32_t> next = nfa.behinds;
                for (std::size_t k = 0; k + 1 < states[i].size(); ++k) {
                    const NfaState& at = nfa.states[states[i][k]];
                    if (machine_.set_has_class[at.argument * classes + c]) next.push_back(at.targets.front());
                }
                machine_.behind_next.push_back(static_cast<std::uint16_t>(intern(std::move(next))));
            }
        }
        machine_.behind_count = static_cast<std::uint32_t>(states.size());
        std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, bool>, std::size_t> known_letters;
        for (std::size_t i = 0; i < states.size(); ++i) {
            for (const bool last : {false, true}) {
                for (std::uint32_t c = 0; c < classes; ++c) {
                    const std::uint32_t truths = states[i].back();
                    const std::uint32_t after = last ? states[machine_.behind_next[i * classes + c]].back() : 0;
                    const auto [entry, fresh] = known_letters.try_emplace({c, truths, after, last}, machine_.letters.size());
                    if (fresh) {
                        if (machine_.letters.size() == kMostLetters)
                            throw Error(ErrorKind::pattern, "the split pattern has too many classes of characters and look-behinds");
                        machine_.letters.push_back({c, truths, after, last});
                    }
                    machine_.behind_letters.push_back(static_cast<std::uint8_t>(entry->second));
                }
            }
        }
    }

    // ---- the choice automaton

    using Live = std::vector<bool>;  // by core

    // What every core state comes to before a character of a class (kNone: at the end), when `live` can succeed behind it.
    void evaluate(std::uint32_t character_class, std::uint32_t truths, const Live* live) {
        const Nfa& nfa = machine_.nfa;
        work_ += nfa.order.size();
        for (const std::uint32_t here : nfa.order) {
            const NfaState& state = nfa.states[here];
            std::uint16_t value = kDead;
            switch (state.op) {
                case NfaState::Op::consume: {
                    const std::uint32_t core = nfa.core_of[state.targets.front()];
                    if (character_class != kNone && machine_.set_has_class[state.argument * machine_.class_count + character_class] != 0 &&
                        (*live)[core])
                        value = static_cast<std::uint16_t>(core + kGoesOn);
                    break;
                }
                case NfaState::Op::choose:
                    for (const std::uint32_t target : state.targets) {
                        if ((value = value_[target]) != kDead) break;
                    }
                    break;
                case NfaState::Op::ahead:
                    if ((value_[nfa.programs[state.argument]] != kDead) != state.negated) value = value_[state.targets.front()];
                    break;
                case NfaState::Op::behind:
                    if (((truths >> state.argument & 1) != 0) != state.negated) value = value_[state.targets.front()];
                    break;
                case NfaState::Op::accept: value = kAccepts; break;
                case NfaState::Op::atomic:
                case NfaState::Op::fail: break;
            }
            value_[here] = value;
        }
    }

    Live live_now() const {
        Live live(machine_.nfa.cores.size());
        for (std::size_t i = 0; i < live.size(); ++i) live[i] = value_[machine_.nfa.cores[i]] != kDead;
        return live;
    }

    std::uint32_t intern_state(Live live) {
        const auto [entry, fresh] = known_lives_.try_emplace(std::move(live), static_cast<std::uint32_t>(lives_.size()));
        if (fresh) lives_.push_back(&entry->first);
        return entry->second;
    }

    // The row of cells for the choices in value_: its number.
    std::uint32_t intern_row(bool last) {
        const Nfa& nfa = machine_.nfa;
        std::vector<std::uint16_t> choices(nfa.main_count + 1);
        for (std::uint32_t i = 0; i < nfa.main_count; ++i) choices[i] = value_[nfa.cores[i]];
        choices.back() = last;
        const auto next_row = static_cast<std::uint32_t>(machine_.row_count);
        const auto [entry, fresh] = known_rows_.try_emplace(std::move(choices), next_row);
        if (fresh) {
            add_row(entry->first);
            ++machine_.row_count;
        }
        return entry->second;
    }

    void add_row(const std::vector<std::uint16_t>& choices) {
        const Nfa& nfa = machine_.nfa;
        const bool last = choices.back() != 0;
        const std::uint32_t with_search = nfa.core_of[nfa.programs[0]], without = nfa.core_of[nfa.programs[1]];
        // A search begins here, or goes on: what does its choice say?
        const auto search = [&](std::uint32_t core, bool begins_piece, bool after_match) -> WideCell {
            const std::uint16_t choice = choices[core];
            if (choice == kDead) return {kGap, static_cast<std::uint16_t>((begins_piece ? kCut : 0) | kOutside)};
            // Right behind a match an empty one does not count; the search goes on one character further.
            if (choice == kAccepts) return {kSearch, static_cast<std::uint16_t>(kCut | kOutside | (after_match ? 0 : kEmptyMatch))};
            return {static_cast<std::uint16_t>(choice - kGoesOn + kFirstCore), kCut | kMatch};
        };
        const std::size_t base = machine_.wide_cells.size();
        machine_.wide_cells.resize(base + machine_.forward_count, {WideCell::kDead, 0});
        const auto put = [&](std::uint32_t forward, WideCell cell) {
            if (last) cell.next = kTextBegin;
            machine_.wide_cells[base + forward] = cell;
        };
        put(kTextBegin, search(with_search, true, false));
        // Behind a skipped empty match fancy-regex lets \G fail.
        put(kSearch, search(machine_.dialect == Dialect::tiktoken ? without : with_search, false, false));
        put(kGap, search(without, false, false));
        for (std::uint32_t core = 0; core < nfa.main_count; ++core) {
            const std::uint16_t choice = choices[core];
            if (choice == kDead) continue;
            if (choice == kAccepts) {
                put(kFirstCore + core, search(with_search, true, true));
            } else {
                put(kFirstCore + core, {static_cast<std::uint16_t>(choice - kGoesOn + kFirstCore), 0});
            }
        }
    }

    bool make_tables() {
        const std::uint32_t letters = machine_.letter_count;
        machine_.forward_count = kFirstCore + machine_.nfa.main_count;
        if (machine_.forward_count > 60'000 || machine_.nfa.cores.size() > 60'000) return false;
        while ((1u << machine_.shift) < letters + 1) ++machine_.shift;
        value_.assign(machine_.nfa.states.size(), kDead);

        struct Edge {
            std::uint32_t state, row;
        };
        std::map<std::uint32_t, Live> live_at_end;  // by the truths behind the last character
        std::vector<Edge> last_edges(letters), edges;
        for (std::uint32_t l = 0; l < letters; ++l) {
            const Machine::Letter& letter = machine_.letters[l];
            if (!letter.last) continue;
            const auto [entry, fresh] = live_at_end.try_emplace(letter.truths_after);
            if (fresh) {
                evaluate(kNone, letter.truths_after, nullptr);
                entry->second = live_now();
            }
            evaluate(letter.character_class, letter.truths, &entry->second);
            last_edges[l].row = intern_row(true);
            last_edges[l].state = intern_state(live_now());
        }
        for (std::size_t s = 0; s < lives_.size(); ++s) {
            for (std::uint32_t l = 0; l < letters; ++l) {
                const Machine::Letter& letter = machine_.letters[l];
                if (letter.last) {
                    edges.push_back(last_edges[l]);
                    continue;
                }
                evaluate(letter.character_class, letter.truths, lives_[s]);
                const std::uint32_t row = intern_row(false);
                edges.push_back({intern_state(live_now()), row});
                if (lives_.size() > kMostStates || machine_.wide_cells.size() > kMostCells || work_ > kMostWork) return false;
            }
        }
        // The row of a continuation byte: everything stays as it is.
        const std::size_t stays = machine_.wide_cells.size();
        for (std::uint32_t f = 0; f < machine_.forward_count; ++f) machine_.wide_cells.push_back({static_cast<std::uint16_t>(f), 0});
        machine_.state_count = static_cast<std::uint32_t>(lives_.size());
        machine_.transitions.assign(std::size_t(machine_.state_count) << machine_.shift, 0);
        for (std::uint32_t s = 0; s < machine_.state_count; ++s) {
            std::uint64_t* const row = machine_.transitions.data() + (std::size_t(s) << machine_.shift);
            for (std::uint32_t l = 0; l < letters; ++l) {
                const Edge& edge = edges[std::size_t(s) * letters + l];
                row[l] = std::uint64_t(edge.row) * machine_.forward_count << 32 | edge.state << machine_.shift;
            }
            row[letters] = std::uint64_t(stays) << 32 | s << machine_.shift;
        }
        return true;
    }

    // ---- sets of states, for entering a text in its middle

    void make_sets() {
        const std::uint32_t columns = machine_.letter_count + 1;
        std::map<std::vector<std::uint32_t>, std::uint32_t> known;
        std::vector<std::vector<std::uint32_t>> sets;
        const auto intern = [&](std::vector<std::uint32_t> set) {
            std::sort(set.begin(), set.end());
            set.erase(std::unique(set.begin(), set.end()), set.end());
            const auto entry = known.find(set);
            if (entry != known.end()) return entry->second;
            if (sets.size() == kMostSets || (sets.size() + 1) * machine_.state_count > kMostSetMembers) return Machine::kNoSet;
            machine_.set_only.push_back(set.size() == 1 ? set.front() : Machine::kNoSet);
            const auto number = static_cast<std::uint32_t>(sets.size());
            known.emplace(set, number);
            sets.push_back(std::move(set));
            return number;
        };
        std::vector<std::uint32_t> all;
        for (std::uint32_t s = 0; s < machine_.state_count; ++s) all.push_back(s << machine_.shift);
        intern(std::move(all));
        for (std::size_t i = 0; i < sets.size(); ++i) {
            for (std::uint32_t l = 0; l < columns; ++l) {
                std::vector<std::uint32_t> next = sets[i];
                for (std::uint32_t& state : next) state = static_cast<std::uint32_t>(machine_.transitions[state + l]);
                machine_.set_next.push_back(machine_.set_only[i] != Machine::kNoSet ? Machine::kNoSet : intern(std::move(next)));
            }
        }
    }

    // ---- does a match begin wherever one can, or may text stay outside?

    // Follows all pairs (state to the right of a place, state from the left) that some text leads to. Truths of look-behinds are
    // taken as independent, which can only say "outside" too often.
    void find_coverage() {
        const std::uint32_t letters = machine_.letter_count;
        struct Edge {
            std::uint32_t state, row;
        };
        std::vector<std::vector<Edge>> to(machine_.state_count);  // by the state on the left
        for (std::uint32_t s = 0; s < machine_.state_count; ++s) {
            for (std::uint32_t l = 0; l < letters; ++l) {
                const std::uint64_t cell = machine_.transitions[(std::size_t(s) << machine_.shift) + l];
                to[static_cast<std::uint32_t>(cell) >> machine_.shift].push_back({s, static_cast<std::uint32_t>(cell >> 32)});
            }
        }
        for (std::vector<Edge>& edges : to) {
            std::sort(edges.begin(), edges.end(),
                      [](const Edge& a, const Edge& b) { return std::tie(a.state, a.row) < std::tie(b.state, b.row); });
            edges.erase(
                std::unique(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.state == b.state && a.row == b.row; }),
                edges.end());
        }
        std::vector<bool> seen(std::size_t(machine_.state_count) * machine_.forward_count);
        std::vector<std::pair<std::uint32_t, std::uint32_t>> stack;
        const auto reach = [&](std::uint32_t state, std::uint32_t forward) {
            const std::size_t index = std::size_t(state) * machine_.forward_count + forward;
            if (seen[index]) return;
            seen[index] = true;
            stack.emplace_back(state, forward);
        };
        for (std::uint32_t s = 0; s < machine_.state_count; ++s) reach(s, kTextBegin);
        std::uint64_t steps = 0;
        bool outside = false;
        while (!stack.empty()) {
            const auto [state, forward] = stack.back();
            stack.pop_back();
            for (const Edge& edge : to[state]) {
                if (++steps > kMostCoverageSteps) {
                    machine_.has_empty_matches = true;  // not known: say so
                    return;
                }
                const WideCell cell = machine_.wide_cells[edge.row + forward];
                outside = outside || (cell.events & kOutside) != 0;
                machine_.has_empty_matches = machine_.has_empty_matches || (cell.events & kEmptyMatch) != 0;
                if (cell.next != WideCell::kDead) reach(edge.state, cell.next);
            }
        }
        machine_.matches_everything = !outside;
    }

    void narrow() {
        if (machine_.forward_count > 255) return;
        for (const WideCell& cell : machine_.wide_cells)
            machine_.narrow_cells.push_back({static_cast<std::uint8_t>(cell.next), static_cast<std::uint8_t>(cell.events)});
        machine_.wide_cells = {};
    }

    Machine machine_;
    std::vector<std::uint16_t> value_;  // by state of the nondeterministic automaton, as evaluate() left it
    std::unordered_map<Live, std::uint32_t> known_lives_;
    std::vector<const Live*> lives_;
    std::map<std::vector<std::uint16_t>, std::uint32_t> known_rows_;
    std::uint64_t work_ = 0;
};

}  // namespace

std::size_t Machine::table_bytes() const noexcept {
    return pages.size() * 2 + page_classes.size() + behind_letters.size() + behind_next.size() * 2 + transitions.size() * 8 +
           narrow_cells.size() * sizeof(NarrowCell) + wide_cells.size() * sizeof(WideCell) + (set_next.size() + set_only.size()) * 4;
}

std::shared_ptr<const Machine> make_machine(const Tree& tree, Dialect dialect, bool tabulate) {
    return Builder(tree, dialect, tabulate).take();
}

}  // namespace tokmill::pretokens::engine
