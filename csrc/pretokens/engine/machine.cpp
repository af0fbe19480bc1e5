#include "pretokens/engine/machine.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
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
constexpr std::size_t kMostEntries = 8u << 20;    // of the finished tables
constexpr std::uint32_t kMostNarrowMoves = 127;   // so that one comparison of signed bytes finds those that begin a piece
constexpr std::uint64_t kMostWork = 100'000'000;  // evaluations of states: about 0.2 s
constexpr std::size_t kMostSets = 128;
constexpr std::size_t kMostSetMembers = 1u << 18;
constexpr std::size_t kMostTabulatedStates = 5000;
constexpr std::uint64_t kMostCoverageSteps = 20'000'000;

// Values of a choice: a core + kGoesOn, or one of these.
constexpr std::uint16_t kDead = 0, kAccepts = 1, kGoesOn = 2;

// Where the pass from left to right is: one of these, or in a match, at a main core.
enum Forward : std::uint32_t {
    kTextBegin = 0,  // a text begins: a piece, whatever comes
    kSearch = 1,     // a search begins behind an empty match, within a piece
    kGap = 2,        // a search goes on, within a piece
    kFirstCore = 3,
};
constexpr std::uint16_t kNowhere = UINT16_MAX;
constexpr std::size_t kEventSets = 8;  // subsets of Event
constexpr std::uint16_t kOutside = 8;  // beside the events: this character is in no match

struct Cell {
    std::uint16_t next;  // Forward
    std::uint16_t events;
};

class Builder {
public:
    Builder(const Tree& tree, Dialect dialect, cpu::Isa isa, bool tabulate) {
        const Rewritten rewritten = rewrite(tree);
        machine_.dialect = dialect;
        machine_.classes = classes_function(isa);
        machine_.cuts = cuts_function(isa);
        machine_.nfa = make_nfa(rewritten.tree, dialect);
        make_classes();
        make_letters();
        machine_.tabulated = tabulate || rewritten.atomic_groups != 0 || !make_tables();
        if (machine_.tabulated) {
            if (machine_.nfa.states.size() > kMostTabulatedStates)
                throw Error(ErrorKind::pattern, "the split pattern is too large: it has no automaton of less than " +
                                                    std::to_string(kMostStates) + " states, and more than " +
                                                    std::to_string(kMostTabulatedStates) + " states to tabulate");
            machine_.has_empty_matches = true;  // not known
        } else {
            make_sets();
            find_coverage();
            machine_.parts_behind_letters = parts_behind_letters();
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
            if (begin < 0x10000) machine_.bmp.insert(machine_.bmp.end(), page.begin(), page.end());
            machine_.pages.push_back(entry->second);
        }
        machine_.bmp.resize(0x10000 + 3);
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
        const std::uint32_t next_row = row_count_;
        const auto [entry, fresh] = known_rows_.try_emplace(std::move(choices), next_row);
        if (fresh) {
            add_row(entry->first);
            ++row_count_;
        }
        return entry->second;
    }

    void add_row(const std::vector<std::uint16_t>& choices) {
        const Nfa& nfa = machine_.nfa;
        const bool last = choices.back() != 0;
        const std::uint32_t with_search = nfa.core_of[nfa.programs[0]], without = nfa.core_of[nfa.programs[1]];
        // A search begins here, or goes on: what does its choice say?
        const auto search = [&](std::uint32_t core, bool begins_piece, bool after_match) -> Cell {
            const std::uint16_t choice = choices[core];
            if (choice == kDead) return {kGap, static_cast<std::uint16_t>((begins_piece ? kCut : 0) | kOutside)};
            // Right behind a match an empty one does not count; the search goes on one character further.
            if (choice == kAccepts) return {kSearch, static_cast<std::uint16_t>(kCut | kOutside | (after_match ? 0 : kEmptyMatch))};
            return {static_cast<std::uint16_t>(choice - kGoesOn + kFirstCore), kCut | kMatch};
        };
        const std::size_t base = cells_.size();
        cells_.resize(base + forward_count_, {kNowhere, 0});
        const auto put = [&](std::uint32_t forward, Cell cell) {
            if (last) cell.next = kTextBegin;
            cells_[base + forward] = cell;
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
        forward_count_ = kFirstCore + machine_.nfa.main_count;
        if (forward_count_ > 60'000 || machine_.nfa.cores.size() > 60'000) return false;
        value_.assign(machine_.nfa.states.size(), kDead);

        std::map<std::uint32_t, Live> live_at_end;  // by the truths behind the last character
        std::vector<Edge> last_edges(letters);
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
            last_edges[l].live = intern_state(live_now());
        }
        for (std::size_t s = 0; s < lives_.size(); ++s) {
            for (std::uint32_t l = 0; l < letters; ++l) {
                const Machine::Letter& letter = machine_.letters[l];
                if (letter.last) {
                    edges_.push_back(last_edges[l]);
                    continue;
                }
                evaluate(letter.character_class, letter.truths, lives_[s]);
                const std::uint32_t row = intern_row(false);
                edges_.push_back({intern_state(live_now()), row});
                if (lives_.size() > kMostStates || cells_.size() > kMostCells || work_ > kMostWork) return false;
            }
        }
        return make_states() && make_moves();
    }

    // A state: what can succeed, and the row of choices by which it came about.
    bool make_states() {
        const std::uint32_t letters = machine_.letter_count;
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> known;
        std::vector<std::uint32_t> state_of_edge;
        for (const Edge& edge : edges_) {
            const auto [entry, fresh] = known.try_emplace({edge.live, edge.row}, static_cast<std::uint32_t>(states_.size()));
            if (fresh) states_.push_back(edge);
            state_of_edge.push_back(entry->second);
        }
        number_moves();
        const bool narrow = machine_.move_count <= kMostNarrowMoves;
        while ((1u << machine_.shift) < letters + 1 || (narrow && (1u << machine_.shift) < machine_.move_count)) ++machine_.shift;
        while ((1u << machine_.move_shift) < machine_.move_count) ++machine_.move_shift;
        if (narrow) machine_.move_shift = machine_.shift;
        const auto half = static_cast<std::uint32_t>(states_.size());
        machine_.state_count = 2 * half;
        if (std::size_t(machine_.state_count) << std::max(machine_.shift, machine_.move_shift) > kMostEntries) return false;
        machine_.transitions.assign(std::size_t(machine_.state_count) << machine_.shift, 0);
        for (std::uint32_t s = 0; s < machine_.state_count; ++s) {
            std::uint32_t* const row = machine_.transitions.data() + (std::size_t(s) << machine_.shift);
            const std::size_t first_edge = std::size_t(states_[s % half].live) * letters;
            for (std::uint32_t l = 0; l < letters; ++l) row[l] = state_of_edge[first_edge + l] << machine_.shift;
            row[letters] = (s % half + half) << machine_.shift;
        }
        return true;
    }

    // Moves are pairs of where to go and what happens; those that begin a piece come last.
    void number_moves() {
        std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint32_t> quiet, cutting;
        for (std::uint32_t f = 0; f < forward_count_; ++f) quiet[{static_cast<std::uint16_t>(f), 0}];
        for (const Cell& cell : cells_) {
            if (cell.next == kNowhere) continue;
            const auto events = static_cast<std::uint16_t>(cell.events & ~kOutside);
            ((events & kCut) != 0 ? cutting : quiet)[{cell.next, events}];
        }
        for (auto* const group : {&quiet, &cutting}) {
            if (group == &cutting) machine_.first_cut = static_cast<std::uint32_t>(moves_.size());
            for (auto& [move, number] : *group) {
                number = static_cast<std::uint32_t>(moves_.size());
                moves_.push_back({move.first, move.second});
                machine_.events_of.push_back(static_cast<std::uint8_t>(move.second));
            }
        }
        number_of_move_.resize(std::size_t(forward_count_) * kEventSets);
        for (std::uint32_t m = 0; m < moves_.size(); ++m) number_of_move_[moves_[m].next * kEventSets + moves_[m].events] = m;
        machine_.move_count = static_cast<std::uint32_t>(moves_.size());
    }

    bool make_moves() {
        const auto half = static_cast<std::uint32_t>(states_.size());
        const auto fill = [&](auto& table, auto dead) {
            using Number = decltype(dead);
            table.assign(std::size_t(machine_.state_count) << machine_.move_shift, dead);
            for (std::uint32_t s = 0; s < machine_.state_count; ++s) {
                Number* const row = table.data() + (std::size_t(s) << machine_.move_shift);
                for (std::uint32_t m = 0; m < machine_.move_count; ++m) {
                    Cell cell{moves_[m].next, 0};  // a twin: everything stays
                    if (s < half) cell = cells_[std::size_t(states_[s].row) * forward_count_ + moves_[m].next];
                    if (cell.next == kNowhere) continue;
                    row[m] = static_cast<Number>(number_of_move_[cell.next * kEventSets + (cell.events & ~kOutside)]);
                }
            }
        };
        if (machine_.move_count <= kMostNarrowMoves) {
            fill(machine_.narrow_moves, kDeadMove<std::uint8_t>);
        } else {
            fill(machine_.wide_moves, kDeadMove<std::uint16_t>);
        }
        return true;
    }

    // ---- sets of states, for entering a text in its middle

    void make_sets() {
        const std::uint32_t letters = machine_.letter_count;
        const auto half = static_cast<std::uint32_t>(states_.size());
        std::map<std::vector<std::uint32_t>, std::uint32_t> known;
        std::vector<std::vector<std::uint32_t>> sets;
        const auto intern = [&](std::vector<std::uint32_t> set) {
            std::sort(set.begin(), set.end());
            set.erase(std::unique(set.begin(), set.end()), set.end());
            const auto entry = known.find(set);
            if (entry != known.end()) return entry->second;
            if (sets.size() == kMostSets || (sets.size() + 1) * half > kMostSetMembers) return Machine::kNoSet;
            machine_.set_only.push_back(set.size() == 1 ? set.front() : Machine::kNoSet);
            const auto number = static_cast<std::uint32_t>(sets.size());
            known.emplace(set, number);
            sets.push_back(std::move(set));
            return number;
        };
        std::vector<std::uint32_t> all;
        for (std::uint32_t s = 0; s < half; ++s) all.push_back(s << machine_.shift);
        intern(std::move(all));
        for (std::size_t i = 0; i < sets.size(); ++i) {
            for (std::uint32_t l = 0; l < letters; ++l) {
                std::vector<std::uint32_t> next = sets[i];
                for (std::uint32_t& state : next) state = machine_.transitions[state + l];
                machine_.set_next.push_back(machine_.set_only[i] != Machine::kNoSet ? Machine::kNoSet : intern(std::move(next)));
            }
        }
    }

    // ---- does a match begin wherever one can, or may text stay outside?

    // Follows all pairs (state to the right of a place, state from the left) that some text leads to. Truths of look-behinds are
    // taken as independent, which can only say "outside" too often.
    void find_coverage() {
        const std::uint32_t letters = machine_.letter_count;
        std::vector<std::vector<Edge>> to(lives_.size());  // by what is live on the left; `live`: on the right
        for (std::uint32_t s = 0; s < lives_.size(); ++s) {
            for (std::uint32_t l = 0; l < letters; ++l) {
                const Edge& edge = edges_[std::size_t(s) * letters + l];
                to[edge.live].push_back({s, edge.row});
            }
        }
        for (std::vector<Edge>& edges : to) {
            std::sort(edges.begin(), edges.end());
            edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
        }
        std::vector<bool> seen(lives_.size() * forward_count_);
        std::vector<std::pair<std::uint32_t, std::uint32_t>> stack;
        const auto reach = [&](std::uint32_t live, std::uint32_t forward) {
            const std::size_t index = std::size_t(live) * forward_count_ + forward;
            if (seen[index]) return;
            seen[index] = true;
            stack.emplace_back(live, forward);
        };
        for (std::uint32_t s = 0; s < lives_.size(); ++s) reach(s, kTextBegin);
        std::uint64_t steps = 0;
        bool outside = false;
        while (!stack.empty()) {
            const auto [live, forward] = stack.back();
            stack.pop_back();
            for (const Edge& edge : to[live]) {
                if (++steps > kMostCoverageSteps) {
                    machine_.has_empty_matches = true;  // not known: say so
                    return;
                }
                const Cell cell = cells_[std::size_t(edge.row) * forward_count_ + forward];
                outside = outside || (cell.events & kOutside) != 0;
                machine_.has_empty_matches = machine_.has_empty_matches || (cell.events & kEmptyMatch) != 0;
                if (cell.next != kNowhere) reach(edge.live, cell.next);
            }
        }
        machine_.matches_everything = !outside;
    }

    struct Edge {
        std::uint32_t live, row;
        friend auto operator<=>(const Edge&, const Edge&) = default;
    };
    Edge edge(std::uint32_t live, std::uint32_t letter) const { return edges_[std::size_t(live) * machine_.letter_count + letter]; }
    Cell cell(const Edge& at, std::uint32_t forward) const { return cells_[std::size_t(at.row) * forward_count_ + forward]; }

    // ---- may a text be cut in front of a blank or newline behind a letter?

    // If so, at every such place, whatever stands around it: a match ends there and the next one begins as the first one of a text
    // does; and the letter, were it the last one of its text, would leave the same states live and make the same events.
    bool parts_behind_letters() const {
        if (machine_.behind_count != 0 || !machine_.matches_everything || machine_.has_empty_matches) return false;
        const std::vector<std::uint32_t> letters = classes_of_letters();
        for (const std::uint32_t blank : {machine_.class_of(' '), machine_.class_of('\n')}) {
            std::set<Edge> at_blank;  // whatever follows
            for (std::uint32_t s = 0; s < lives_.size(); ++s) {
                at_blank.insert(edge(s, blank));
                at_blank.insert(edge(s, blank + machine_.class_count));
            }
            for (const Edge& right : at_blank) {
                for (const std::uint32_t letter : letters) {
                    const Edge inside = edge(right.live, letter), last = edge(right.live, letter + machine_.class_count);
                    if (inside.live != last.live || !parts_between(inside, last, right)) return false;
                }
            }
        }
        return true;
    }

    // From all moves before a letter: `inside` is its edge, `last` the one were it the last of its text, `right` the blank's.
    bool parts_between(const Edge& inside, const Edge& last, const Edge& right) const {
        const Cell first_of_text = cell(right, kTextBegin);
        for (std::uint32_t forward = 0; forward < forward_count_; ++forward) {
            if (forward == kSearch || forward == kGap) continue;  // only where text stays outside of matches
            const Cell letter = cell(inside, forward);
            if (letter.next == kNowhere || (letter.events & kOutside) != 0) continue;
            const Cell blank = cell(right, letter.next);
            if (cell(last, forward).events != letter.events) return false;
            if ((blank.events & kCut) == 0 || blank.next != first_of_text.next || blank.events != first_of_text.events) return false;
        }
        return true;
    }

    std::vector<std::uint32_t> classes_of_letters() const {
        std::set<std::uint32_t> found;
        const CodePointSet letters = find_category("L").value();
        for (const CodePointSet::Range& range : letters.ranges()) {
            for (std::uint32_t code_point = range.first; code_point <= range.last; ++code_point)
                found.insert(machine_.class_of(code_point));
        }
        return {found.begin(), found.end()};
    }

    struct Move {
        std::uint16_t next, events;
    };

    Machine machine_;
    std::vector<std::uint16_t> value_;  // by state of the nondeterministic automaton, as evaluate() left it
    std::unordered_map<Live, std::uint32_t> known_lives_;
    std::vector<const Live*> lives_;
    std::map<std::vector<std::uint16_t>, std::uint32_t> known_rows_;
    std::uint32_t row_count_ = 0;
    std::uint32_t forward_count_ = 0;
    std::vector<Cell> cells_;  // [row * forward_count_ + forward]
    std::vector<Edge> edges_;  // [live * letter_count + letter]: to the left
    std::vector<Edge> states_;
    std::vector<Move> moves_;
    std::vector<std::uint32_t> number_of_move_;  // [forward * kEventSets + events]
    std::uint64_t work_ = 0;
};

}  // namespace

std::size_t Machine::table_bytes() const noexcept {
    return pages.size() * 2 + page_classes.size() + bmp.size() + behind_letters.size() + behind_next.size() * 2 + transitions.size() * 4 +
           narrow_moves.size() + wide_moves.size() * 2 + (set_next.size() + set_only.size()) * 4;
}

std::shared_ptr<const Machine> make_machine(const Tree& tree, Dialect dialect, cpu::Isa isa, bool tabulate) {
    return Builder(tree, dialect, isa, tabulate).take();
}

}  // namespace tokmill::pretokens::engine
