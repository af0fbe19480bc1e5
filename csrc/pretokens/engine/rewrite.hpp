// Syntax tree -> syntax tree that an automaton can follow: capturing groups dropped, back references to one character spelled
// out, possessive quantifiers and atomic groups replaced by equal expressions without them where there is one.
#pragma once

#include "pretokens/engine/syntax.hpp"

namespace tokmill::pretokens::engine {

struct Rewritten {
    Tree tree;
    int atomic_groups = 0;  // how many had to stay
};

Rewritten rewrite(const Tree& tree);

// A loop ends with an iteration that consumes nothing; owners agree on it if the empty match is the last that the body tries.
bool tries_empty_last(const Tree& tree);

}  // namespace tokmill::pretokens::engine
