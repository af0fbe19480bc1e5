// Byte-pair training over counted words, with the rules of Hugging Face's BpeTrainer:
//
//   ids        the first tokens, then the alphabet in byte order, then merged tokens as they are made
//   alphabet   every byte that occurs and those asked for; beyond limit_alphabet the rarest are dropped, and bytes that are no
//              base token are taken out of the words, so that their neighbours meet
//   a merge    of the most frequent pair, of equals the one with the least left id, then the least right id. If its bytes are a token
//              already, the pair is merged into that one and the vocabulary does not grow
//   the end    when there are vocab_size tokens, or no pair occurs min_frequency times
//
// The order of the words changes nothing: sums and the order of pairs decide everything.
#include "training/training.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/errors.hpp"
#include "training/token_list.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kMergesPerReport = 256;
// Tokens by their bytes are given room for so many at once: growing with them costs a training of 200,000 a twentieth of its time.
constexpr std::size_t kMostReserved = std::size_t(1) << 18;

// The bytes in the order of their characters in GPT-2's byte-to-character map: printable Latin-1 stands for itself, the rest
// for U+0100 and up, in rising order.
std::array<std::uint8_t, 256> byte_level_order() {
    const auto is_itself = [](int byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174; };
    std::array<std::uint8_t, 256> order{};
    std::size_t at = 0;
    for (int byte = 0; byte < 256; ++byte)
        if (is_itself(byte)) order[at++] = static_cast<std::uint8_t>(byte);
    for (int byte = 0; byte < 256; ++byte)
        if (!is_itself(byte)) order[at++] = static_cast<std::uint8_t>(byte);
    return order;
}

std::array<std::uint8_t, 256> order_of(ByteOrder order) {
    if (order == ByteOrder::byte_level) return byte_level_order();
    std::array<std::uint8_t, 256> by_value{};
    std::iota(by_value.begin(), by_value.end(), std::uint8_t(0));
    return by_value;
}

// Which bytes become base tokens, in order.
std::vector<std::uint8_t> alphabet_of(const BoundedCounts& counts, const BpeOptions& options, Cancel& cancel) {
    constexpr std::int64_t kAsked = INT64_MAX;  // outweighs everything that only occurs
    std::array<std::int64_t, 256> weights{};
    counts.visit(
        [&](std::string_view word, std::int64_t count) {
            for (const char byte : word) weights[static_cast<std::uint8_t>(byte)] += count;
        },
        cancel);
    for (std::size_t byte = 0; byte < 256; ++byte)
        if (options.initial_alphabet[byte]) weights[byte] = kAsked;
    const std::array<std::uint8_t, 256> order = order_of(options.byte_order);
    std::vector<std::uint8_t> kept;
    for (const std::uint8_t byte : order)
        if (weights[byte] != 0) kept.push_back(byte);
    if (kept.size() > options.limit_alphabet) {
        // Of equally rare bytes the later ones go. (Hugging Face leaves that to the order of a hash table.)
        std::stable_sort(kept.begin(), kept.end(), [&](std::uint8_t a, std::uint8_t b) { return weights[a] > weights[b]; });
        kept.resize(options.limit_alphabet);
        std::array<std::size_t, 256> rank{};
        for (std::size_t i = 0; i < 256; ++i) rank[order[i]] = i;
        std::sort(kept.begin(), kept.end(), [&](std::uint8_t a, std::uint8_t b) { return rank[a] < rank[b]; });
    }
    return kept;
}

// A pair that was merged twice keeps the later rank.
void drop_repeated(TrainedBpe& trained) {
    std::unordered_map<std::uint64_t, std::size_t> last;
    const auto key = [](const Merge& merge) {
        return std::uint64_t(static_cast<std::uint32_t>(merge.left)) << 32 | static_cast<std::uint32_t>(merge.right);
    };
    for (std::size_t i = 0; i < trained.merges.size(); ++i) last[key(trained.merges[i])] = i;
    if (last.size() == trained.merges.size()) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < trained.merges.size(); ++i) {
        if (last[key(trained.merges[i])] != i) continue;
        trained.merges[kept] = trained.merges[i];
        trained.pair_counts[kept++] = trained.pair_counts[i];
    }
    trained.merges.resize(kept);
    trained.pair_counts.resize(kept);
}

using Progress = std::function<void(std::size_t done, std::size_t all)>;

// The order of the words changes no result, but words that begin alike share their merges: side by side, the places of a pair
// lie close together, and the merges take three quarters of the time that they take in the order of a hash.
// symbols_of(word) gives a span of the symbols that a word begins with.
template <class SymbolsOf>
Sequences sequences_of(const BoundedCounts& counts, SymbolsOf&& symbols_of, Cancel& cancel) {
    std::size_t words = 0, bytes = 0;
    counts.visit(
        [&](std::string_view word, std::int64_t) {
            ++words;
            bytes += word.size();
        },
        cancel);
    Sequences sequences;
    sequences.reserve(words, bytes);
    counts.visit_grouped([&](std::string_view word, std::int64_t count) { sequences.add(symbols_of(word), count); }, cancel);
    return sequences;
}

enum class Known : std::uint8_t { reused, passed_over };  // what becomes of a pair whose bytes are a token

// allowed(token) says whether a pair may become that token.
template <class Allowed>
TrainedBpe learn(MergeEngine& engine, const BpeOptions& options, Known known_tokens, const Allowed& allowed, TokenList tokens,
                 const Progress& progress, Cancel& cancel) {
    TrainedBpe trained;
    bool any_repeated = false;
    while (tokens.size() < options.vocab_size) {
        const std::optional<PairCount> best = engine.top();
        if (!best || best->count < options.min_frequency) break;
        std::string token = tokens[best->left] + tokens[best->right];
        if (!allowed(token)) {
            engine.drop_top();
            continue;
        }
        const TokenList::Found made = tokens.find_or_push(std::move(token));
        if (!made.is_new && known_tokens == Known::passed_over) {
            engine.drop_top();
            continue;
        }
        any_repeated |= !made.is_new;  // only then can a pair come twice
        engine.merge_top(made.number);
        trained.merges.push_back({best->left, best->right, made.number});
        trained.pair_counts.push_back(best->count);
        cancel.poll();
        if (progress && trained.merges.size() % kMergesPerReport == 0) progress(tokens.size(), options.vocab_size);
    }
    trained.tokens = std::move(tokens).take();
    trained.token_counts = engine.symbol_counts();
    if (any_repeated) drop_repeated(trained);
    return trained;
}

constexpr auto kAllowed = [](std::string_view) { return true; };

// The symbols of a vocabulary numbered by their ids, which break ties between pairs: a vocabulary may number its symbols otherwise.
class NumbersById {
public:
    explicit NumbersById(const vocab::Vocabulary& vocabulary) : symbols_(vocabulary.symbol_count()), numbers_(vocabulary.symbol_count()) {
        std::iota(symbols_.begin(), symbols_.end(), vocab::Symbol(0));
        std::ranges::stable_sort(symbols_, {}, [&](vocab::Symbol symbol) { return vocabulary.id(symbol); });  // those without an id last
        for (std::size_t number = 0; number < symbols_.size(); ++number) numbers_[symbols_[number]] = static_cast<std::int32_t>(number);
    }

    std::span<const vocab::Symbol> symbols() const noexcept { return symbols_; }

    // Valid until the next call.
    template <class Symbols>
    std::span<const std::int32_t> of(const Symbols& symbols) {
        spelt_.clear();
        for (const auto symbol : symbols) spelt_.push_back(numbers_[static_cast<std::size_t>(symbol)]);
        return spelt_;
    }

    // From numbers back to symbols, where those that are new have the same.
    void give_back(TrainedBpe& trained) const {
        const auto symbol_of = [&](std::int32_t number) {
            return static_cast<std::size_t>(number) < symbols_.size()
                       ? static_cast<std::int32_t>(symbols_[static_cast<std::size_t>(number)])
                       : number;
        };
        for (Merge& merge : trained.merges) merge = {symbol_of(merge.left), symbol_of(merge.right), symbol_of(merge.made)};
        std::vector<std::string> tokens(symbols_.size());
        std::vector<std::int64_t> counts(symbols_.size());
        for (std::size_t number = 0; number < symbols_.size(); ++number) {
            tokens[symbols_[number]] = std::move(trained.tokens[number]);
            counts[symbols_[number]] = trained.token_counts[number];
        }
        std::ranges::move(tokens, trained.tokens.begin());
        std::ranges::copy(counts, trained.token_counts.begin());
    }

private:
    std::vector<vocab::Symbol> symbols_;  // by number
    std::vector<std::int32_t> numbers_;   // by symbol
    std::vector<std::int32_t> spelt_;
};

// segment(word) gives a span of the symbols that a word begins with.
template <class Segment, class Allowed>
TrainedBpe go_on(const BoundedCounts& counts, const Start& start, const BpeOptions& options, Segment&& segment, const Allowed& allowed,
                 const Progress& progress, Cancel& cancel) {
    const vocab::Vocabulary& vocabulary = start.vocabulary;
    NumbersById numbers(vocabulary);
    TokenList tokens(std::min(options.vocab_size, kMostReserved));
    std::vector<std::uint32_t> lengths;
    for (const vocab::Symbol symbol : numbers.symbols()) {
        tokens.push(std::string(vocabulary.bytes(symbol)));
        lengths.push_back(static_cast<std::uint32_t>(vocabulary.bytes(symbol).size()));
    }
    std::unordered_set<std::string_view> specials;
    for (const vocab::SpecialToken& special : vocabulary.specials()) specials.insert(special.text);
    const auto may_be_learnt = [&](std::string_view token) { return !specials.contains(token) && allowed(token); };
    Sequences sequences = sequences_of(
        counts, [&](std::string_view word) { return numbers.of(segment(word)); }, cancel);
    cancel.poll();

    MergeLimits limits;
    if (options.max_token_length != 0) limits = {options.max_token_length, true};
    MergeEngine engine(std::move(sequences), std::move(lengths), limits, cancel);
    TrainedBpe trained = learn(engine, options, Known::passed_over, may_be_learnt, std::move(tokens), progress, cancel);
    numbers.give_back(trained);
    return trained;
}

}  // namespace

TrainedBpe train_bpe(const BoundedCounts& counts, const BpeOptions& options, const Progress& progress, Cancel& cancel) {
    TokenList tokens(std::min(options.vocab_size, kMostReserved));
    for (const std::string& token : options.first_tokens) tokens.push(token);
    std::array<std::int32_t, 256> id_of_byte{};
    id_of_byte.fill(-1);
    for (const std::uint8_t byte : alphabet_of(counts, options, cancel))
        id_of_byte[byte] = tokens.find_or_push(std::string(1, static_cast<char>(byte))).number;
    if (tokens.size() > options.vocab_size)
        throw Error(ErrorKind::value, "vocab_size " + std::to_string(options.vocab_size) + " is below the " +
                                          std::to_string(tokens.size()) +
                                          " special tokens and single bytes; raise it, or keep fewer bytes with limit_alphabet");

    std::vector<std::int32_t> symbols;
    const auto symbols_of = [&](std::string_view word) -> std::span<const std::int32_t> {
        symbols.clear();
        for (const char byte : word) {
            const std::int32_t id = id_of_byte[static_cast<std::uint8_t>(byte)];
            if (id >= 0) symbols.push_back(id);
        }
        return symbols;
    };
    Sequences sequences = sequences_of(counts, symbols_of, cancel);
    cancel.poll();

    MergeLimits limits;
    if (options.max_token_length != 0) limits.length_limit = options.max_token_length;
    // Every base token has length 1, also one that shares its id with a longer first token.
    MergeEngine engine(std::move(sequences), std::vector<std::uint32_t>(tokens.size(), 1), limits, cancel);
    return learn(engine, options, Known::reused, kAllowed, std::move(tokens), progress, cancel);
}

TrainedBpe extend_bpe(const BoundedCounts& counts, const Start& start, const BpeOptions& options, const Progress& progress,
                      Cancel& cancel) {
    Segmenter segmenter(start.vocabulary, start.merges, start.whole_words);
    return go_on(
        counts, start, options, [&](std::string_view word) { return segmenter.segment(word); }, kAllowed, progress, cancel);
}

TrainedBpe extend_over_spaces(const BoundedCounts& runs, const pretokens::Scanner& words, const Start& start, const BpeOptions& options,
                              std::uint32_t max_words, const Progress& progress, Cancel& cancel) {
    RunSegmenter segmenter(words, Segmenter(start.vocabulary, start.merges, start.whole_words));
    const auto segment = [&](std::string_view run) { return segmenter.segment(run); };
    const auto allowed = [&](std::string_view token) { return word_count(token) <= max_words; };
    return go_on(runs, start, options, segment, allowed, progress, cancel);
}

std::vector<std::int64_t> count_symbols(const BoundedCounts& counts, const vocab::Vocabulary& vocabulary, const vocab::Merges& merges,
                                        bool whole_words, Cancel& cancel) {
    std::vector<std::int64_t> sums(vocabulary.symbol_count());
    Segmenter segmenter(vocabulary, merges, whole_words);
    counts.visit(
        [&](std::string_view word, std::int64_t count) {
            for (const vocab::Symbol symbol : segmenter.segment(word)) sums[symbol] += count;
            cancel.poll();
        },
        cancel);
    return sums;
}

}  // namespace tokmill::training
