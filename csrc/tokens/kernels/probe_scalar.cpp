// The probe without vectors: the specification of the other tiers. A word of 17 bytes or more, an empty one and, in text
// with NUL, one that ends in NUL is a miss without a look.
#include "tokens/kernels/kernels.hpp"

namespace tokmill::tokens::scalar {

namespace {

std::uint32_t bucket_offset(Key16 key, const HashKey& hash_key, std::uint32_t mask) {
    const std::uint64_t h = mix(key.low ^ hash_key.words[0], key.high ^ hash_key.words[1]);
    return static_cast<std::uint32_t>(mix(h ^ hash_key.words[2], hash_key.words[3])) & mask;
}

template <bool kWriteIds>
ProbeResult probe_words(WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count, bool nul,
                        std::uint32_t* ids, Miss* misses) {
    ProbeResult result{0, 0};
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t start = starts[i];
        const std::uint32_t length = starts[i + 1] - start;
        std::uint32_t offset = 0;
        if (length >= 1 && length <= 16 && !(nul && text[start + length - 1] == 0)) {
            const Key16 key = word_key(text + start, length);
            offset = bucket_offset(key, table.hash_key(), table.mask());
            const Bucket& bucket = *reinterpret_cast<const Bucket*>(table.buckets() + offset);
            const std::uint32_t* found = bucket.keys[0] == key ? bucket.first_ids : bucket.keys[1] == key ? bucket.second_ids : nullptr;
            if (found != nullptr) {
                if constexpr (kWriteIds)
                    for (std::uint32_t k = 0; k < kIdsPerWord; ++k) ids[result.id_count + k] = found[k] & kIdMask;
                result.id_count += found[3] >> kIdBits;
                continue;
            }
        }
        misses[result.miss_count++] = {start, length, result.id_count, offset};
    }
    return result;
}

ProbeResult probe(WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count, bool nul,
                  std::uint32_t* ids, Miss* misses) {
    return probe_words<true>(table, text, starts, count, nul, ids, misses);
}

ProbeResult probe_count(WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count, bool nul,
                        Miss* misses) {
    return probe_words<false>(table, text, starts, count, nul, nullptr, misses);
}

}  // namespace

const ProbeKernels kProbeKernels{bucket_offset, probe, probe_count};

}  // namespace tokmill::tokens::scalar
