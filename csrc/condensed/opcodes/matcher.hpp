// Where ids that come next have stood before: chains of places that begin with the same few ids. How many places are looked at is
// bounded, so a text that is made to be slow is not slower than others, and what is found is a function of the ids alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/memory.hpp"

namespace tokmill::condensed {

struct Match {
    std::size_t offset = 0;
    std::size_t length = 0;
};

// How many ids of both are the same from the first on.
std::size_t common_length(const std::int32_t* a, const std::int32_t* b, std::size_t most) noexcept;

class Matcher {
public:
    // Places of `least` ids in a window. Places are counted in 32 bits, from `first_place` on.
    Matcher(std::size_t window, std::size_t least, std::uint32_t first_place = 1);
    Matcher(const Matcher& other) { *this = other; }
    Matcher& operator=(const Matcher& other);

    // What came before is out of reach.
    void forget() noexcept { reach_ = 0; }
    // `ids` go on behind those that were passed: `count` more, of which `least` are readable beyond the last one that is passed before
    // the next find().
    void pass(std::size_t count) noexcept {
        place_ += static_cast<std::uint32_t>(count);
        reach_ += count;
    }
    // The longest match of up to `most` ids (at least `least`); the nearest of equal ones. `ids` points to the next id, with all that
    // are in reach before it.
    Match find(const std::int32_t* ids, std::size_t most) noexcept;

private:
    static constexpr int kMaxPlaces = 12;  // that are looked at: see DESIGN.md

    std::size_t hash(const std::int32_t* ids) const noexcept {
        std::uint64_t mixed = 0;
        for (std::size_t i = 0; i < least_; ++i) mixed = (mixed + static_cast<std::uint32_t>(ids[i])) * 0x9E3779B97F4A7C15u;
        return static_cast<std::size_t>(mixed >> shift_);
    }
    void insert(const std::int32_t* ids, std::uint32_t place) noexcept {
        std::uint32_t& first = first_[hash(ids)];
        before_[place & mask_] = first;
        first = place;
    }
    void rebase() noexcept;

    std::size_t window_;
    std::size_t least_;
    std::size_t reach_ = 0;   // ids that a match may begin at
    std::uint32_t place_;     // of the next id
    std::uint32_t inserted_;  // places before it are in the chains, if they are in reach
    std::uint32_t shift_ = 0;
    std::uint32_t mask_ = 0;
    Buffer<std::uint32_t> first_;   // by hash: the last place
    Buffer<std::uint32_t> before_;  // by place: the one before with the same hash
};

}  // namespace tokmill::condensed
