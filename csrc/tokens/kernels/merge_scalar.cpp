// Merging without vectors: one job at a time, a plain loop over arrays. The reference for the other kernels.
#include <algorithm>

#include "tokens/kernels/merge_kernels.hpp"

namespace tokmill::tokens {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

void merge_one(const vocab::Merges& merges, MergeJob& job) {
    // ranks[i]: what symbols i and i + 1 merge into. The rank of a merge is the symbol it makes.
    Symbol symbols[kMaxWindowBytes], ranks[kMaxWindowBytes];
    std::uint8_t starts[kMaxWindowBytes];
    std::uint32_t count = job.length;
    for (std::uint32_t i = 0; i < count; ++i) {
        symbols[i] = merges.symbol_of_byte()[job.bytes[i]];
        starts[i] = static_cast<std::uint8_t>(i);
        if (i + 1 < count) ranks[i] = merges.merged_bytes(static_cast<std::uint16_t>(job.bytes[i] | job.bytes[i + 1] << 8));
    }
    while (count > 1) {
        std::uint32_t at = 0;
        for (std::uint32_t i = 1; i + 1 < count; ++i)
            if (ranks[i] < ranks[at]) at = i;
        if (ranks[at] == kNoSymbol) break;
        symbols[at] = ranks[at];
        --count;
        for (std::uint32_t i = at + 1; i < count; ++i) {  // closes the gap; ranks[at] itself is asked for below
            symbols[i] = symbols[i + 1];
            starts[i] = starts[i + 1];
            ranks[i - 1] = ranks[i];
        }
        if (at != 0) ranks[at - 1] = merges.merged(symbols[at - 1], symbols[at]);
        if (at + 1 < count) ranks[at] = merges.merged(symbols[at], symbols[at + 1]);
    }
    job.symbol_count = count;
    job.starts = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        job.symbols[i] = symbols[i];
        job.starts |= std::uint64_t(1) << starts[i];
    }
}

void merge_all(const vocab::Merges& merges, MergeJob* jobs, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) merge_one(merges, jobs[i]);
}

void merge_runs(const vocab::Merges& merges, const SymbolRuns& runs) {
    const auto pairs = [&](Symbol left, Symbol right) { return merges.merged(left, right); };
    Symbol ranks[kMaxRunSymbols];
    for (std::size_t i = 0; i < runs.count; ++i) {
        Symbol* const symbols = runs.symbols + runs.at[i];
        for (std::uint32_t k = 0; k + 1 < runs.length; ++k) ranks[k] = pairs(symbols[k], symbols[k + 1]);
        const std::uint32_t left = vocab::merge_plain(pairs, symbols, ranks, runs.length);
        std::fill(symbols + left, symbols + runs.length, kNoSymbol);
    }
}

}  // namespace

const MergeKernels kScalarMerge = {merge_all, merge_all, merge_runs};

}  // namespace tokmill::tokens
