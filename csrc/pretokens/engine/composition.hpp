// Steps that only part kinds of characters, and a regex behind them, as one tree: a text is cut once instead of once a step.
//
// A step parts a text where membership in a set changes (maximal runs of members and of others), or it puts every member on its own. The
// regex behind it sees each run as a text of its own, which ends where the first character of the other kind stands. Let S be the kind of a
// run. To a matcher inside of it, "the next character is in C" means "... in C and in S" for the text as a whole, since the run is maximal:
// whatever is not in S stands where the run has its end, and there no set matches. The same holds to the left for look-behinds, and
// anchors are look-arounds. So with every set C replaced by its intersection with S, the regex does in the whole text what it did in the
// run, and matches stay within runs. What it does in runs of both kinds is an alternation of which only one branch can take a
// character. Runs end where a match ends only if the regex leaves no character unmatched, which is required of it; so is that it
// has no empty matches, which would part a text once at its end and not at all where another text begins.
#pragma once

#include <optional>

#include "pretokens/engine/syntax.hpp"

namespace tokmill::pretokens::engine {

struct KindStep {
    CodePointSet members;
    bool runs = false;  // else every member is a piece of its own
};

// The step that a regex is, matches isolated, if it parts kinds of characters: C or C+.
std::optional<KindStep> kind_step(const Tree& tree);

// The tree of a step before a tree that matches everything and has no empty matches; nothing if the tree holds what is not about characters
// (\G, back references).
std::optional<Tree> compose(const KindStep& step, const Tree& behind);

// Every character that a match of the tree may hold, and maybe others.
CodePointSet characters_of_matches(const Tree& tree);

}  // namespace tokmill::pretokens::engine
