// Counted sequences of symbols as merging rewrites them: in, symbols and how often they occur; out, the same with pairs joined in place.
//
// All lie back to back in slots of 32 bits: for each a header of two with its count, then a slot a symbol. A symbol that was made of
// others keeps their slots and is written into the first and the last of them, so that the symbols on both sides of a *border* (named by
// the first slot of the right one) are next to each other whatever they were made of, and joining them moves nothing. A slot also
// says how far it is from its header; so a place needs no more than the number of its border.
//
//   header | a  b  c  d  e     (b, c) joined into X and (d, e) into Y:     header | a  X  X  Y  Y
//                              (X, Y) joined into Z, . in slots inside:    header | a  Z  .  .  Z
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.hpp"

namespace tokmill::training {

class Sequences {
public:
    using Slot = std::uint32_t;
    static constexpr std::int32_t kSymbolEnd = (1 << 24) - 1;  // symbols are below

    void reserve(std::size_t sequence_count, std::size_t symbol_count);
    // A sequence of fewer than two symbols has no pairs and is left out. Error(value) if all are too many for 32-bit positions.
    void add(std::span<const std::int32_t> symbols, std::int64_t count);
    // After the last one, before anything below.
    void finish();

    std::size_t symbol_count() const noexcept { return symbol_count_; }

    std::int32_t left_of(Slot border) const noexcept { return symbol_at(border - 1); }
    std::int32_t right_of(Slot border) const noexcept { return symbol_at(border); }
    Slot header_of(Slot slot) const noexcept {
        const std::uint32_t distance = slots_[slot] >> kSymbolBits;
        return distance < kFar ? slot - distance : far_headers_[slot / kFarBlock];
    }
    std::int64_t count_at(Slot header) const noexcept {
        return static_cast<std::int64_t>(std::uint64_t(slots_[header] & ~kHeaderBit) << 32 | slots_[header + 1]);
    }
    static constexpr Slot first_of(Slot header) noexcept { return header + kHeaderSlots; }
    bool is_header(Slot slot) const noexcept { return (slots_[slot] & kHeaderBit) != 0; }

    // The symbols in [begin, border) and [border, end) become one.
    void join(Slot begin, Slot border, Slot end, std::int32_t made) noexcept {
        slots_[border - 1] |= kInside;
        slots_[border] |= kInside;
        slots_[begin] = (slots_[begin] & ~kInside) | static_cast<std::uint32_t>(made);
        slots_[end - 1] = (slots_[end - 1] & ~kInside) | static_cast<std::uint32_t>(made);
    }

    // Asks for the memory that joining at this border will touch: most sequences begin in the line before or in the same.
    void fetch(Slot border) const noexcept {
        __builtin_prefetch(slots_.data() + border, 1);
        __builtin_prefetch(slots_.data() + border - std::min<Slot>(border, kCacheLineBytes / sizeof(Slot)), 1);
    }

    // Calls visit(left, right, count, border) for every pair, while all symbols have one slot.
    template <class Visit>
    void visit_first_pairs(Visit&& visit) const {
        std::int64_t count = 0;
        for (Slot slot = 0; slot + 1 < slots_.size(); ++slot) {
            if (is_header(slot)) {
                count = count_at(slot);
                slot = first_of(slot);
            } else {
                visit(left_of(slot), right_of(slot), count, slot);
            }
        }
    }

    // Calls visit(symbol, count) for each symbol, given how many slots one has.
    template <class SlotsOf, class Visit>
    void visit_symbols(SlotsOf&& slots_of, Visit&& visit) const {
        std::int64_t count = 0;
        for (Slot at = 0; at + 1 < slots_.size();) {
            if (is_header(at)) {
                count = count_at(at);
                at = first_of(at);
            }
            visit(symbol_at(at), count);
            at += slots_of(symbol_at(at));
        }
    }

private:
    static constexpr std::uint32_t kSymbolBits = 24;
    static constexpr std::uint32_t kInside = (1u << kSymbolBits) - 1;  // as a symbol: a slot that is neither the first nor the last of one
    static constexpr std::uint32_t kHeaderBit = 1u << 31;
    static constexpr std::uint32_t kHeaderSlots = 2;
    // The distance to the header has seven bits; this one stands for all that do not fit. Such sequences begin at least as many slots apart
    // as a block has, so one header a block says it for all far slots of the block.
    static constexpr std::uint32_t kFar = 127;
    static constexpr std::uint32_t kFarBlock = 128;

    std::int32_t symbol_at(Slot slot) const noexcept { return static_cast<std::int32_t>(slots_[slot] & kInside); }

    std::vector<std::uint32_t> slots_;  // one more header at the end
    std::vector<Slot> long_headers_;    // of the sequences that have far slots
    std::vector<Slot> far_headers_;     // by block; empty if there are none
    std::size_t symbol_count_ = 0;
};

}  // namespace tokmill::training
