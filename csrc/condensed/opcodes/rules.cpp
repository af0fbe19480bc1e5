#include "condensed/opcodes/rules.hpp"

#include <string>
#include <utility>

#include "base/errors.hpp"
#include "condensed/hypertoken_rules.hpp"

namespace tokmill::condensed {

namespace {

void check(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value >= least && value <= most) return;
    throw Error(ErrorKind::value, std::string(name) + " is from " + std::to_string(least) + " to " + std::to_string(most) + ", " +
                                      std::to_string(value) + " was given");
}

[[noreturn]] void refuse_phrase(std::size_t code, const std::string& what) {
    throw Error(ErrorKind::value, "phrase " + std::to_string(code) + " " + what, static_cast<std::int64_t>(code));
}

}  // namespace

OpcodeRules::OpcodeRules(Spec spec) : spec_(std::move(spec)) {
    constexpr std::uint32_t kMaxCost = 1000;
    check("the size of the vocabulary", spec_.vocab_size, 1, kMaxVocabSize);
    check("window", spec_.window, 0, kMaxWindow);
    check("max_length", spec_.max_length, 2, kMaxRecordLength);
    check("slots", spec_.slots, 0, kMaxSlots);
    check("reset_every", spec_.reset_every, 0, std::uint64_t(1) << 40);
    check("least_copy", spec_.least_copy, 2, 8);
    for (const std::uint32_t cost : {spec_.costs.literal, spec_.costs.copy, spec_.costs.hyper, spec_.costs.use})
        check("a cost", cost, 1, kMaxCost);
    if (!spec_.phrase_offsets.empty()) read_phrases();
}

void OpcodeRules::read_phrases() {
    check("the number of phrases", phrase_count(), 0, kMaxOpcodePhrases);
    check("the number of ids of all phrases", spec_.phrases.size(), 0, kMaxOpcodePhraseIds);
    for (std::size_t code = 0; code < phrase_count(); ++code) {
        const std::span<const std::int32_t> ids = phrase(code);
        if (ids.size() < 2 || ids.size() > max_length())
            refuse_phrase(code, "has " + std::to_string(ids.size()) + " ids; a phrase has 2 to " + std::to_string(max_length()));
        for (const std::int32_t id : ids)
            if (!is_base(id)) refuse_phrase(code, "holds " + std::to_string(id) + ", which is no base id");
        Node node = ids[0];
        for (const std::int32_t id : ids.subspan(1)) {
            const std::size_t slot = trie_.slot_of(node, id);
            if (trie_.is_used(slot)) {
                node = trie_.node_at(slot);
                continue;
            }
            const Node child = vocab_size() + static_cast<Node>(code_of_node_.size());
            if (child >= kNodeLimit) refuse_phrase(code, "is one too many: all phrases together have too many ids");
            code_of_node_.push_back(-1);
            trie_.insert_at(slot, node, id, child);
            node = child;
        }
        std::int32_t& named = code_of_node_[static_cast<std::size_t>(node - vocab_size())];
        if (named >= 0) refuse_phrase(code, "is phrase " + std::to_string(named) + " once more");
        named = static_cast<std::int32_t>(code);
    }
}

std::int32_t OpcodeRules::longest_phrase(std::span<const std::int32_t> ids) const noexcept {
    std::int32_t best = -1;
    Node node = ids[0];
    for (std::size_t i = 1; i < ids.size(); ++i) {
        node = trie_.find(node, ids[i]);
        if (node == kNoNode) break;
        const std::int32_t code = code_of_node_[static_cast<std::size_t>(node - vocab_size())];
        if (code >= 0) best = code;
    }
    return best;
}

}  // namespace tokmill::condensed
