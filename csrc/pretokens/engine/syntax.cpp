#include "pretokens/engine/syntax.hpp"

#include <algorithm>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr int kMostFixedLength = 1'000'000;  // longer ones are not worth knowing; 1000 times this is an int

std::shared_ptr<Node> make(Node::Kind kind, std::vector<Tree> kids = {}, std::uint32_t position = 0) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->kids = std::move(kids);
    node->position = position;
    return node;
}

}  // namespace

Tree make_empty() { return seal(make(Node::Kind::empty)); }

Tree make_set(CodePointSet set, std::uint32_t position) {
    auto node = make(Node::Kind::set, {}, position);
    node->set = std::move(set);
    return seal(std::move(node));
}

Tree make_sequence(std::vector<Tree> kids) {
    if (kids.empty()) return make_empty();
    if (kids.size() == 1) return kids.front();
    return seal(make(Node::Kind::sequence, std::move(kids)));
}

Tree make_alternation(std::vector<Tree> kids) {
    if (kids.size() == 1) return kids.front();
    return seal(make(Node::Kind::alternation, std::move(kids)));
}

Tree make_repeat(Tree kid, int least, int most, Node::Greed greed, std::uint32_t position) {
    auto node = make(Node::Kind::repeat, {std::move(kid)}, position);
    node->least = least;
    node->most = most;
    node->greed = greed;
    return seal(std::move(node));
}

Tree make_look(Tree kid, bool negated, bool behind, std::uint32_t position) {
    auto node = make(Node::Kind::look, {std::move(kid)}, position);
    node->negated = negated;
    node->behind = behind;
    return seal(std::move(node));
}

Tree make_atomic(Tree kid, std::uint32_t position) { return seal(make(Node::Kind::atomic, {std::move(kid)}, position)); }

Tree seal(std::shared_ptr<Node> node) {
    const std::vector<Tree>& kids = node->kids;
    switch (node->kind) {
        case Node::Kind::empty:
        case Node::Kind::look:
        case Node::Kind::search_start:
            node->length = 0;
            node->can_be_empty = true;
            break;
        case Node::Kind::set:
            node->length = 1;
            node->can_be_empty = false;
            break;
        case Node::Kind::back_reference:
            node->length = kVariable;
            node->can_be_empty = true;
            break;
        case Node::Kind::atomic:
        case Node::Kind::group:
            node->length = kids.front()->length;
            node->can_be_empty = kids.front()->can_be_empty;
            break;
        case Node::Kind::sequence:
            node->length = 0;
            node->can_be_empty = true;
            for (const Tree& kid : kids) {
                node->length = node->length == kVariable || kid->length == kVariable ? kVariable : node->length + kid->length;
                node->can_be_empty = node->can_be_empty && kid->can_be_empty;
            }
            break;
        case Node::Kind::alternation:
            node->length = kids.front()->length;
            node->can_be_empty = false;
            for (const Tree& kid : kids) {
                if (kid->length != node->length) node->length = kVariable;
                node->can_be_empty = node->can_be_empty || kid->can_be_empty;
            }
            break;
        case Node::Kind::repeat: {
            const int length = kids.front()->length;
            const bool fixed = length == 0 || (length != kVariable && node->least == node->most);
            node->length = fixed ? length * std::max(node->least, 0) : kVariable;
            node->can_be_empty = node->least == 0 || kids.front()->can_be_empty;
            break;
        }
    }
    if (node->length > kMostFixedLength) node->length = kVariable;
    return node;
}

void refuse(const std::string& what, std::uint32_t position) {
    throw Error(ErrorKind::pattern, "the split pattern cannot be compiled exactly: " + what + " at byte " + std::to_string(position),
                position);
}

}  // namespace tokmill::pretokens::engine
