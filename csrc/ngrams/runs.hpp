// Sorted runs: the counts of one stretch of ids, in memory or in a file. A run is a sequence of blocks of kBlockEntries entries
// (the last may be shorter): the keys of the block, then its counts. The first key and a checksum of every block stay in memory, so
// that any range of keys can be read alone, and a block that comes back from the disk changed is refused.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "base/spill_file.hpp"

namespace tokmill::ngrams {

inline constexpr std::size_t kBlockEntries = 512;

std::uint64_t checksum(const std::uint8_t* bytes, std::size_t byte_count) noexcept;

struct Run {
    std::size_t words = 1;
    std::size_t count_bytes = 4;  // 4 or 8 an entry
    std::size_t entries = 0;
    std::vector<std::uint64_t> first_keys;  // `words` of each block
    Buffer<std::uint8_t> memory;            // the blocks, unless they are in the file
    std::vector<std::uint64_t> checksums;   // of the blocks in the file
    std::uint64_t file_offset = 0;

    Run(std::size_t words, std::size_t count_bytes, std::size_t entries)
        : words(words), count_bytes(count_bytes), entries(entries), first_keys(blocks() * words) {}

    std::size_t blocks() const noexcept { return (entries + kBlockEntries - 1) / kBlockEntries; }
    std::size_t entries_of(std::size_t block) const noexcept { return std::min(kBlockEntries, entries - block * kBlockEntries); }
    std::size_t entry_bytes() const noexcept { return 8 * words + count_bytes; }
    std::size_t bytes() const noexcept { return entries * entry_bytes(); }
    std::size_t offset_of(std::size_t block) const noexcept { return block * kBlockEntries * entry_bytes(); }
    bool in_file() const noexcept { return !checksums.empty(); }
    std::size_t index_bytes() const noexcept { return 8 * (first_keys.size() + checksums.size()); }

    // Moves the blocks into the file, from `offset` on.
    void spill(const SpillFile& file, std::uint64_t offset, Cancel& cancel);
    // Blocks [begin, end) as they lie in memory; those of the file are read into `buffer` and their checksums compared.
    const std::uint8_t* blocks_at(std::size_t begin, std::size_t end, const SpillFile* file, std::vector<std::uint8_t>& buffer) const;
};

}  // namespace tokmill::ngrams
