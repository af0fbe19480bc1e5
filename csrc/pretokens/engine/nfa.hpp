// Syntax tree -> nondeterministic automaton whose edges are ordered as a backtracking matcher would try them.
//
// The pattern is compiled twice (where \G holds and where it does not); every look-ahead is a program of its own, and so is
// every look-behind, which is read forwards. Edges that consume nothing never form a cycle: a turn of a loop that consumed
// nothing leaves the loop. So what a state comes to at one place of a text follows in one sweep over `order`.
#pragma once

#include <cstdint>
#include <vector>

#include "pretokens/engine/rewrite.hpp"
#include "pretokens/engine/syntax.hpp"

namespace tokmill::pretokens::engine {

struct NfaState {
    enum class Op : std::uint8_t {
        consume,  // a character of sets[argument], then targets[0]
        choose,   // the first of the targets that leads to a match
        ahead,    // programs[argument] matches from here (or not, if negated), then targets[0]
        behind,   // behinds[argument] matches up to here (or not), then targets[0]
        atomic,   // the first match of programs[argument], then targets[0]
        accept,   // the program matches
        fail,
    };
    Op op;
    std::uint32_t argument;
    bool negated;
    std::vector<std::uint32_t> targets;
};

inline constexpr std::uint32_t kNone = UINT32_MAX;

struct Nfa {
    std::vector<NfaState> states;
    std::vector<CodePointSet> sets;
    std::vector<std::uint32_t> programs;  // start states: the pattern with \G, the pattern without, then look-aheads and atomic groups
    std::vector<std::uint32_t> behinds;   // start states of look-behinds

    std::vector<std::uint32_t> order;  // what the cores need at one place of the text, each state behind those that it asks

    // Core states are those that a character leads to, and the starts of programs. The main ones come first: those of the
    // pattern itself, which a match passes through; of the others only matters whether they can succeed.
    std::vector<std::uint32_t> cores;
    std::vector<std::uint32_t> core_of;  // by state; kNone
    std::uint32_t main_count = 0;
};

inline constexpr std::uint32_t kMostLookBehinds = 30;

// Error(pattern) for what has no exact automaton or none of a sane size.
Nfa make_nfa(const Tree& tree, Dialect dialect);

}  // namespace tokmill::pretokens::engine
