#include "pretokens/engine/rewrite.hpp"

#include <utility>

namespace tokmill::pretokens::engine {

namespace {

constexpr std::uint32_t kMostSpelledCharacters = 64;
constexpr int kMostSpelledCopies = 4096;
constexpr int kMostSteps = 1'000'000;

bool refers_back(const Tree& tree) {
    if (tree->kind == Node::Kind::back_reference) return true;
    for (const Tree& kid : tree->kids) {
        if (refers_back(kid)) return true;
    }
    return false;
}

const Node* find_reference(const Tree& tree) {
    if (tree->kind == Node::Kind::back_reference) return tree.get();
    for (const Tree& kid : tree->kids) {
        if (const Node* found = find_reference(kid)) return found;
    }
    return nullptr;
}

// A group and every reference to it, replaced by one character.
Tree with_character(const Tree& tree, int group, std::uint32_t code_point) {
    const bool group_or_reference = tree->kind == Node::Kind::group || tree->kind == Node::Kind::back_reference;
    if (group_or_reference && tree->number == group) return make_set(CodePointSet::one(code_point), tree->position);
    auto copy = std::make_shared<Node>(*tree);
    for (Tree& kid : copy->kids) kid = with_character(kid, group, code_point);
    return seal(std::move(copy));
}

// (X)...\1 where X is one character of a small set and begins a branch: an alternation over the characters. At one place of a
// text at most one of them can match, so their order does not matter. Example: ([ab])\1* becomes a a*|b b*.
Tree spell_references(const Tree& tree, int& copies) {
    if (!refers_back(tree)) return tree;
    if (tree->kind == Node::Kind::alternation) {
        std::vector<Tree> kids;
        for (const Tree& kid : tree->kids) kids.push_back(spell_references(kid, copies));
        return make_alternation(std::move(kids));
    }
    if (tree->kind == Node::Kind::sequence && tree->kids.front()->kind == Node::Kind::group) {
        const Tree& group = tree->kids.front();
        const Tree& body = group->kids.front();
        if (body->kind == Node::Kind::set && body->set.size() <= kMostSpelledCharacters) {
            std::vector<Tree> kids;
            for (const CodePointSet::Range& range : body->set.ranges()) {
                for (std::uint32_t code = range.first; code <= range.last; ++code) {
                    if (++copies > kMostSpelledCopies) refuse("back references that are too many to spell out", group->position);
                    kids.push_back(spell_references(with_character(tree, group->number, code), copies));
                }
            }
            return make_alternation(std::move(kids));
        }
    }
    refuse("a back reference", find_reference(tree)->position);
}

// Does it match at every position, whatever stands there?
bool always_matches(const Tree& tree) { return tree->kind == Node::Kind::empty || (tree->kind == Node::Kind::repeat && tree->least == 0); }

class Rewriter {
public:
    // `consumed`: characters may have been matched on the way here; `in_loop`: so it may be on a later turn.
    Tree rewrite(const Tree& tree, bool consumed, bool in_loop) {
        const Node& node = *tree;
        if (node.kind == Node::Kind::search_start && (consumed || in_loop))
            refuse("\\G that is not at the head of a branch", node.position);
        if (node.kind == Node::Kind::repeat) {
            const Tree& body = node.kids.front();
            const bool counts = node.least > 1 || (node.most > 1 && !tries_empty_last(body));
            if (body->can_be_empty && body->length != 0 && counts) refuse("a counted repeat of what can be empty", node.position);
        }
        auto copy = std::make_shared<Node>(node);
        for (std::size_t i = 0; i < node.kids.size(); ++i) {
            copy->kids[i] = rewrite(node.kids[i], consumed, in_loop || node.kind == Node::Kind::repeat);
            if (node.kind == Node::Kind::sequence) consumed = consumed || node.kids[i]->length != 0;
        }
        if (node.kind == Node::Kind::group) return copy->kids.front();
        const bool possessive = node.kind == Node::Kind::repeat && node.greed == Node::Greed::possessive;
        if (!possessive && node.kind != Node::Kind::atomic) return seal(std::move(copy));
        if (possessive) copy->greed = Node::Greed::greedy;
        const Tree body = possessive ? seal(std::move(copy)) : copy->kids.front();
        if (Tree first = first_match_only(body)) return first;
        ++kept;
        return make_atomic(body, node.position);
    }

    int kept = 0;

private:
    // An expression that matches what the first match of `tree` is, and in one way only; null if none is known.
    Tree first_match_only(const Tree& tree) {
        if (++steps_ > kMostSteps) refuse("an atomic group or possessive repeat that is too large", tree->position);
        if (tree->length != kVariable) return tree;  // all its matches end at the same place
        switch (tree->kind) {
            case Node::Kind::sequence: {
                const Tree& head = tree->kids.front();
                const std::vector<Tree> others(tree->kids.begin() + 1, tree->kids.end());
                const Tree tail = make_sequence(others);
                Tree first_tail = first_match_only(tail);
                if (!first_tail) return nullptr;
                if (head->length != kVariable) return make_sequence({head, first_tail});
                for (const Tree& other : others) {
                    if (!always_matches(other)) return nullptr;  // the head might have to give back
                }
                Tree first_head = first_match_only(head);
                return first_head ? make_sequence({first_head, first_tail}) : nullptr;
            }
            case Node::Kind::alternation: {  // A|B: A, or where A cannot match, B
                std::vector<Tree> branches, not_before;
                for (const Tree& kid : tree->kids) {
                    Tree first = first_match_only(kid);
                    if (!first) return nullptr;
                    std::vector<Tree> branch = not_before;
                    branch.push_back(std::move(first));
                    branches.push_back(make_sequence(std::move(branch)));
                    not_before.push_back(make_look(kid, true, false, tree->position));
                }
                return make_alternation(std::move(branches));
            }
            case Node::Kind::repeat: {  // E*: E as often as it matches, and then no E
                const Tree& body = tree->kids.front();
                if (body->can_be_empty || (tree->least > 1 && body->length == kVariable)) return nullptr;
                Tree once = first_match_only(body);
                if (!once) return nullptr;
                const auto times = [&](int least, int most) { return make_repeat(once, least, most, Node::Greed::greedy, tree->position); };
                if (tree->greed == Node::Greed::lazy) return times(tree->least, tree->least);
                const Tree no_more = make_look(body, true, false, tree->position);
                if (tree->most == kUnbounded) return make_sequence({times(tree->least, kUnbounded), no_more});
                Tree rest = make_empty();
                for (int i = tree->least; i < tree->most; ++i) rest = make_alternation({make_sequence({once, rest}), no_more});
                return make_sequence({times(tree->least, tree->least), rest});
            }
            default: return nullptr;
        }
    }

    int steps_ = 0;
};

}  // namespace

bool tries_empty_last(const Tree& tree) {
    if (!tree->can_be_empty || tree->kids.empty() || tree->kind == Node::Kind::look) return true;
    for (std::size_t i = 0; i < tree->kids.size(); ++i) {
        if (!tries_empty_last(tree->kids[i])) return false;
        if (tree->kind == Node::Kind::alternation && i + 1 < tree->kids.size() && tree->kids[i]->can_be_empty) return false;
    }
    return tree->kind != Node::Kind::repeat || tree->greed != Node::Greed::lazy;
}

Rewritten rewrite(const Tree& tree) {
    int copies = 0;
    Rewriter rewriter;
    Tree rewritten = rewriter.rewrite(spell_references(tree, copies), false, false);
    return {std::move(rewritten), rewriter.kept};
}

}  // namespace tokmill::pretokens::engine
