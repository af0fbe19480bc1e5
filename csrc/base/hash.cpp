#include "base/hash.hpp"

#include <random>

#include "base/memory.hpp"

namespace tokmill {

const HashKey& process_hash_key() {
    static const HashKey key = [] {
        std::random_device device;
        HashKey fresh{};
        for (std::uint64_t& word : fresh.words) word = (std::uint64_t(device()) << 32 | device()) | 1;
        return fresh;
    }();
    return key;
}

std::uint64_t hash_bytes(const std::uint8_t* bytes, std::size_t length, const HashKey& key) noexcept {
    std::uint64_t h = key.words[0] ^ length;
    std::size_t i = 0;
    for (; i + 16 <= length; i += 16) h = mix(h ^ load<std::uint64_t>(bytes + i), key.words[1] ^ load<std::uint64_t>(bytes + i + 8));
    if (i < length) {
        std::uint8_t rest[16] = {};
        std::memcpy(rest, bytes + i, length - i);
        h = mix(h ^ load<std::uint64_t>(rest), key.words[1] ^ load<std::uint64_t>(rest + 8));
    }
    return mix(h ^ key.words[2], key.words[3]);
}

}  // namespace tokmill
