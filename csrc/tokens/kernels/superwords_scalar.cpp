// The plain reading of the passes, byte by byte and token by token: the specification of the others.
#include "tokens/kernels/superword_kernels.hpp"

#include <algorithm>
#include <bit>

namespace tokmill::tokens {

namespace {

bool has_bit(const std::uint64_t* bits, std::uint32_t at) noexcept { return bits[at / 64] >> (at % 64) & 1; }

std::size_t cut_words(const WordCuts& cuts, const BorderedText& text, std::uint32_t* starts) {
    std::size_t count = 0;
    std::uint32_t followers = 0;
    for (std::uint32_t at = text.begin; at < text.end; ++at) {
        const std::uint8_t byte_class = cuts.class_of[text.text[at]];
        if (has_bit(text.borders, at) || !(followers >> byte_class & 1)) starts[count++] = at;
        followers = cuts.followers[byte_class];
    }
    return count;
}

}  // namespace

namespace scalar {

void find_joins(const JoinTables& tables, const BorderedText& text, std::uint32_t* tokens, std::size_t count, std::uint64_t* joins) {
    const std::uint32_t symbol_mask = (1u << tables.symbol_bits) - 1;
    std::uint32_t at = text.begin;
    for (std::size_t first = 0; first < count; first += 64) {
        std::uint64_t mask = 0;
        for (std::size_t i = first; i < count && i < first + 64; ++i) {
            const std::uint32_t symbol = tokens[i] & symbol_mask, byte_length = tokens[i] >> tables.symbol_bits;
            tokens[i] = symbol;
            at += byte_length != 0 ? byte_length : tables.byte_lengths[symbol];
            if (i + 1 == count || has_bit(text.borders, at)) continue;
            const std::uint32_t hash = JoinTables::hash(symbol, tokens[i + 1] & symbol_mask);
            const bool neighbours = (~tables.neighbours[JoinTables::word(hash)] & JoinTables::bits(hash)) == 0;
            mask |= std::uint64_t(neighbours) << (i - first);
        }
        joins[first / 64] = mask;
    }
}

void list_runs(const std::uint64_t* joins, std::size_t count, std::uint32_t first, JoinRuns& runs) {
    std::uint64_t before = 0;  // the last bit of the word before
    for (std::size_t word = 0; word * 64 < count; ++word) {
        std::uint64_t begins = joins[word] & ~(joins[word] << 1 | before);
        before = joins[word] >> 63;
        for (; begins != 0; begins &= begins - 1) {
            const auto bit = static_cast<std::uint32_t>(std::countr_zero(begins));
            // The bits behind the first one: the run goes on as long as they are set.
            const std::uint64_t behind = joins[word] >> bit >> 1 | joins[word + 1] << (63 - bit);
            const std::uint32_t length = std::min(static_cast<std::uint32_t>(std::countr_one(behind)) + 2, JoinRuns::kLonger);
            runs.at[length][runs.count[length]++] = first + static_cast<std::uint32_t>(word * 64) + bit;
        }
    }
}

namespace {

std::size_t write_kept(const SymbolIds& symbol_ids, const std::uint32_t* symbols, std::size_t count, std::uint32_t* ids) {
    std::uint32_t* to = ids;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t symbol = symbols[i];
        if (symbol == vocab::kNoSymbol) continue;
        *to++ = symbol_ids.table != nullptr ? symbol_ids.table[symbol] : symbol + symbol_ids.distance;
    }
    return static_cast<std::size_t>(to - ids);
}

}  // namespace

const SuperwordKernels kSuperwordKernels{cut_words, find_joins, list_runs, write_kept};

}  // namespace scalar

}  // namespace tokmill::tokens
