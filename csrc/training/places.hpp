// Memory for the lists of places of pairs: a million at a time, two thirds of them of one place or two, made and given back by every merge.
//
// A list is its length and its places, side by side in chunks of slots that never move, and is named by a number of 32 bits. Short ones
// that were given back wait by their size for one of the same. Longer ones become regions of which lists of any size are cut, and so does
// a new chunk when no region is large enough.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.hpp"

namespace tokmill::training {

class Places {
public:
    using Slot = std::uint32_t;
    using List = std::uint32_t;

    // Room for so many places, to be written by the caller. Error(value) if all lists are more than 2^32 slots.
    List make(std::uint32_t count);
    std::span<Slot> operator[](List list) noexcept {
        Slot* const at = slot(list);
        return {at + 1, at[0]};
    }
    void give_back(List list) noexcept;

private:
    static constexpr std::uint32_t kChunkBits = 18;  // 1 MiB: what is left at its end and never written costs nothing
    static constexpr std::uint32_t kChunkSlots = 1u << kChunkBits;
    static constexpr std::uint32_t kRegionSlots = 64;  // shorter ones wait by their size
    static constexpr List kNone = ~List(0);            // the last slot of all, which is too short for a list

    Slot* slot(List list) noexcept { return chunks_[list >> kChunkBits].data() + (list & (kChunkSlots - 1)); }
    List new_chunk(std::size_t slot_count);
    void find_region(std::uint32_t slot_count);
    void keep(List begin, std::uint32_t slot_count) noexcept;

    std::vector<Buffer<Slot>> chunks_;
    std::vector<std::uint32_t> empty_chunks_;  // numbers of chunks that held one long list alone
    // Heads of chains: the first slot of what waits names the next one, the second slot of a region is its size.
    std::array<List, kRegionSlots> short_ = filled<kRegionSlots>();
    std::array<List, kChunkBits + 1> regions_ = filled<kChunkBits + 1>();  // [b]: of 2^b to 2^(b + 1) - 1 slots
    List begin_ = 0, end_ = 0;                                             // of the region that lists are cut of

    template <std::size_t kCount>
    static constexpr std::array<List, kCount> filled() {
        std::array<List, kCount> heads;
        heads.fill(kNone);
        return heads;
    }
};

}  // namespace tokmill::training
