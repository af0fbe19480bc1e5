// The syntax tree of a split regex, in the terms of its owner: text of a regex in, tree out, or an Error(pattern) that names
// the construct and its byte. After parsing nothing depends on spelling any more: case-insensitive letters are sets, anchors
// and \b are look-arounds, names of groups are gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pretokens/engine/code_points.hpp"
#include "pretokens/engine/engine.hpp"

namespace tokmill::pretokens::engine {

struct Node;
using Tree = std::shared_ptr<const Node>;

inline constexpr int kUnbounded = -1;
inline constexpr int kVariable = -1;

struct Node {
    enum class Kind : std::uint8_t {
        empty,
        set,             // one character of `set`
        sequence,        // all kids
        alternation,     // the first kid that leads to a match
        repeat,          // kids[0], `least` to `most` times
        look,            // a look-around: kids[0] matches here (or does not, if `negated`), ahead or behind
        atomic,          // kids[0], whose first match is final
        group,           // a capturing group, number `number`
        back_reference,  // what group `number` matched
        search_start,    // \G: where this search began
    };
    enum class Greed : std::uint8_t { greedy, lazy, possessive };

    Kind kind = Kind::empty;
    std::vector<Tree> kids;
    CodePointSet set;
    bool any_case = false;  // of a literal: the set holds the cases of one letter
    int least = 0;
    int most = kUnbounded;
    Greed greed = Greed::greedy;
    bool negated = false;
    bool behind = false;
    int number = 0;
    std::uint32_t position = 0;  // the byte of the regex where it was read

    // What all its matches have in common; seal() computes it.
    int length = 0;  // in characters, or kVariable
    bool can_be_empty = true;
};

// Makers of nodes.
Tree make_empty();
Tree make_set(CodePointSet set, std::uint32_t position = 0);
Tree make_sequence(std::vector<Tree> kids);
Tree make_alternation(std::vector<Tree> kids);
Tree make_repeat(Tree kid, int least, int most, Node::Greed greed, std::uint32_t position);
Tree make_look(Tree kid, bool negated, bool behind, std::uint32_t position);
Tree make_atomic(Tree kid, std::uint32_t position);

// Ends the making of a node: what follows from its kids is noted, and nothing changes any more.
Tree seal(std::shared_ptr<Node> node);

[[noreturn]] void refuse(const std::string& what, std::uint32_t position);

Tree parse(std::string_view regex, Dialect dialect);

}  // namespace tokmill::pretokens::engine
