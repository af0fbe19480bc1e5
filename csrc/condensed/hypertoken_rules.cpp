#include "condensed/hypertoken_rules.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

#include "base/errors.hpp"
#include "condensed/phrase_table.hpp"

namespace tokmill::condensed {

namespace {

std::uint32_t bounded(const char* name, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
    if (value >= least && value <= most) return value;
    throw Error(ErrorKind::value, std::string(name) + " is from " + std::to_string(least) + " to " + std::to_string(most) + ", " +
                                      std::to_string(value) + " was given");
}

[[noreturn]] void refuse_seed(std::size_t row, const std::string& what) {
    throw Error(ErrorKind::value, "phrase " + std::to_string(row) + " of the seed " + what, static_cast<std::int64_t>(row));
}

}  // namespace

std::uint64_t process_multiplier() noexcept {
    static const std::uint64_t multiplier = [] {
        std::random_device device;
        return (std::uint64_t(device()) << 32 | device()) | 1;
    }();
    return multiplier;
}

HypertokenRules::HypertokenRules(Spec spec)
    : profile_(spec.profile),
      vocab_size_(static_cast<std::int32_t>(bounded("the size of the vocabulary", spec.vocab_size, 1, kMaxVocabSize))),
      book_size_(static_cast<std::int32_t>(bounded("book_size", spec.book_size, 0, kMaxBookSize))),
      max_subtokens_(static_cast<std::int32_t>(bounded("max_subtokens", spec.max_subtokens, 1, kMaxSubtokens))),
      alone_((spec.vocab_size + 63) / 64) {
    for (std::size_t i = 0; i < spec.disabled.size(); ++i) {
        const std::int32_t id = spec.disabled[i];
        if (!is_base(id))
            throw Error(ErrorKind::value,
                        "disabled id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(vocab_size_) + " ids",
                        static_cast<std::int64_t>(i));
        alone_[static_cast<std::uint32_t>(id) >> 6] |= std::uint64_t(1) << (id & 63);
    }
    if (!spec.seed_offsets.empty()) read_seed(spec);
}

void HypertokenRules::read_seed(const Spec& spec) {
    const std::size_t count = spec.seed_offsets.size() - 1;
    if (count > static_cast<std::size_t>(book_size_))
        throw Error(ErrorKind::value,
                    "the seed has " + std::to_string(count) + " phrases, the book room for " + std::to_string(book_size_));
    // Shorter phrases first: what a phrase grew from is then known before it.
    std::vector<std::int32_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    const auto length = [&](std::int32_t row) {
        const auto i = static_cast<std::size_t>(row);
        return spec.seed_offsets[i + 1] - spec.seed_offsets[i];
    };
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) { return length(a) < length(b); });
    PhraseTable table(count);
    for (const std::int32_t row : order) {
        const std::uint64_t size = length(row);
        const auto number = static_cast<std::size_t>(row);
        if (size < 2 || size > static_cast<std::uint64_t>(max_subtokens_))
            refuse_seed(number, "has " + std::to_string(size) + " ids; a phrase has 2 to " + std::to_string(max_subtokens_));
        const std::int32_t* ids = spec.seed.data() + spec.seed_offsets[number];
        for (std::uint64_t k = 0; k < size; ++k)
            if (is_alone(ids[k])) refuse_seed(number, "holds " + std::to_string(ids[k]) + ", which is disabled or no base id");
        Node node = ids[0];
        for (std::uint64_t k = 1; k + 1 < size; ++k) {
            node = table.find(node, ids[k]);
            if (node == kNoNode)
                refuse_seed(number, "needs its first " + std::to_string(k + 1) + " ids in the seed as a phrase of their own");
        }
        if (table.find(node, ids[size - 1]) != kNoNode) refuse_seed(number, "comes twice");
        table.insert(node, ids[size - 1], vocab_size_ + row);
        seed_edges_.push_back({node, ids[size - 1]});
        seed_rows_.push_back(row);
    }
}

}  // namespace tokmill::condensed
