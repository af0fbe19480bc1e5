#include "pretokens/engine/composition.hpp"

#include <algorithm>
#include <utility>

namespace tokmill::pretokens::engine {

namespace {

bool is_about_characters(const Tree& tree) {
    if (tree->kind == Node::Kind::search_start || tree->kind == Node::Kind::back_reference) return false;
    return std::all_of(tree->kids.begin(), tree->kids.end(), is_about_characters);
}

Tree within(const Tree& tree, const CodePointSet& kind) {
    auto node = std::make_shared<Node>(*tree);
    if (node->kind == Node::Kind::set) node->set = node->set & kind;
    for (Tree& kid : node->kids) kid = within(kid, kind);
    return seal(std::move(node));
}

}  // namespace

std::optional<KindStep> kind_step(const Tree& tree) {
    if (tree->kind == Node::Kind::set) return KindStep{tree->set, false};
    const bool runs = tree->kind == Node::Kind::repeat && tree->least == 1 && tree->most == kUnbounded && tree->greed != Node::Greed::lazy;
    if (runs && tree->kids.front()->kind == Node::Kind::set) return KindStep{tree->kids.front()->set, true};
    return std::nullopt;
}

std::optional<Tree> compose(const KindStep& step, const Tree& behind) {
    if (!is_about_characters(behind)) return std::nullopt;
    return make_alternation({step.runs ? within(behind, step.members) : make_set(step.members), within(behind, ~step.members)});
}

CodePointSet characters_of_matches(const Tree& tree) {
    if (tree->kind == Node::Kind::set) return tree->set;
    if (tree->kind == Node::Kind::look) return {};
    if (tree->kind == Node::Kind::back_reference) return CodePointSet::all();
    CodePointSet characters;
    for (const Tree& kid : tree->kids) characters = characters | characters_of_matches(kid);
    return characters;
}

}  // namespace tokmill::pretokens::engine
