// A first look at which neighbours may mean something: 64 of them at a time, without a branch. Most neighbours in text are part of
// no phrase, and a processor that guesses at each of them guesses wrong too often (prose: 12 ns an id with a look-up each, 7 with masks).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "condensed/phrase_table.hpp"

namespace tokmill::condensed {

// A set of pairs that may hold a few more than were put in: a bit for each value of a hash.
class PairFilter {
public:
    static constexpr std::size_t kWidth = 64;

    // For so many pairs; 16 bits for each keep the others out, but for one in 16.
    explicit PairFilter(std::size_t pairs = 0)
        : multiplier_(process_multiplier()),
          shift_(64 - std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::bit_width(pairs)) + 4, kLeastBits, kMostBits)),
          words_(std::size_t(1) << (64 - shift_ - 6)) {}

    void add(std::int32_t left, std::int32_t right) noexcept {
        const std::uint64_t at = hash(left, right);
        words_[at >> 6] |= std::uint64_t(1) << (at & 63);
    }
    // Bit k: may ids k and k + 1 be a pair of the set? For count <= kWidth pairs; ids[0, count] are read.
    std::uint64_t mask(const std::int32_t* ids, std::size_t count) const noexcept {
        std::uint64_t bits = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const std::uint64_t at = hash(ids[k], ids[k + 1]);
            bits |= (words_[at >> 6] >> (at & 63) & 1) << k;
        }
        return bits;
    }

private:
    static constexpr std::uint32_t kLeastBits = 10, kMostBits = 20;  // 128 bytes to 128 KB, which the second cache holds

    std::uint64_t hash(std::int32_t left, std::int32_t right) const noexcept {
        return ((static_cast<std::uint64_t>(left) << kIdBits | static_cast<std::uint64_t>(right)) * multiplier_) >> shift_;
    }

    std::uint64_t multiplier_;
    std::uint32_t shift_;
    std::vector<std::uint64_t> words_;
};

}  // namespace tokmill::condensed
