// Hashing of words: their bytes as a key of two words, mixed with a secret of the process, so that nobody can choose words
// that collide.
#pragma once

#include <cstdint>
#include <cstring>

namespace tokmill {

struct Key16 {
    std::uint64_t low, high;
    bool operator==(const Key16&) const = default;
};

// The first `length` (1 to 16) bytes as a key; 16 bytes are readable.
inline Key16 word_key(const std::uint8_t* bytes, std::uint32_t length) noexcept {
    Key16 key;
    std::memcpy(&key, bytes, sizeof key);
    if (length < 8) {
        key.low &= (std::uint64_t(1) << (8 * length)) - 1;
        key.high = 0;
    } else if (length < 16) {
        key.high &= (std::uint64_t(1) << (8 * (length - 8))) - 1;
    }
    return key;
}

// The secret of the hashes: random, drawn once a process.
struct HashKey {
    std::uint64_t words[4];
};
const HashKey& process_hash_key();

// Mixes with 64x64->128-bit products; good enough for the scalar tier and for what is not in the inner loop.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using u128 = unsigned __int128;
    const u128 product = static_cast<u128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Bytes of any length; reads none beyond them.
std::uint64_t hash_bytes(const std::uint8_t* bytes, std::size_t length, const HashKey& key) noexcept;

}  // namespace tokmill
