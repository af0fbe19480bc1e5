#include "tokens/superwords.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <utility>

namespace tokmill::tokens {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

enum ByteClass : std::uint8_t { kLetter, kDigit, kBlank, kNewline, kWhite, kSlash, kOther, kHigh };

std::uint8_t class_of(std::uint32_t byte) noexcept {
    if (byte >= 0x80) return kHigh;
    if ((byte | 32) - 'a' < 26) return kLetter;
    if (byte - '0' < 10) return kDigit;
    switch (byte) {
        case ' ': return kBlank;
        case '\n':
        case '\r': return kNewline;
        case '\t':
        case '\v':
        case '\f': return kWhite;
        case '/': return kSlash;
        default: return kOther;
    }
}

// By a pair of classes: the first symbol that holds them side by side.
class FirstHolders {
public:
    explicit FirstHolders(const vocab::Vocabulary& vocabulary) {
        for (auto& row : first_) row.fill(vocabulary.symbol_count());
        for (Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) {
            const std::string_view bytes = vocabulary.bytes(symbol);
            for (std::size_t i = 1; i < bytes.size(); ++i) {
                Symbol& first = first_[class_of(static_cast<std::uint8_t>(bytes[i - 1]))][class_of(static_cast<std::uint8_t>(bytes[i]))];
                first = std::min(first, symbol);
            }
        }
    }

    // Where the second level begins, if the vocabulary has one: with the first token that has a space behind something visible. Pairs of
    // classes that come up for the first time just before belong to it too (the first superwords need not be the commonest). Any place
    // is exact: this one leaves the first level all cuts of words.
    std::optional<Symbol> second_level(Symbol symbol_count) const noexcept {
        Symbol begin = symbol_count;
        for (const ByteClass visible : {kLetter, kDigit, kSlash, kOther}) begin = std::min(begin, first_[visible][kBlank]);
        if (begin == symbol_count) return std::nullopt;
        const Symbol shortly_before = begin - begin / 32;
        for (const auto& row : first_)
            for (const Symbol first : row)
                if (first >= shortly_before) begin = std::min(begin, first);
        return begin;
    }

    WordCuts cuts_below(Symbol first_end) const noexcept {
        WordCuts cuts;
        for (std::uint32_t byte = 0; byte < 256; ++byte) cuts.class_of[byte] = class_of(byte);
        for (std::uint32_t left = 0; left < WordCuts::kClasses; ++left)
            for (std::uint32_t right = 0; right < WordCuts::kClasses; ++right)
                if (first_[left][right] < first_end) cuts.followers[left] |= static_cast<std::uint8_t>(1u << right);
        return cuts;
    }

private:
    std::array<std::array<Symbol, WordCuts::kClasses>, WordCuts::kClasses> first_;
};

// Every token of the first level is made of tokens of the first level, and its length fits the tables.
bool is_closed(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, Symbol first_end) noexcept {
    for (const Symbol symbol : vocabulary.symbol_of_byte())
        if (symbol != kNoSymbol && symbol >= first_end) return false;
    for (Symbol symbol = 0; symbol < first_end; ++symbol) {
        if (vocabulary.bytes(symbol).size() > UINT16_MAX) return false;
        const auto [left, right] = merges.parts(symbol);
        if (left != kNoSymbol && (left >= first_end || right >= first_end)) return false;
    }
    return true;
}

vocab::Vocabulary first_of(const vocab::Vocabulary& vocabulary, Symbol first_end) {
    vocab::Spec spec;
    spec.may_miss_bytes = true;
    spec.offsets.assign(1, 0);
    for (Symbol symbol = 0; symbol < first_end; ++symbol) {
        const std::string_view bytes = vocabulary.bytes(symbol);
        spec.bytes.insert(spec.bytes.end(), bytes.begin(), bytes.end());
        spec.offsets.push_back(spec.bytes.size());
    }
    spec.ids.resize(first_end);
    std::iota(spec.ids.begin(), spec.ids.end(), 0u);
    return vocab::Vocabulary::build(std::move(spec));
}

// The symbols of the second level for those of the first: see second_merges(). Themselves, if ids are in another order.
std::vector<Symbol> exchanged_by_ids(const vocab::Vocabulary& vocabulary, Symbol first_end) {
    std::vector<Symbol> symbols(first_end);
    std::iota(symbols.begin(), symbols.end(), 0u);
    const std::uint32_t distance = vocabulary.id(first_end) - first_end;
    for (Symbol symbol = first_end; symbol < vocabulary.symbol_count(); ++symbol)
        if (vocabulary.id(symbol) - distance != symbol) return symbols;
    // Ids differ, so those of the first level are an exchange if they all stay below.
    for (Symbol symbol = 0; symbol < first_end; ++symbol)
        if (vocabulary.id(symbol) - distance >= first_end) return symbols;
    for (Symbol symbol = 0; symbol < first_end; ++symbol) symbols[symbol] = vocabulary.id(symbol) - distance;
    return symbols;
}

// The parts of the symbols in [begin, end), the first symbols exchanged; none of those before.
std::vector<std::pair<Symbol, Symbol>> parts_of(const vocab::Merges& merges, Symbol begin, Symbol end,
                                                const std::vector<Symbol>& exchanged = {}) {
    const auto exchange = [&](Symbol symbol) { return symbol < exchanged.size() ? exchanged[symbol] : symbol; };
    std::vector<std::pair<Symbol, Symbol>> parts(begin, {kNoSymbol, kNoSymbol});
    parts.reserve(end);
    for (Symbol symbol = begin; symbol < end; ++symbol) {
        const auto [left, right] = merges.parts(symbol);
        parts.push_back({exchange(left), exchange(right)});
    }
    return parts;
}

}  // namespace

std::unique_ptr<const Superwords> Superwords::find(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges) {
    const FirstHolders holders(vocabulary);
    const std::optional<Symbol> begin = holders.second_level(vocabulary.symbol_count());
    // A first level of less than a quarter: words are few there, and most of the work would fall to the second one.
    if (!begin || *begin < vocabulary.symbol_count() / 4) return nullptr;
    // A token that no merges reach is given for a pretoken that equals it: words would have to be left whole.
    if (!merges.unreachable().empty() || !is_closed(vocabulary, merges, *begin)) return nullptr;
    return std::unique_ptr<const Superwords>(
        new Superwords(vocabulary, merges, exchanged_by_ids(vocabulary, *begin), first_of(vocabulary, *begin), holders.cuts_below(*begin)));
}

Superwords::Superwords(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const std::vector<Symbol>& exchanged,
                       vocab::Vocabulary first_vocabulary, const WordCuts& word_cuts)
    : vocabulary_(vocabulary),
      first_vocabulary_(std::move(first_vocabulary)),
      first_merges_(vocab::Merges::build(first_vocabulary_, parts_of(merges, 0, first_vocabulary_.symbol_count()), {})),
      second_merges_(
          vocab::Merges::build(vocabulary, parts_of(merges, first_vocabulary_.symbol_count(), vocabulary.symbol_count(), exchanged), {})),
      word_cuts_(word_cuts) {
    note_lengths(exchanged);
    note_neighbours();
    // The last symbol is of the second level: itself in either numbering.
    const Symbol last = vocabulary.symbol_count() - 1;
    symbol_ids_.distance = vocabulary.id(last) - last;
    for (Symbol symbol = 0; symbol <= last; ++symbol) {
        const Symbol second = symbol < exchanged.size() ? exchanged[symbol] : symbol;
        if (vocabulary.id(symbol) != second + symbol_ids_.distance) symbol_ids_.table = vocabulary.ids().data();
    }
}

void Superwords::note_lengths(const std::vector<Symbol>& exchanged) {
    const Symbol first_end = first_vocabulary_.symbol_count();
    join_tables_.symbol_bits = static_cast<std::uint32_t>(std::bit_width(first_end - 1));
    byte_lengths_.assign(first_end + 1, 0);
    for (Symbol symbol = 0; symbol < first_end; ++symbol) {
        const std::size_t length = first_vocabulary_.bytes(symbol).size();
        byte_lengths_[exchanged[symbol]] = static_cast<std::uint16_t>(length);
        measured_tokens_.push_back(measured_token(exchanged[symbol], length, join_tables_.symbol_bits));
    }
    join_tables_.byte_lengths = byte_lengths_.data();
}

// A second-level merge joins two tokens; between them meet the last first-level token of the left one and the first of the right one.
// Only two such can ever be neighbours across which something is joined.
void Superwords::note_neighbours() {
    const Symbol first_end = first_vocabulary_.symbol_count();
    neighbours_.assign(std::size_t(1) << JoinTables::kWordBits, 0);
    std::vector<Symbol> order(vocabulary_.symbol_count() - first_end);
    std::iota(order.begin(), order.end(), first_end);
    // Parts are shorter than the whole, whatever their ranks are.
    std::stable_sort(order.begin(), order.end(),
                     [&](Symbol a, Symbol b) { return vocabulary_.bytes(a).size() < vocabulary_.bytes(b).size(); });
    std::vector<std::pair<Symbol, Symbol>> ends(order.size());
    const auto ends_of = [&](Symbol symbol) { return symbol < first_end ? std::pair(symbol, symbol) : ends[symbol - first_end]; };
    for (const Symbol symbol : order) {
        const auto [left, right] = second_merges_.parts(symbol);
        const auto [left_first, left_last] = ends_of(left);
        const auto [right_first, right_last] = ends_of(right);
        ends[symbol - first_end] = {left_first, right_last};
        const std::uint32_t hash = JoinTables::hash(left_last, right_first);
        neighbours_[JoinTables::word(hash)] |= JoinTables::bits(hash);
    }
    join_tables_.neighbours = neighbours_.data();
}

}  // namespace tokmill::tokens
