// The plain reading of the passes, byte by byte and token by token: the specification of the others.
#include "tokens/kernels/superword_kernels.hpp"

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

void find_joins(const JoinTables& tables, const BorderedText& text, const std::uint32_t* tokens, std::size_t count, std::uint64_t* joins) {
    std::uint32_t at = text.begin;
    for (std::size_t first = 0; first < count; first += 64) {
        std::uint64_t mask = 0;
        for (std::size_t i = first; i < count && i < first + 64; ++i) {
            at += tables.byte_lengths[tokens[i]];
            if (i + 1 == count || has_bit(text.borders, at)) continue;
            const std::uint32_t hash = JoinTables::hash(tokens[i], tokens[i + 1]);
            mask |= std::uint64_t(tables.neighbours[hash / 32] >> (hash % 32) & 1) << (i - first);
        }
        joins[first / 64] = mask;
    }
}

void write_kept(const SymbolIds& table, const std::uint32_t* symbols, std::size_t count, const std::uint64_t* dropped, std::uint32_t* ids) {
    for (std::size_t i = 0; i < count; ++i) {
        if (has_bit(dropped, static_cast<std::uint32_t>(i))) continue;
        const std::uint32_t symbol = symbols[i];
        *ids++ = symbol < table.first_end ? table.first[symbol] : symbol + table.distance;
    }
}

const SuperwordKernels kSuperwordKernels{cut_words, find_joins, write_kept};

}  // namespace scalar

}  // namespace tokmill::tokens
