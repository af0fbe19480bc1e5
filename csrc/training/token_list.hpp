// Tokens numbered in the order in which they come, and found again by their bytes: an open-addressing table of hashes and numbers beside
// the list. A merge asks once whether its token is there already, which nearly none is: that takes one wait for memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.hpp"

namespace tokmill::training {

class TokenList {
public:
    explicit TokenList(std::size_t expected) : slots_(std::bit_ceil(2 * expected + 2)) { tokens_.reserve(expected); }

    // A token with the next number, whatever its bytes. It is found by them if they are its own and not those of an earlier one.
    void push(std::string token) {
        if (token.empty()) {
            tokens_.emplace_back();
        } else if (Slot& slot = find(token); slot.number_after == 0) {
            add(slot, std::move(token));
        } else {
            tokens_.push_back(std::move(token));
        }
    }

    struct Found {
        std::int32_t number;
        bool is_new;
    };
    // The number of the token with these bytes; if there is none, it is added.
    Found find_or_push(std::string token) {
        Slot& slot = find(token);
        if (slot.number_after != 0) return {static_cast<std::int32_t>(slot.number_after - 1), false};
        const auto number = static_cast<std::int32_t>(tokens_.size());
        add(slot, std::move(token));
        return {number, true};
    }

    std::size_t size() const noexcept { return tokens_.size(); }
    const std::string& operator[](std::int32_t number) const noexcept { return tokens_[static_cast<std::size_t>(number)]; }
    std::vector<std::string> take() && { return std::move(tokens_); }

private:
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t number_after = 0;  // the token's number + 1; 0: empty
    };
    std::uint32_t hash_of(const std::string& token) const noexcept {
        return static_cast<std::uint32_t>(hash_bytes(reinterpret_cast<const std::uint8_t*>(token.data()), token.size(), hash_key_));
    }
    // Where the token is, or else would be.
    Slot& find(const std::string& token) {
        const std::uint32_t hash = hash_of(token);
        for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
            Slot& slot = slots_[at];
            if (slot.number_after == 0) {
                slot.hash = hash;
                return slot;
            }
            if (slot.hash == hash && tokens_[slot.number_after - 1] == token) return slot;
        }
    }
    void add(Slot& slot, std::string token) {
        tokens_.push_back(std::move(token));
        slot.number_after = static_cast<std::uint32_t>(tokens_.size());
        if (++found_count_ * 2 > slots_.size()) grow();
    }
    void grow() {
        std::vector<Slot> grown(2 * slots_.size());
        for (const Slot& slot : slots_) {
            if (slot.number_after == 0) continue;
            std::size_t at = slot.hash & (grown.size() - 1);
            while (grown[at].number_after != 0) at = (at + 1) & (grown.size() - 1);
            grown[at] = slot;
        }
        slots_ = std::move(grown);
    }

    HashKey hash_key_ = process_hash_key();
    std::vector<Slot> slots_;
    std::size_t found_count_ = 0;
    std::vector<std::string> tokens_;
};

}  // namespace tokmill::training
