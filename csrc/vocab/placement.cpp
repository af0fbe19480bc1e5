// Buckets are placed in the order of falling size, each with the first displacement for which all of its keys fall on free slots
// (Belazzougui, Botelho and Dietzfelbinger, "Hash, displace, and compress", 2009). Deterministic: the same pairs give the same placement.
#include "vocab/placement.hpp"

#include <algorithm>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::vocab {

namespace {

constexpr std::uint32_t kMaxBucketKeys = 64;      // 8 on average at most; more than this is a hash that does not fit the keys
constexpr std::size_t kBucketsBetweenPolls = 32;  // the last ones try thousands of displacements each

}  // namespace

Placement find_placement(std::span<const std::uint64_t> entries, Cancel& cancel) {
    const std::size_t count = entries.size();
    const std::size_t slot_count = slot_count_for(count), bucket_count = bucket_count_for(count);
    std::vector<std::uint32_t> hashes(count);            // slot hashes of all entries, grouped by bucket
    std::vector<std::uint32_t> begin(bucket_count + 1);  // bucket b: hashes[begin[b], begin[b + 1])
    std::vector<std::uint32_t> order(bucket_count), size_begin(kMaxBucketKeys + 2);
    std::vector<std::uint64_t> taken(slot_count / 64);  // one bit a slot: stays in the first-level cache
    std::vector<std::uint16_t> displacements(bucket_count);
    PairTable table;

    const auto group = [&] {
        std::fill(begin.begin(), begin.end(), 0);
        for (const std::uint64_t entry : entries) ++begin[table.bucket(PairTable::left(entry), PairTable::right(entry))];
        std::fill(size_begin.begin(), size_begin.end(), 0);
        std::uint32_t sum = 0;
        for (std::size_t b = 0; b < bucket_count; ++b) {
            const std::uint32_t size = begin[b];
            if (size > kMaxBucketKeys) return false;
            ++size_begin[size];
            begin[b] = sum += size;
        }
        begin[bucket_count] = sum;
        for (std::uint32_t size = kMaxBucketKeys, at = 0; size <= kMaxBucketKeys; --size) at += std::exchange(size_begin[size], at);
        for (std::size_t i = count; i-- != 0;) {
            const Symbol left = PairTable::left(entries[i]), right = PairTable::right(entries[i]);
            hashes[--begin[table.bucket(left, right)]] = left * table.slot_left + right * table.slot_right;
        }
        for (std::size_t b = 0; b < bucket_count; ++b) order[size_begin[begin[b + 1] - begin[b]]++] = static_cast<std::uint32_t>(b);
        return true;
    };
    const auto displace = [&] {
        std::fill(taken.begin(), taken.end(), 0);
        std::fill(displacements.begin(), displacements.end(), std::uint16_t(0));
        std::uint32_t places[kMaxBucketKeys];
        std::size_t turn = 0;
        for (const std::uint32_t b : order) {
            if (++turn % kBucketsBetweenPolls == 0) cancel.poll();
            const std::uint32_t* keys = hashes.data() + begin[b];
            const std::uint32_t size = begin[b + 1] - begin[b];
            const auto fits = [&](std::uint32_t displacement) {
                for (std::uint32_t i = 0; i < size; ++i) {
                    const std::uint32_t place = table.displaced(keys[i], displacement);
                    if ((taken[place / 64] >> (place % 64) & 1) != 0) return false;
                    for (std::uint32_t j = 0; j < i; ++j)
                        if (places[j] == place) return false;
                    places[i] = place;
                }
                return true;
            };
            // Shifts change faster than the bits to xor: two keys that agree under one shift differ under the next.
            constexpr std::uint32_t kDisplacements = 1u << PairTable::kDisplacementBits,
                                    kShiftBits = PairTable::kDisplacementBits - PairTable::kShiftAt;
            const auto displacement = [](std::uint32_t attempt) {
                return (attempt << PairTable::kShiftAt | attempt >> kShiftBits) & (kDisplacements - 1);
            };
            std::uint32_t attempt = 0;
            while (attempt < kDisplacements && !fits(displacement(attempt))) ++attempt;
            if (attempt == kDisplacements) return false;
            displacements[b] = static_cast<std::uint16_t>(displacement(attempt));
            for (std::uint32_t i = 0; i < size; ++i) taken[places[i] / 64] |= std::uint64_t(1) << (places[i] % 64);
        }
        return true;
    };

    for (int seed = 0;; ++seed) {
        if (seed == kSeedsTried)
            throw Error(ErrorKind::vocabulary, "the merges collide under every hash that was tried; the file looks made for that");
        std::array<std::uint32_t, 4> multipliers{};
        for (std::uint64_t i = 0; i < 4; ++i)
            multipliers[i] = static_cast<std::uint32_t>(mixed(4 * static_cast<std::uint64_t>(seed) + i) >> 32) | 1;
        table = pair_table(multipliers, displacements, slot_count);
        if (group() && displace()) return {multipliers, std::move(displacements)};
    }
}

}  // namespace tokmill::vocab
