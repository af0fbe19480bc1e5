// Where each pair of a vocabulary lies in its perfect hash (see PairTable). In: the pairs as entries. Out: multipliers and displacements
// under which no two of them share a slot.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vocab/vocab.hpp"

namespace tokmill::vocab {

inline constexpr std::uint32_t kMinBucketBits = 4, kMinSlots = 256;
inline constexpr int kSeedsTried = 64;

// splitmix64 (Steele, Lea and Flood, 2014): a stream of well mixed numbers out of a counter.
inline std::uint64_t mixed(std::uint64_t counter) {
    std::uint64_t z = (counter + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

inline std::size_t slot_count_for(std::size_t pair_count) {
    return std::bit_ceil(std::max<std::size_t>(pair_count + pair_count / 4, kMinSlots));
}

inline std::size_t bucket_count_for(std::size_t pair_count) {
    return std::size_t(1) << std::max<std::uint32_t>(kMinBucketBits, static_cast<std::uint32_t>(std::bit_width(pair_count / 8)));
}

// The table without its slots; both counts are powers of two.
inline PairTable pair_table(const std::array<std::uint32_t, 4>& multipliers, std::span<const std::uint16_t> displacements,
                            std::size_t slot_count) {
    PairTable table;
    table.displacements = displacements.data();
    table.bucket_left = multipliers[0];
    table.bucket_right = multipliers[1];
    table.slot_left = multipliers[2];
    table.slot_right = multipliers[3];
    table.bucket_shift = 32 - static_cast<std::uint32_t>(std::countr_zero(displacements.size()));
    table.slot_mask = static_cast<std::uint32_t>(slot_count - 1);
    return table;
}

inline PairTable pair_table(const std::array<std::uint32_t, 4>& multipliers, std::span<const std::uint16_t> displacements,
                            std::span<const std::uint64_t> slots) {
    PairTable table = pair_table(multipliers, displacements, slots.size());
    table.slots = slots.data();
    return table;
}

// Error(vocabulary) if the pairs collide under every hash that is tried.
Placement find_placement(std::span<const std::uint64_t> entries, Cancel& cancel);

}  // namespace tokmill::vocab
