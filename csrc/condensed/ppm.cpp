#include "condensed/ppm.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/errors.hpp"
#include "condensed/phrase_table.hpp"
#include "condensed/reading.hpp"

namespace tokmill::condensed {

namespace {

// Contexts are nodes of one trie: the child of a context by the id behind it is that id's count, and is itself the context that is
// longer by it. So the children found for one id are the contexts of the next.
struct Context {
    std::uint32_t count = 0;     // times it was met as what followed its parent
    std::uint32_t followed = 0;  // N
    std::uint32_t distinct = 0;  // d
};

constexpr Node kRoot = 0;
constexpr std::size_t kStepIds = std::size_t(1) << 16;

// Ids numbered by their first use: the table has room for 24 bits, and codes may go beyond.
std::vector<std::int32_t> numbered(std::span<const std::int32_t> ids, std::int32_t alphabet) {
    std::unordered_map<std::int32_t, std::int32_t> numbers;
    std::vector<std::int32_t> out;
    out.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < 0 || ids[i] >= alphabet) refuse_id(ids[i], alphabet, static_cast<std::int64_t>(i));
        out.push_back(numbers.try_emplace(ids[i], static_cast<std::int32_t>(numbers.size())).first->second);
    }
    return out;
}

}  // namespace

std::array<double, kPpmOrders> ppm_bits(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::int32_t alphabet,
                                        Cancel& cancel) {
    static_assert(kPpmOrders * kPpmMaxIds < static_cast<std::size_t>(kNodeLimit));
    if (ids.size() > kPpmMaxIds)
        throw Error(ErrorKind::value,
                    "the predictability of " + std::to_string(ids.size()) + " ids: give at most " + std::to_string(kPpmMaxIds));
    const std::vector<std::int32_t> numbers = numbered(ids, alphabet);
    PhraseTable children;
    std::vector<Context> contexts(1);
    std::array<double, kPpmOrders> bits{};
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) {
        std::array<Node, kPpmOrders> current{kRoot};  // the contexts of 0, 1, ... ids
        std::size_t known = 1;                        // how many of them there are
        for (std::int64_t at = offsets[d]; at < offsets[d + 1]; ++at) {
            if (static_cast<std::size_t>(at) % kStepIds == 0) cancel.poll();
            const std::int32_t id = numbers[static_cast<std::size_t>(at)];
            std::array<Node, kPpmOrders> next{kRoot};
            double p = 1.0 / alphabet;
            for (std::size_t order = 0; order < kPpmOrders; ++order) {
                if (order < known) {
                    Context& context = contexts[static_cast<std::size_t>(current[order])];
                    const double all = static_cast<double>(context.followed) + context.distinct;
                    Node child = children.find(current[order], id);
                    if (child != kNoNode) {
                        p = contexts[static_cast<std::size_t>(child)].count / all;
                    } else {
                        if (context.followed != 0) p *= context.distinct / all;
                        ++context.distinct;
                        child = static_cast<Node>(contexts.size());
                        children.insert(current[order], id, child);
                    }
                    ++context.followed;
                    if (static_cast<std::size_t>(child) == contexts.size()) contexts.emplace_back();
                    ++contexts[static_cast<std::size_t>(child)].count;
                    if (order + 1 < kPpmOrders) next[order + 1] = child;
                }
                bits[order] -= std::log2(p);
            }
            known = std::min(known + 1, kPpmOrders);
            current = next;
        }
    }
    return bits;
}

}  // namespace tokmill::condensed
