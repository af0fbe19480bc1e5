// Which phrase a known phrase and one more id make: (node, id) -> node, the edges of a trie in one flat hash table. A node below
// the size of the base vocabulary is that id as a phrase of one; all others are given by the caller. Keys are hashed with a
// number of the process's own, so that nobody can choose ids that collide; what comes out never depends on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/memory.hpp"

namespace tokmill::condensed {

using Node = std::int32_t;
inline constexpr Node kNoNode = -1;

inline constexpr std::uint32_t kIdBits = 24;    // base ids are below 2^24 ...
inline constexpr std::uint32_t kNodeBits = 25;  // ... and so are nodes, doubled: there is room for 2^24 phrases beside them
inline constexpr Node kNodeLimit = Node(1) << kNodeBits;

std::uint64_t process_multiplier() noexcept;  // odd, drawn once a process

// Open addressing with linear probing, at most half full. A slot's key holds the epoch that wrote it, so that emptying the
// table means counting the epoch up:
//     epoch (15 bits) | node (25) | id (24)
// and one comparison tells a hit. Epoch 0 is never current: fresh memory is empty.
class PhraseTable {
public:
    // Room for `phrases` without growing.
    explicit PhraseTable(std::size_t phrases = 0) : multiplier_(process_multiplier()) { allocate(slots_for(phrases)); }
    PhraseTable(const PhraseTable& other) { *this = other; }
    PhraseTable& operator=(const PhraseTable& other) {
        if (this == &other) return *this;
        multiplier_ = other.multiplier_;
        shift_ = other.shift_;
        mask_ = other.mask_;
        epoch_ = other.epoch_;
        size_ = other.size_;
        keys_.reserve_discarding(mask_ + 1);
        nodes_.reserve_discarding(mask_ + 1);
        std::memcpy(keys_.data(), other.keys_.data(), (mask_ + 1) * sizeof(std::uint64_t));
        std::memcpy(nodes_.data(), other.nodes_.data(), (mask_ + 1) * sizeof(Node));
        return *this;
    }
    PhraseTable(PhraseTable&&) noexcept = default;
    PhraseTable& operator=(PhraseTable&&) noexcept = default;

    void clear() noexcept {
        size_ = 0;
        if (++epoch_ == kEpochEnd) {
            std::memset(keys_.data(), 0, (mask_ + 1) * sizeof(std::uint64_t));
            epoch_ = 1;
        }
    }

    // Where (node, id) is, or where it would be inserted.
    std::size_t slot_of(Node node, std::int32_t id) const noexcept {
        const std::uint64_t wanted = key(node, id);
        std::size_t slot = home(wanted);
        while (keys_[slot] != wanted && is_used(slot)) slot = (slot + 1) & mask_;
        return slot;
    }
    bool is_used(std::size_t slot) const noexcept { return keys_[slot] >> kEpochAt == epoch_; }
    Node node_at(std::size_t slot) const noexcept { return nodes_[slot]; }

    Node find(Node node, std::int32_t id) const noexcept {
        const std::size_t slot = slot_of(node, id);
        return is_used(slot) ? nodes_[slot] : kNoNode;
    }

    // Into a slot that slot_of() has just found free; invalidates slots.
    void insert_at(std::size_t slot, Node node, std::int32_t id, Node child) {
        keys_[slot] = key(node, id);
        nodes_[slot] = child;
        if (++size_ * 2 > mask_) grow();
    }
    void insert(Node node, std::int32_t id, Node child) { insert_at(slot_of(node, id), node, id, child); }

    // Takes out an edge that is there, and closes the gap so that every other is still found from its home slot.
    void erase(Node node, std::int32_t id) noexcept {
        std::size_t gap = slot_of(node, id);
        for (std::size_t slot = (gap + 1) & mask_; is_used(slot); slot = (slot + 1) & mask_) {
            // An entry may move back into the gap unless its home lies behind the gap, on the way to where it is.
            // Example with mask 7, gap 6: an entry in slot 1 with home 5 moves (5..1 passes 6), one with home 0 stays.
            if (((slot - home(keys_[slot])) & mask_) < ((slot - gap) & mask_)) continue;
            keys_[gap] = keys_[slot];
            nodes_[gap] = nodes_[slot];
            gap = slot;
        }
        keys_[gap] = 0;
        --size_;
    }

    std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::uint32_t kEpochAt = kIdBits + kNodeBits;
    static constexpr std::uint64_t kEpochEnd = std::uint64_t(1) << (64 - kEpochAt);
    static constexpr std::size_t kLeastSlots = 16;
    // A table of no more grows to four times its slots, not to two: a book of a thousand phrases is then moved a third as often.
    static constexpr std::size_t kFewSlots = 4096;

    static std::size_t slots_for(std::size_t phrases) noexcept {
        std::size_t slots = kLeastSlots;
        while (slots <= 2 * phrases) slots *= 2;
        return slots;
    }
    std::uint64_t key(Node node, std::int32_t id) const noexcept {
        return epoch_ << kEpochAt | static_cast<std::uint64_t>(node) << kIdBits | static_cast<std::uint64_t>(id);
    }
    // The product's upper bits depend on all bits of the key; the epoch is left out, or growing would have to know it.
    std::size_t home(std::uint64_t key) const noexcept {
        return static_cast<std::size_t>(((key & ((std::uint64_t(1) << kEpochAt) - 1)) * multiplier_) >> shift_);
    }

    void allocate(std::size_t slots) {
        keys_.reserve_discarding(slots);
        nodes_.reserve_discarding(slots);
        std::memset(keys_.data(), 0, slots * sizeof(std::uint64_t));
        mask_ = slots - 1;
        shift_ = 64;
        for (; slots > 1; slots /= 2) --shift_;
    }
    void grow() {
        PhraseTable larger(mask_ < kFewSlots ? 2 * size_ : size_);
        larger.epoch_ = epoch_;
        for (std::size_t slot = 0; slot <= mask_; ++slot) {
            if (!is_used(slot)) continue;
            std::size_t place = larger.home(keys_[slot]);
            while (larger.is_used(place)) place = (place + 1) & larger.mask_;
            larger.keys_[place] = keys_[slot];
            larger.nodes_[place] = nodes_[slot];
        }
        larger.size_ = size_;
        *this = std::move(larger);
    }

    Buffer<std::uint64_t> keys_;
    Buffer<Node> nodes_;
    std::size_t mask_ = 0;
    std::size_t size_ = 0;
    std::uint64_t epoch_ = 1;
    std::uint64_t multiplier_ = 0;
    std::uint32_t shift_ = 0;
};

}  // namespace tokmill::condensed
