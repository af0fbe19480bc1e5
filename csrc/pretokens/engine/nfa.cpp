#include "pretokens/engine/nfa.hpp"

#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kMostStates = 60'000;
constexpr std::size_t kMostSteps = 1'000'000;
constexpr int kMostDepth = 6000;  // of recursion; frames of about 200 bytes
constexpr std::size_t kMostKeyBytes = 20'000;

[[noreturn]] void refuse_size() { throw Error(ErrorKind::pattern, "the split pattern is too large: more than 60,000 states"); }

class Compiler {
public:
    explicit Compiler(Dialect dialect) : dialect_(dialect) {}

    Nfa compile(const Tree& tree) {
        nfa_.programs.assign(2, 0);
        const std::uint32_t accept = state(NfaState::Op::accept, 0, false, {});
        search_starts_here_ = true;
        nfa_.programs[0] = enter(tree, accept);
        search_starts_here_ = false;
        nfa_.programs[1] = enter(tree, accept);
        find_cores();
        find_order();
        return std::move(nfa_);
    }

private:
    using Op = NfaState::Op;

    // Equal states are made once.
    std::uint32_t state(Op op, std::uint32_t argument, bool negated, std::vector<std::uint32_t> targets) {
        std::vector<std::uint32_t> key{static_cast<std::uint32_t>(op), argument, negated};
        key.insert(key.end(), targets.begin(), targets.end());
        const auto [entry, fresh] = known_states_.try_emplace(std::move(key), static_cast<std::uint32_t>(nfa_.states.size()));
        if (!fresh) return entry->second;
        if (nfa_.states.size() >= kMostStates) refuse_size();
        nfa_.states.push_back({op, argument, negated, std::move(targets)});
        return entry->second;
    }
    std::uint32_t choose(bool lazy, std::uint32_t more, std::uint32_t on) {
        return lazy ? state(Op::choose, 0, false, {on, more}) : state(Op::choose, 0, false, {more, on});
    }
    std::uint32_t set_number(const CodePointSet& set) {
        const auto [entry, fresh] = known_sets_.try_emplace(set.ranges(), static_cast<std::uint32_t>(nfa_.sets.size()));
        if (fresh) nfa_.sets.push_back(set);
        return entry->second;
    }

    class Step {
    public:
        explicit Step(Compiler& compiler) : compiler_(compiler) {
            if (++compiler.steps_ > kMostSteps || ++compiler.depth_ > kMostDepth) refuse_size();
        }
        ~Step() { --compiler_.depth_; }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;

    private:
        Compiler& compiler_;
    };

    // The state that matches `tree` and goes on at `next`.
    std::uint32_t enter(const Tree& tree, std::uint32_t next) {
        const Step step(*this);
        switch (tree->kind) {
            case Node::Kind::empty: return next;
            case Node::Kind::set:
                if (tree->set.empty()) return state(Op::fail, 0, false, {});
                return state(Op::consume, set_number(tree->set), false, {next});
            case Node::Kind::sequence:
                for (std::size_t i = tree->kids.size(); i-- > 0;) next = enter(tree->kids[i], next);
                return next;
            case Node::Kind::alternation: {
                std::vector<std::uint32_t> targets;
                for (const Tree& kid : tree->kids) targets.push_back(enter(kid, next));
                return state(Op::choose, 0, false, std::move(targets));
            }
            case Node::Kind::repeat: {
                const Tree& body = tree->kids.front();
                const bool lazy = tree->greed == Node::Greed::lazy;
                if (body->length == 0) return tree->least > 0 ? enter(body, next) : choose(lazy, enter(body, next), next);
                std::uint32_t at = next;
                if (tree->most == kUnbounded) {
                    at = loop(*tree, next);
                } else {
                    for (int i = tree->least; i < tree->most; ++i) at = choose(lazy, enter(body, at), next);
                }
                for (int i = 0; i < tree->least; ++i) at = enter(body, at);
                return at;
            }
            default: return assertion(*tree, next);
        }
    }

    std::uint32_t loop(const Node& repeat, std::uint32_t next) {
        const Tree& body = repeat.kids.front();
        const bool lazy = repeat.greed == Node::Greed::lazy;
        if (dialect_ == Dialect::tiktoken && !tries_empty_last(body))
            refuse("a loop over something that prefers to match nothing", repeat.position);
        if (nfa_.states.size() >= kMostStates) refuse_size();
        const auto head = static_cast<std::uint32_t>(nfa_.states.size());
        nfa_.states.push_back({Op::choose, 0, false, {}});
        const std::uint32_t turn = body->can_be_empty ? enter_turn(body, next, head) : enter(body, head);
        nfa_.states[head].targets = lazy ? std::vector<std::uint32_t>{next, turn} : std::vector<std::uint32_t>{turn, next};
        return head;
    }

    // As enter(), for the body of a loop: goes on at `if_empty` if it consumed nothing since the turn began, else at `next`.
    std::uint32_t enter_turn(const Tree& tree, std::uint32_t if_empty, std::uint32_t next) {
        const Step step(*this);
        switch (tree->kind) {
            case Node::Kind::empty: return if_empty;
            case Node::Kind::set: return enter(tree, next);
            case Node::Kind::sequence:
                for (std::size_t i = tree->kids.size(); i-- > 0;) {
                    const std::uint32_t begin = enter_turn(tree->kids[i], if_empty, next);
                    if (i > 0) next = enter(tree->kids[i], next);
                    if_empty = begin;
                }
                return if_empty;
            case Node::Kind::alternation: {
                std::vector<std::uint32_t> targets;
                for (const Tree& kid : tree->kids) targets.push_back(enter_turn(kid, if_empty, next));
                return state(Op::choose, 0, false, std::move(targets));
            }
            case Node::Kind::look:
            case Node::Kind::search_start: return assertion(*tree, if_empty);
            case Node::Kind::atomic:
                if (tree->can_be_empty) refuse("an atomic group that can be empty, in a loop that can be empty", tree->position);
                return assertion(*tree, next);
            case Node::Kind::repeat: {
                const Tree& body = tree->kids.front();
                const bool lazy = tree->greed == Node::Greed::lazy;
                std::uint32_t empty_at = if_empty, at = next;
                if (tree->most == kUnbounded) {
                    at = loop(*tree, next);
                    empty_at = choose(lazy, enter_turn(body, if_empty, at), if_empty);
                } else {
                    for (int i = tree->least; i < tree->most; ++i) {
                        const std::uint32_t begin = choose(lazy, enter_turn(body, empty_at, at), if_empty);
                        at = choose(lazy, enter(body, at), next);
                        empty_at = begin;
                    }
                }
                for (int i = 0; i < tree->least; ++i) {
                    const std::uint32_t begin = enter_turn(body, empty_at, at);
                    at = enter(body, at);
                    empty_at = begin;
                }
                return empty_at;
            }
            default: return assertion(*tree, next);
        }
    }

    std::uint32_t assertion(const Node& node, std::uint32_t next) {
        if (node.kind == Node::Kind::search_start) {
            if (in_look_behind_ || in_look_ahead_) refuse("\\G inside of a look-around", node.position);
            return search_starts_here_ ? next : state(Op::fail, 0, false, {});
        }
        if (in_look_behind_) refuse("an assertion or atomic group inside of a look-behind", node.position);
        const Tree& body = node.kids.front();
        if (node.kind == Node::Kind::atomic) return state(Op::atomic, program(body, nullptr), false, {next});
        std::string key = node.behind ? "<" : ">";
        const bool has_key = spell(body, key);
        if (node.behind) {
            if (const auto known = known_looks_.find(key); has_key && known != known_looks_.end())
                return state(Op::behind, known->second, node.negated, {next});
            const auto index = static_cast<std::uint32_t>(nfa_.behinds.size());
            if (index == kMostLookBehinds) refuse("more than 30 different look-behinds", node.position);
            nfa_.behinds.push_back(kNone);
            in_look_behind_ = true;
            nfa_.behinds[index] = enter(body, state(Op::accept, kBehindAccept + index, false, {}));
            in_look_behind_ = false;
            if (has_key) known_looks_.emplace(std::move(key), index);
            return state(Op::behind, index, node.negated, {next});
        }
        return state(Op::ahead, program(body, has_key ? &key : nullptr), node.negated, {next});
    }

    std::uint32_t program(const Tree& body, const std::string* key) {
        if (key != nullptr) {
            if (const auto known = known_looks_.find(*key); known != known_looks_.end()) return known->second;
        }
        const auto index = static_cast<std::uint32_t>(nfa_.programs.size());
        nfa_.programs.push_back(kNone);
        const bool outer = std::exchange(in_look_ahead_, true);
        nfa_.programs[index] = enter(body, state(Op::accept, index, false, {}));
        in_look_ahead_ = outer;
        if (key != nullptr) known_looks_.emplace(*key, index);
        return index;
    }

    // Spells a tree out, so that equal look-arounds are found; false if that becomes too long.
    bool spell(const Tree& tree, std::string& out) {
        if (out.size() > kMostKeyBytes) return false;
        const auto number = [&](std::uint32_t value) { out += std::to_string(value) + ','; };
        number(static_cast<std::uint32_t>(tree->kind));
        if (tree->kind == Node::Kind::set) number(set_number(tree->set));
        if (tree->kind == Node::Kind::repeat) {
            number(static_cast<std::uint32_t>(tree->least));
            number(static_cast<std::uint32_t>(tree->most));
            number(static_cast<std::uint32_t>(tree->greed));
        }
        if (tree->kind == Node::Kind::look) number((tree->negated ? 1u : 0u) + (tree->behind ? 2u : 0u));
        out += '(';
        for (const Tree& kid : tree->kids) {
            if (!spell(kid, out)) return false;
        }
        out += ')';
        return true;
    }

    // Depth first, without recursion: a chain of optional characters may be as long as the regex.
    void find_order() {
        std::vector<std::uint8_t> mark(nfa_.states.size(), 0);  // 1: entered, 2: done
        std::vector<std::uint32_t> stack;
        for (const std::uint32_t core : nfa_.cores) {
            stack.push_back(core);
            while (!stack.empty()) {
                const std::uint32_t here = stack.back();
                const NfaState& state = nfa_.states[here];
                if (mark[here] == 0) {
                    mark[here] = 1;
                    if (state.op == Op::consume) continue;
                    const auto ask = [&](std::uint32_t other) {
                        if (mark[other] == 0) stack.push_back(other);
                    };
                    if (state.op == Op::ahead || state.op == Op::atomic) ask(nfa_.programs[state.argument]);
                    for (const std::uint32_t target : state.targets) ask(target);
                    continue;
                }
                stack.pop_back();
                if (mark[here] == 1) nfa_.order.push_back(here);
                mark[here] = 2;
            }
        }
    }

    void find_cores() {
        nfa_.core_of.assign(nfa_.states.size(), kNone);
        std::vector<bool> seen(nfa_.states.size(), false);
        const auto add = [&](std::uint32_t at) {
            if (nfa_.core_of[at] != kNone) return;
            nfa_.core_of[at] = static_cast<std::uint32_t>(nfa_.cores.size());
            nfa_.cores.push_back(at);
        };
        const auto visit = [&](std::uint32_t start) {
            add(start);
            std::vector<std::uint32_t> stack{start};
            while (!stack.empty()) {
                const std::uint32_t here = stack.back();
                stack.pop_back();
                if (seen[here]) continue;
                seen[here] = true;
                const NfaState& state = nfa_.states[here];
                if (state.op == Op::consume || state.op == Op::atomic) add(state.targets.front());
                stack.insert(stack.end(), state.targets.begin(), state.targets.end());
            }
        };
        visit(nfa_.programs[0]);
        visit(nfa_.programs[1]);
        nfa_.main_count = static_cast<std::uint32_t>(nfa_.cores.size());
        for (std::size_t i = 2; i < nfa_.programs.size(); ++i) visit(nfa_.programs[i]);
    }

    static constexpr std::uint32_t kBehindAccept = 1u << 30;

    const Dialect dialect_;
    Nfa nfa_;
    std::map<std::vector<std::uint32_t>, std::uint32_t> known_states_;
    std::map<std::vector<CodePointSet::Range>, std::uint32_t> known_sets_;
    std::unordered_map<std::string, std::uint32_t> known_looks_;
    std::size_t steps_ = 0;
    int depth_ = 0;
    bool search_starts_here_ = false;
    bool in_look_behind_ = false;
    bool in_look_ahead_ = false;
};

}  // namespace

Nfa make_nfa(const Tree& tree, Dialect dialect) { return Compiler(dialect).compile(tree); }

}  // namespace tokmill::pretokens::engine
