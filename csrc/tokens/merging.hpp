// Byte-pair merging of pretokens that no word table knows: always merge the adjacent pair of lowest rank, the leftmost
// of equals, until no pair merges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "cpu/isa.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

inline constexpr std::uint32_t kMaxWordBytes = 16;    // merged many at a time, in registers
inline constexpr std::uint32_t kMaxWindowBytes = 62;  // the same with more lanes
inline constexpr std::uint32_t kMaxWideWindowBytes = 254;
// Elements after the last symbol of a job that the kernels may overwrite.
inline constexpr std::uint32_t kSymbolSlack = 16;

struct MergeJob {
    const std::uint8_t* bytes;   // 32 readable bytes after the end
    std::uint32_t length;        // in bytes, at least 1
    std::uint32_t symbol_count;  // out
    vocab::Symbol* symbols;      // out: room for length + kSymbolSlack
    std::uint64_t starts = 0;    // out: bit i is set if a symbol begins at byte i (not for wide windows)
};

struct MergeKernels {
    void (*merge_words)(const vocab::Merges&, MergeJob* jobs, std::size_t count);    // each up to kMaxWordBytes
    void (*merge_windows)(const vocab::Merges&, MergeJob* jobs, std::size_t count);  // each up to kMaxWindowBytes
    void (*merge_wide_windows)(const vocab::Merges&, MergeJob* jobs, std::size_t count);  // each up to kMaxWideWindowBytes
};
const MergeKernels& merge_kernels(cpu::Isa isa);

// Scratch of one thread for long pieces; grows to what it needs.
struct LongPieceScratch {
    static constexpr std::uint32_t kMaxWindows = 64;                              // merged at once
    static constexpr std::uint32_t kPaddedBytes = 128;
    static constexpr std::uint32_t kWindowSymbols = kMaxWindowBytes + kSymbolSlack + 2;  // a multiple of 16

    struct Windows {
        MergeJob jobs[kMaxWindows];
        std::size_t begins[kMaxWindows];
        std::uint32_t count;
        alignas(kCacheLineBytes) vocab::Symbol symbols[kMaxWindows][kWindowSymbols];
    };
    Windows windows, bridges;
    std::uint8_t padded[4][kPaddedBytes];  // windows near the end of a piece, with readable bytes after them

    vocab::TreeMerger tree;
    Buffer<vocab::Symbol> symbols;  // of a window that the tree merges
    Buffer<std::uint32_t> starts;
};

// A piece of any length, in time O(n log n) at worst and near-linear on text: merged in overlapping windows that are
// stitched at a token both have (see DESIGN.md for the proof). `symbols` has room for length + kSymbolSlack.
// Polls `cancel`. Returns the number of symbols.
std::size_t merge_long(const vocab::Vocabulary&, const vocab::Merges&, const MergeKernels&, LongPieceScratch&, const std::uint8_t* bytes,
                       std::size_t length, vocab::Symbol* symbols, Cancel& cancel);

}  // namespace tokmill::tokens
