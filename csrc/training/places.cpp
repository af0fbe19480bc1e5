// Cutting lists of regions, and keeping what is given back.
#include "training/places.hpp"

#include <bit>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::training {

Places::List Places::make(std::uint32_t count) {
    const std::size_t slot_count = std::size_t(count) + 1;
    List list;
    if (slot_count > kChunkSlots) {
        list = new_chunk(slot_count);
    } else if (slot_count < kRegionSlots && short_[slot_count] != kNone) {
        list = short_[slot_count];
        short_[slot_count] = *slot(list);
    } else {
        const auto wanted = static_cast<std::uint32_t>(slot_count);
        if (end_ - begin_ < wanted) find_region(wanted);
        list = begin_;
        begin_ += wanted;
    }
    *slot(list) = count;
    return list;
}

void Places::give_back(List list) noexcept {
    const std::size_t slot_count = std::size_t(*slot(list)) + 1;
    if (slot_count > kChunkSlots) {
        chunks_[list >> kChunkBits] = Buffer<Slot>();
        empty_chunks_.push_back(list >> kChunkBits);
    } else {
        keep(list, static_cast<std::uint32_t>(slot_count));
    }
}

Places::List Places::new_chunk(std::size_t slot_count) {
    Buffer<Slot> chunk(slot_count);
    if (!empty_chunks_.empty()) {
        const std::uint32_t number = empty_chunks_.back();
        empty_chunks_.pop_back();
        chunks_[number] = std::move(chunk);
        return number << kChunkBits;
    }
    if (chunks_.size() >> (32 - kChunkBits) != 0)
        throw Error(ErrorKind::value, "more than 2^32 places of pairs; prune rare words, or train on less text");
    chunks_.push_back(std::move(chunk));
    empty_chunks_.reserve(chunks_.size());  // giving back may not fail
    return static_cast<List>(chunks_.size() - 1) << kChunkBits;
}

// Makes [begin_, end_) a region of so many slots or more, and keeps what it was.
void Places::find_region(std::uint32_t slot_count) {
    const List left = begin_, left_end = end_;
    begin_ = end_ = 0;
    if (left != left_end) keep(left, left_end - left);
    for (auto bits = static_cast<std::size_t>(std::bit_width(slot_count - 1)); bits < regions_.size(); ++bits) {
        if (regions_[bits] == kNone) continue;
        begin_ = regions_[bits];
        regions_[bits] = slot(begin_)[0];
        end_ = begin_ + slot(begin_)[1];
        return;
    }
    begin_ = new_chunk(kChunkSlots);
    end_ = begin_ + kChunkSlots;
}

void Places::keep(List begin, std::uint32_t slot_count) noexcept {
    List& head = slot_count < kRegionSlots ? short_[slot_count] : regions_[static_cast<std::size_t>(std::bit_width(slot_count)) - 1];
    if (slot_count >= kRegionSlots) slot(begin)[1] = slot_count;
    *slot(begin) = std::exchange(head, begin);
}

}  // namespace tokmill::training
