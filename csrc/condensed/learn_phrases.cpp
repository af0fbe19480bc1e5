#include "condensed/learn_phrases.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/errors.hpp"
#include "condensed/phrases.hpp"
#include "condensed/reading.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kPhrasesPerReport = 256;

void check(const LearningOptions& options) {
    const auto refuse = [](const std::string& what) { throw Error(ErrorKind::value, what); };
    if (options.vocab_size < 1 || options.vocab_size > 1 << kIdBits)
        refuse("the size of the vocabulary is from 1 to 16,777,216, not " + std::to_string(options.vocab_size));
    if (options.most_phrases > kMaxPhrases || options.most_phrases + static_cast<std::size_t>(options.vocab_size) > std::size_t(1)
                                                                                                                        << kIdBits)
        refuse("at most " + std::to_string(kMaxPhrases) + " phrases, and 16,777,216 ids in all, not " +
               std::to_string(options.most_phrases));
    if (options.max_length < 2 || options.max_length > kMaxPhraseLength)
        refuse("max_len is from 2 to 32,768, not " + std::to_string(options.max_length));
    if (options.min_count < 1) refuse("min_count is 1 or more, not " + std::to_string(options.min_count));
    if (!options.words.empty() && options.words.size() != static_cast<std::size_t>(options.vocab_size))
        refuse("words of " + std::to_string(options.words.size()) + " ids, not of " + std::to_string(options.vocab_size));
    for (std::size_t i = 0; i < options.alone.size(); ++i)
        if (options.alone[i] < 0 || options.alone[i] >= options.vocab_size)
            throw Error(ErrorKind::value, "id " + std::to_string(options.alone[i]) + " is not in the vocabulary",
                        static_cast<std::int64_t>(i));
}

// The ids that occur, numbered from 0 on in their order: the engine's tables are as large as its symbols are many, and its ties go by them.
class Numbering {
public:
    static constexpr std::int32_t kUnseen = -1;
    static constexpr std::int32_t kAlone = -2;

    Numbering(std::span<const std::int32_t> ids, const LearningOptions& options)
        : numbers_(static_cast<std::size_t>(options.vocab_size), kUnseen) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
            if (ids[i] < 0 || ids[i] >= options.vocab_size) refuse_id(ids[i], options.vocab_size, static_cast<std::int64_t>(i));
            numbers_[static_cast<std::size_t>(ids[i])] = 0;
        }
        for (const std::int32_t id : options.alone) numbers_[static_cast<std::size_t>(id)] = kAlone;
        for (std::size_t id = 0; id < numbers_.size(); ++id) {
            if (numbers_[id] != 0) continue;
            numbers_[id] = static_cast<std::int32_t>(ids_.size());
            ids_.push_back(static_cast<std::int32_t>(id));
        }
    }
    std::int32_t number(std::int32_t id) const noexcept { return numbers_[static_cast<std::size_t>(id)]; }  // negative: none
    const std::vector<std::int32_t>& ids() const noexcept { return ids_; }

private:
    std::vector<std::int32_t> numbers_;
    std::vector<std::int32_t> ids_;
};

training::Sequences sequences_of(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                                 std::span<const std::int64_t> barriers, const Numbering& numbering) {
    training::Sequences sequences;
    sequences.reserve(offsets.size(), ids.size());
    std::vector<std::int32_t> symbols;
    const auto end_sequence = [&] {
        sequences.add(symbols, 1);
        symbols.clear();
    };
    auto barrier = barriers.begin();
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) {
        for (std::int64_t at = offsets[d]; at < offsets[d + 1]; ++at) {
            while (barrier != barriers.end() && *barrier < at) ++barrier;
            if (barrier != barriers.end() && *barrier == at) end_sequence();
            const std::int32_t number = numbering.number(ids[static_cast<std::size_t>(at)]);
            if (number < 0) {
                end_sequence();
            } else {
                symbols.push_back(number);
            }
        }
        end_sequence();
    }
    return sequences;
}

// What the symbols stand for, in symbols of single ids; tells which pairs would spell a phrase anew, or hold too many words.
class Spelling {
public:
    Spelling(const Numbering& numbering, const LearningOptions& options) : max_words_(options.words.empty() ? 0 : options.max_words) {
        for (const std::int32_t id : numbering.ids()) {
            spellings_.push_back(std::u32string(1, static_cast<char32_t>(spellings_.size())));
            words_.push_back(options.words.empty() ? 0 : options.words[static_cast<std::size_t>(id)]);
        }
    }
    // Adds the pair as the next symbol, unless it may not be one.
    bool add(std::int32_t left, std::int32_t right) {
        const auto l = static_cast<std::size_t>(left), r = static_cast<std::size_t>(right);
        const std::uint32_t words = words_[l] + words_[r];
        if (max_words_ != 0 && words > max_words_) return false;
        std::u32string spelling = spellings_[l] + spellings_[r];
        if (!known_.insert(spelling).second) return false;
        spellings_.push_back(std::move(spelling));
        words_.push_back(words);
        return true;
    }

private:
    std::uint32_t max_words_;
    std::vector<std::u32string> spellings_;
    std::vector<std::uint32_t> words_;
    std::unordered_set<std::u32string> known_;
};

}  // namespace

LearntPhrases learn_phrases(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                            std::span<const std::int64_t> barriers, const LearningOptions& options,
                            const std::function<void(std::size_t done, std::size_t all)>& progress, Cancel& cancel) {
    check(options);
    const Numbering numbering(ids, options);
    const auto singles = static_cast<std::int32_t>(numbering.ids().size());
    Spelling spelling(numbering, options);
    cancel.poll();
    training::MergeLimits limits;
    limits.length_limit = options.max_length + 1;
    limits.also_first_pairs = true;
    limits.objective = options.objective;
    training::MergeEngine engine(sequences_of(ids, offsets, barriers, numbering), std::vector<std::uint32_t>(numbering.ids().size(), 1),
                                 limits, cancel);
    const auto id_of = [&](std::int32_t symbol) {
        return symbol < singles ? numbering.ids()[static_cast<std::size_t>(symbol)] : options.vocab_size + (symbol - singles);
    };
    LearntPhrases learnt;
    while (learnt.counts.size() < options.most_phrases) {
        cancel.poll();
        const std::optional<training::PairCount> best = engine.top();
        if (!best) break;
        if (best->count < options.min_count && options.objective == training::Objective::count) break;
        // By length, a rare long pair may come before a frequent short one.
        if (best->count < options.min_count || !spelling.add(best->left, best->right)) {
            engine.drop_top();
            continue;
        }
        engine.merge_top(engine.symbol_end());
        learnt.lefts.push_back(id_of(best->left));
        learnt.rights.push_back(id_of(best->right));
        learnt.counts.push_back(best->count);
        if (progress && learnt.counts.size() % kPhrasesPerReport == 0) progress(learnt.counts.size(), options.most_phrases);
    }
    return learnt;
}

}  // namespace tokmill::condensed
