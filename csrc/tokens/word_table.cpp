#include "tokens/word_table.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "pretokens/pretokens.hpp"

namespace tokmill::tokens {

namespace {

constexpr std::size_t kHugePageBytes = std::size_t(2) << 20;

// Huge pages spare some thousand page faults at the start; asked for before the first touch.
void* allocate_huge(std::size_t bytes) {
    void* memory = ::operator new(bytes, std::align_val_t(kHugePageBytes));
#if defined(__linux__)
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

}  // namespace

void WordTable::Free::operator()(void* memory) const noexcept { ::operator delete(memory, std::align_val_t(kHugePageBytes)); }

WordTable::WordTable(const TableSizes& sizes, BucketOffset bucket_offset)
    : sizes_(sizes),
      hash_key_(process_hash_key()),
      bucket_offset_(bucket_offset),
      mask_(static_cast<std::uint32_t>(sizes.word_bytes - sizeof(Bucket))),
      memory_(allocate_huge(byte_size())),
      buckets_(static_cast<std::uint8_t*>(memory_.get())),
      medium_(reinterpret_cast<MediumEntry*>(buckets_ + sizes.word_bytes)),
      wide_(reinterpret_cast<WideEntry*>(medium_ + 2 * std::size_t(sizes.medium_pairs))) {
    std::memset(buckets_, 0xFF, sizes.word_bytes);
    std::memset(buckets_ + sizes.word_bytes, 0, byte_size() - sizes.word_bytes);
}

void WordTable::seed(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, std::span<const std::uint32_t> ids) {
    if (!remembers()) return;
    // Hashes first, then the buckets of the next few tokens are fetched while this one is stored.
    struct Pending {
        Key16 key;
        std::uint32_t offset, id;
    };
    constexpr std::size_t kAhead = 16;
    Pending pending[kAhead];
    std::size_t filled = 0;
    const auto store = [&](const Pending& word) {
        Bucket& bucket = *reinterpret_cast<Bucket*>(buckets() + word.offset);
        constexpr Key16 kEmpty{~std::uint64_t(0), ~std::uint64_t(0)};
        for (int place = 0; place < 2; ++place) {
            if (bucket.keys[place] != kEmpty) continue;
            std::uint32_t* entry = place == 0 ? bucket.first_ids : bucket.second_ids;
            bucket.keys[place] = word.key;
            entry[0] = word.id;
            entry[1] = entry[2] = 0;
            entry[3] = 1u << kIdBits;
            return;
        }
    };
    auto next_unreachable = merges.unreachable().begin();
    // A key is read as 16 bytes, so the last tokens are copied to where there are as many.
    const std::string_view last = vocabulary.bytes(vocabulary.symbol_count() - 1);
    const char* const bytes_end = last.data() + last.size();
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) {
        if (next_unreachable != merges.unreachable().end() && *next_unreachable == symbol) {
            ++next_unreachable;
            continue;
        }
        const std::string_view token = vocabulary.bytes(symbol);
        // A special token of one byte is nothing but kSpecialMark: that byte, which no text holds, must not be found.
        if (static_cast<std::uint8_t>(token[0]) == pretokens::kSpecialMark) continue;
        if (token.size() > sizeof(Key16) || token.back() == 0 || ids[symbol] == vocab::kNoId) continue;
        std::uint8_t copy[sizeof(Key16)] = {};
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(token.data());
        if (static_cast<std::size_t>(bytes_end - token.data()) < sizeof copy) {
            std::memcpy(copy, bytes, token.size());
            bytes = copy;
        }
        const Key16 key = word_key(bytes, static_cast<std::uint32_t>(token.size()));
        const std::uint32_t offset = bucket_offset_(key, hash_key_, mask_);
        __builtin_prefetch(buckets() + offset, 1);
        Pending& slot = pending[filled % kAhead];
        if (filled >= kAhead) store(slot);
        slot = {key, offset, ids[symbol]};
        ++filled;
    }
    for (std::size_t i = filled < kAhead ? 0 : filled - kAhead; i < filled; ++i) store(pending[i % kAhead]);
}

void WordTable::insert(std::uint32_t bucket_offset, Key16 key, const std::uint32_t* ids, std::uint32_t id_count) noexcept {
    Bucket& bucket = *reinterpret_cast<Bucket*>(buckets() + bucket_offset);
    if (bucket.keys[0] == key || bucket.keys[1] == key) return;
    bucket.keys[1] = bucket.keys[0];
    std::memcpy(bucket.second_ids, bucket.first_ids, sizeof bucket.second_ids);
    bucket.keys[0] = key;
    for (std::uint32_t i = 0; i < kIdsPerWord; ++i) bucket.first_ids[i] = i < id_count ? ids[i] : 0;
    bucket.first_ids[3] |= id_count << kIdBits;
}

std::size_t WordTable::byte_size() const noexcept {
    return sizes_.word_bytes + 2 * (sizes_.medium_pairs * sizeof(MediumEntry) + sizes_.wide_pairs * sizeof(WideEntry));
}

}  // namespace tokmill::tokens
