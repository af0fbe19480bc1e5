#include "ngrams/plan.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <utility>

namespace tokmill::ngrams {

namespace {

constexpr std::size_t kSlack = 8;  // readable elements behind the arrays of a Program
constexpr std::uint64_t kTwo63 = std::uint64_t(1) << 63;

// The bounds for which the kernels' quotients were proved (DESIGN.md): any modulus up to 2^31, any quotient below 2^49.
constexpr std::uint64_t kMostProvedModulus = std::uint64_t(1) << 31;
constexpr std::uint64_t kProvedQuotientEnd = std::uint64_t(1) << 49;
constexpr std::uint64_t kNarrowValueEnd = std::uint64_t(1) << 52;

// The table that finds ignored ids has an entry for each id.
constexpr std::uint32_t kMostMappedIds = std::uint32_t(1) << 24;

// With fewer tables a mix the tokens go into the lanes of a vector, instead of the tables.
constexpr std::size_t kSharedTables = 4;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::value, message); }

std::string numbered(const char* what, std::size_t index) { return std::string(what) + " " + std::to_string(index); }

// The largest value of a mix as a signed word, in absolute terms, and whether it can wrap around or be negative.
struct Bound {
    std::uint64_t most = 0;
    bool may_be_negative = false;
};

Bound bound_of(const std::vector<std::uint64_t>& weights, std::uint64_t largest_id, Combine combine, unsigned word_bits) {
    const std::uint64_t word_end = word_bits == 32 ? kTwo63 >> 32 : kTwo63;  // 2^31 or 2^63
    unsigned __int128 sum = 0;
    unsigned bits = 0;
    for (const std::uint64_t weight : weights) {
        const unsigned __int128 product = static_cast<unsigned __int128>(weight) * largest_id;
        if (product >= word_end) return {word_end, true};
        sum += product;
        bits = std::max(bits, static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(product))));
    }
    if (combine == Combine::exclusive_or) return {(std::uint64_t(1) << bits) - 1, false};
    if (sum >= word_end) return {word_end, true};
    return {static_cast<std::uint64_t>(sum), false};
}

// What the second of two neighbouring mixes has in common with the first.
MixStep step_between(const std::vector<std::uint64_t>* before, const std::vector<std::uint64_t>& weights, Combine combine) {
    MixStep step;
    step.end = static_cast<std::uint32_t>(weights.size());
    if (before == nullptr || before->size() > weights.size()) return step;
    if (std::equal(before->begin(), before->end(), weights.begin())) {
        step.continues = true;
        step.first = static_cast<std::uint32_t>(before->size());
        return step;
    }
    // Horner: all older weights times the same factor, which stands where the earlier mix had its weight 1.
    if (combine != Combine::add || before->size() + 1 != weights.size() || before->back() != 1) return step;
    const std::uint64_t scale = weights[before->size() - 1];
    for (std::size_t d = 0; d < before->size(); ++d)
        if ((*before)[d] * scale != weights[d]) return step;
    step.continues = true;
    step.scale = scale;
    step.first = static_cast<std::uint32_t>(before->size());
    return step;
}

}  // namespace

Plan::Plan(Spec spec, cpu::Isa isa)
    : spec_(std::move(spec)), isa_(isa), kernels_([this]() -> const Kernels& {
          check();
          compile();
          return ngrams::kernels(isa_, proved_);
      }()) {}

void Plan::check() const {
    const Spec& spec = spec_;
    if (spec.vocab_size == 0 || spec.vocab_size > kIdLimit)
        refuse("the vocabulary of a plan has between 1 and 2^30 ids, not " + std::to_string(spec.vocab_size));
    if (!spec.canonical.empty()) {
        if (spec.canonical.size() != spec.vocab_size)
            refuse("the canonical map has " + std::to_string(spec.canonical.size()) + " entries for a vocabulary of " +
                   std::to_string(spec.vocab_size) + " ids; it needs one an id");
        for (std::size_t i = 0; i < spec.canonical.size(); ++i)
            if (spec.canonical[i] >= spec.canonical_size)
                throw Error(ErrorKind::value,
                            "the canonical id of " + std::to_string(i) + " is " + std::to_string(spec.canonical[i]) + ", not below " +
                                std::to_string(spec.canonical_size),
                            static_cast<std::int64_t>(i));
    }
    if (spec.canonical_size == 0 || spec.canonical_size > kIdLimit)
        refuse("canonical ids number between 1 and 2^30, not " + std::to_string(spec.canonical_size));
    if (spec.missing >= kIdLimit) refuse("the missing value is below 2^30, not " + std::to_string(spec.missing));
    if (spec.word_bits != 32 && spec.word_bits != 64) refuse("values are of 32 or 64 bits, not " + std::to_string(spec.word_bits));
    if (spec.boundary == Boundary::eos && spec.eos_id >= spec.vocab_size)
        refuse("the EOS id " + std::to_string(spec.eos_id) + " is not in the vocabulary of " + std::to_string(spec.vocab_size) + " ids");
    for (const std::uint32_t id : spec.ignored)
        if (id >= spec.vocab_size)
            refuse("the ignored id " + std::to_string(id) + " is not in the vocabulary of " + std::to_string(spec.vocab_size) + " ids");
    if (!spec.ignored.empty() && spec.vocab_size > kMostMappedIds)
        refuse("ignored ids need a vocabulary of at most 2^24 ids, not " + std::to_string(spec.vocab_size));
    if (spec.first && (spec.first->id >= kIdLimit || spec.first->row >= kModulusLimit))
        refuse("the first token's id is below 2^30 and its row below 2^40");
    if (spec.first && (spec.boundary == Boundary::eos || spec.boundary == Boundary::ignored))
        refuse("a row of its own for first tokens goes with the boundaries cross and documents only");
    if (spec.mixes.empty() || spec.tables.empty()) refuse("a plan has at least one mix and one table");
    if (spec.tables.size() > kMostTables)
        refuse("a plan has at most " + std::to_string(kMostTables) + " tables, not " + std::to_string(spec.tables.size()));
    if (spec.mixes.size() > kMostTables)
        refuse("a plan has at most " + std::to_string(kMostTables) + " mixes, not " + std::to_string(spec.mixes.size()));
    for (std::size_t m = 0; m < spec.mixes.size(); ++m)
        if (spec.mixes[m].empty() || spec.mixes[m].size() > kMostOrder)
            refuse(numbered("mix", m) + " has " + std::to_string(spec.mixes[m].size()) + " weights; orders are between 1 and " +
                   std::to_string(kMostOrder));
    for (std::size_t c = 0; c < spec.tables.size(); ++c) {
        const Table& table = spec.tables[c];
        if (table.mix >= spec.mixes.size()) refuse(numbered("table", c) + " takes mix " + std::to_string(table.mix) + ", which is none");
        if (c > 0 && table.mix < spec.tables[c - 1].mix) refuse(numbered("table", c) + ": tables stand in the order of their mixes");
        if (table.modulus < 2 || table.modulus >= kModulusLimit)
            refuse(numbered("table", c) + " has the modulus " + std::to_string(table.modulus) + "; moduli are between 2 and 2^40 - 1");
        if (table.offset >= kModulusLimit * kMostTables)
            refuse(numbered("table", c) + " has the offset " + std::to_string(table.offset) + ", which is beyond all tables");
    }
}

void Plan::compile() {
    const Spec& spec = spec_;
    std::uint64_t largest_id = std::max(spec.canonical_size - 1, spec.missing);
    if (spec.first) {
        largest_id = std::max<std::uint64_t>(largest_id, spec.first->id);
        row_end_ = spec.first->row + 1;
    }
    if (!spec.canonical.empty() || !spec.ignored.empty()) {
        map_ = spec.canonical;
        if (map_.empty()) {
            map_.resize(spec.vocab_size);
            for (std::uint32_t id = 0; id < spec.vocab_size; ++id) map_[id] = id;
        }
        for (const std::uint32_t id : spec.ignored) map_[id] = kIgnored;
    }

    const std::size_t tables = spec.tables.size();
    proved_ = true;
    narrow_ = true;
    std::uint32_t c = 0;
    for (std::size_t m = 0; m < spec.mixes.size(); ++m) {
        const std::vector<std::uint64_t>& weights = spec.mixes[m];
        history_ = std::max(history_, weights.size() - 1);
        MixStep step = step_between(m == 0 ? nullptr : &spec.mixes[m - 1], weights, spec.combine);
        step.first_weight = static_cast<std::uint32_t>(weights_.size());
        weights_.insert(weights_.end(), weights.begin() + step.first, weights.end());
        step.table_begin = c;
        const Bound bound = bound_of(weights, largest_id, spec.combine, spec.word_bits);
        may_be_negative_ = may_be_negative_ || bound.may_be_negative;
        narrow_ = narrow_ && bound.most < kNarrowValueEnd && !bound.may_be_negative && (step.scale >> 32) == 0 &&
                  std::all_of(weights.begin(), weights.end(), [](std::uint64_t weight) { return (weight >> 32) == 0; });
        for (; c < tables && spec.tables[c].mix == m; ++c) {
            const std::uint64_t modulus = spec.tables[c].modulus;
            proved_ = proved_ && modulus <= kMostProvedModulus && bound.most / modulus < kProvedQuotientEnd;
        }
        step.table_end = c;
        steps_.push_back(step);
    }
    shared_ = tables >= kSharedTables * spec.mixes.size();

    for (const Table& table : spec.tables) {
        moduli_.push_back(table.modulus);
        reciprocals_.push_back(std::numeric_limits<std::uint64_t>::max() / table.modulus);
        word_remainders_.push_back((std::numeric_limits<std::uint64_t>::max() % table.modulus + 1) % table.modulus);
        inverses_.push_back(1.0 / static_cast<double>(table.modulus));
        offsets_.push_back(table.offset);
        moduli_32_.push_back(static_cast<std::uint32_t>(table.modulus));
        offsets_32_.push_back(static_cast<std::uint32_t>(table.offset));
        row_end_ = std::max(row_end_, table.modulus);
        row_end_with_offsets_ = std::max(row_end_with_offsets_, table.modulus + table.offset);
        if (spec.first) row_end_with_offsets_ = std::max(row_end_with_offsets_, spec.first->row + 1 + table.offset);
    }
    weights_.resize(weights_.size() + kSlack);
    no_offsets_.resize(tables + kSlack);
    for (auto* const array : {&moduli_, &reciprocals_, &word_remainders_, &offsets_}) array->resize(tables + kSlack);
    for (auto* const array : {&moduli_32_, &offsets_32_}) array->resize(tables + kSlack);
    inverses_.resize(tables + kSlack);
}

Program Plan::program(bool with_offsets) const noexcept {
    Program program;
    program.steps = steps_.data();
    program.step_count = steps_.size();
    program.weights = weights_.data();
    program.table_count = spec_.tables.size();
    program.history = history_;
    program.moduli = moduli_.data();
    program.reciprocals = reciprocals_.data();
    program.word_remainders = word_remainders_.data();
    program.inverses = inverses_.data();
    program.moduli_32 = moduli_32_.data();
    program.offsets = with_offsets ? offsets_.data() : no_offsets_.data();
    program.offsets_32 = with_offsets ? offsets_32_.data() : reinterpret_cast<const std::uint32_t*>(no_offsets_.data());
    program.combine = spec_.combine;
    program.words_32 = spec_.word_bits == 32;
    program.may_be_negative = may_be_negative_;
    program.narrow = narrow_;
    program.shared = shared_;
    return program;
}

}  // namespace tokmill::ngrams
