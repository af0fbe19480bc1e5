// What one thread remembers of pretokens: their ids, by their bytes. Fixed size, replaces instead of growing, hashed with
// a key of the process so that nobody can choose words that collide. Three tables by length:
//
//   words   1-16 bytes: 64-byte buckets of two entries. 91-99 % of all pretokens end here
//   medium  17-32 bytes: one entry a line, up to 7 ids; in source code a few per cent, most of them indentation
//   wide    33-126 bytes, and medium ones of more ids: 256-byte entries with the whole bytes, up to 32 ids
//
// Keys of words are their bytes, padded with zeros to 16, without a length: a word that ends in NUL would be taken for a
// shorter one and is never stored. The key of zeros stands for "not in any bucket", the key of ones for "empty" (0xFF is
// in no UTF-8). Seeded with the vocabulary in rank order: without it the first megabytes run at half speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "base/hash.hpp"
#include "base/memory.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// Two entries and nothing else: ids of the first, both keys side by side, ids of the second; one load brings the keys and
// the answer is 16 bytes before or 16 bytes behind them. Ids are 24 bits; the top byte of the fourth is their number.
struct alignas(kCacheLineBytes) Bucket {
    std::uint32_t first_ids[4];
    Key16 keys[2];
    std::uint32_t second_ids[4];
};
static_assert(sizeof(Bucket) == kCacheLineBytes);

inline constexpr std::uint32_t kIdsPerWord = 4;
inline constexpr std::uint32_t kIdBits = 24;
inline constexpr std::uint32_t kIdMask = (1u << kIdBits) - 1;

// The first 16 and the last 16 bytes, which overlap below 32: with the length they are the whole, and compare as four words.
inline constexpr std::uint32_t kMaxMediumBytes = 32;
struct MediumKey {
    Key16 first, last;
    bool operator==(const MediumKey&) const = default;
};
inline MediumKey medium_key(const std::uint8_t* bytes, std::uint32_t length) noexcept {
    MediumKey key;
    std::memcpy(&key.first, bytes, sizeof key.first);
    std::memcpy(&key.last, bytes + length - sizeof key.last, sizeof key.last);
    return key;
}

inline constexpr std::uint32_t kIdsPerMedium = 7;
struct alignas(kCacheLineBytes) MediumEntry {
    MediumKey key;
    std::uint32_t ids[kIdsPerMedium];
    std::uint16_t length;  // 0: empty
    std::uint16_t id_count;
};
static_assert(sizeof(MediumEntry) == kCacheLineBytes);

inline constexpr std::uint32_t kMaxWideBytes = 126;
inline constexpr std::uint32_t kIdsPerWide = 32;
struct alignas(kCacheLineBytes) WideEntry {
    std::uint8_t bytes[kMaxWideBytes];
    std::uint8_t length;  // 0: empty
    std::uint8_t id_count;
    std::uint32_t ids[kIdsPerWide];
};
static_assert(sizeof(WideEntry) == 4 * kCacheLineBytes);

// How a tier hashes word keys to a bucket: the byte offset of the bucket, i.e. hash & mask where mask is a multiple of 64.
// The table is seeded and filled with the same function that the tier's probe uses.
using BucketOffset = std::uint32_t (*)(Key16 key, const HashKey& hash_key, std::uint32_t mask);

// How much there is room for; all powers of two. Ids do not depend on it: that is what the small sizes, and none at all, are there to test.
struct TableSizes {
    std::size_t word_bytes;             // at least 64
    std::uint32_t medium_pairs = 8192;  // 1 MiB
    std::uint32_t wide_pairs = 2048;    // 1 MiB
    bool remembers = true;              // else the tables stay empty
};

class WordTable {
public:
    // All tables start empty; call seed().
    WordTable(const TableSizes& sizes, BucketOffset bucket_offset);

    // Puts every token that is reachable and short enough where there is room, lowest ranks first, with those ids, by symbol.
    void seed(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, std::span<const std::uint32_t> ids);

    std::uint8_t* buckets() noexcept { return buckets_; }
    std::uint32_t mask() const noexcept { return mask_; }
    const HashKey& hash_key() const noexcept { return hash_key_; }
    bool remembers() const noexcept { return sizes_.remembers; }

    // A word goes to the first place of its bucket, the first moves to the second, the second is forgotten.
    void insert(std::uint32_t bucket_offset, Key16 key, const std::uint32_t* ids, std::uint32_t id_count) noexcept;

    // Where a medium piece may be: at this index or the next. Adding one makes the first entry of the pair the second.
    std::uint32_t medium_index(const MediumKey& key, std::uint32_t length) const noexcept {
        const std::uint64_t a = mix(key.first.low ^ hash_key_.words[0], key.first.high ^ hash_key_.words[1]);
        const std::uint64_t b = mix(key.last.low ^ hash_key_.words[2], key.last.high ^ hash_key_.words[3]);
        return static_cast<std::uint32_t>(mix(a ^ length, b ^ hash_key_.words[1]) & (sizes_.medium_pairs - 1)) * 2;
    }
    const MediumEntry* medium(std::uint32_t index) const noexcept { return &medium_[index]; }
    MediumEntry& add_medium(std::uint32_t index) noexcept {
        medium_[index + 1] = medium_[index];
        return medium_[index];
    }
    // The same for wide pieces.
    std::uint32_t wide_index(const std::uint8_t* bytes, std::uint32_t length) const noexcept {
        return static_cast<std::uint32_t>(hash_bytes(bytes, length, hash_key_) & (sizes_.wide_pairs - 1)) * 2;
    }
    const WideEntry* wide(std::uint32_t index) const noexcept { return &wide_[index]; }
    WideEntry& add_wide(std::uint32_t index) noexcept {
        wide_[index + 1] = wide_[index];
        return wide_[index];
    }

    std::size_t byte_size() const noexcept;

private:
    struct Free {
        void operator()(void* memory) const noexcept;
    };

    TableSizes sizes_;
    HashKey hash_key_;
    BucketOffset bucket_offset_;
    std::uint32_t mask_;
    std::unique_ptr<void, Free> memory_;  // of all three tables
    std::uint8_t* buckets_;
    MediumEntry* medium_;
    WideEntry* wide_;
};

}  // namespace tokmill::tokens
