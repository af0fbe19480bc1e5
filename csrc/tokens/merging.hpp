// Byte-pair merging of pretokens that no word table knows: always merge the adjacent pair of lowest rank, the leftmost
// of equals, until no pair merges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "cpu/isa.hpp"
#include "tokens/run_merging.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

inline constexpr std::uint32_t kMaxWordBytes = 16;
inline constexpr std::uint32_t kMaxWindowBytes = 62;  // with two guards one bit a byte in a u64
// Elements after the last symbol of a job that the kernels may overwrite.
inline constexpr std::uint32_t kSymbolSlack = 16;

struct MergeJob {
    const std::uint8_t* bytes;   // 32 readable bytes after the end
    std::uint32_t length;        // in bytes, at least 1
    std::uint32_t symbol_count;  // out
    vocab::Symbol* symbols;      // out: room for length + kSymbolSlack
    std::uint64_t starts = 0;    // out: bit i is set if a symbol begins at byte i
};

// Sequences of symbols that are merged where they stand: symbols[at[i]] and the length - 1 behind it. None overlaps another.
struct SymbolRuns {
    vocab::Symbol* symbols;
    std::uint32_t* at;  // begins a cache line; kRunSlack elements behind the last are overwritten
    std::size_t count;
    std::uint32_t length;  // of each: 2 to kMaxRunSymbols
};
inline constexpr std::uint32_t kMaxRunSymbols = 16;
inline constexpr std::uint32_t kRunSlack = 16;

// Each merges many jobs at once and takes them in any order.
struct MergeKernels {
    using Merge = void (*)(const vocab::Merges&, MergeJob* jobs, std::size_t count);
    Merge merge_words;    // each up to kMaxWordBytes
    Merge merge_windows;  // each up to kMaxWindowBytes
    // What is left of a run stands at its front, and kNoSymbol behind it.
    void (*merge_runs)(const vocab::Merges&, const SymbolRuns& runs);
};
const MergeKernels& merge_kernels(cpu::Isa isa);

// Windows of a long piece, merged at once.
struct MergeWindows {
    static constexpr std::uint32_t kMaxCount = 64;
    static constexpr std::uint32_t kReadableAfter = 32;
    static constexpr std::uint32_t kMaxPadded = 4;

    MergeJob jobs[kMaxCount];
    std::size_t begins[kMaxCount];
    std::uint32_t count, padded_count;
    alignas(kCacheLineBytes) vocab::Symbol symbols[kMaxCount][kMaxWindowBytes + kSymbolSlack + 2];
    std::uint8_t padded[kMaxPadded][kMaxWindowBytes + kReadableAfter];  // those near the end of a piece, with readable bytes after them
};

// Scratch of one thread for long pieces; grows to what it needs.
struct LongPieceScratch {
    MergeWindows windows, bridges;
    RunMerger runs;
    vocab::TreeMerger tree;
    Buffer<vocab::Symbol> symbols;  // of a window that is merged alone

    void give_back() noexcept {
        tree = vocab::TreeMerger();
        symbols = Buffer<vocab::Symbol>();
    }
};

// A piece of any length, in time O(n log n) at worst and near-linear on text: merged in overlapping windows that are
// stitched at a token both have (see DESIGN.md for the proof). `symbols` has room for length + kSymbolSlack.
// Polls `cancel`. Returns the number of symbols.
std::size_t merge_long(const vocab::Vocabulary&, const vocab::Merges&, const MergeKernels&, LongPieceScratch&, const std::uint8_t* bytes,
                       std::size_t length, vocab::Symbol* symbols, Cancel& cancel);

}  // namespace tokmill::tokens
