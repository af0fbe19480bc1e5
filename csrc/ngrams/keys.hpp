// An n-gram as one number: its ids, oldest first, each in as many bits as the largest id takes, so that numbers compare as the
// sequences of ids do. One to three 64-bit words hold up to eight ids of 24 bits; the first word is the most significant.
// Here stand the packing and the sort: a radix sort from the lowest digit up that skips the bits in which all keys agree.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace tokmill::ngrams {

inline constexpr std::size_t kMaxOrder = 8;
inline constexpr std::size_t kMaxWords = 3;
inline constexpr std::uint32_t kMaxIdEnd = std::uint32_t(1) << 24;  // ids are below, in every vocabulary

constexpr std::size_t key_words(std::size_t order, unsigned id_bits) noexcept { return (order * id_bits + 63) / 64; }

template <std::size_t Words>
struct Key {
    std::array<std::uint64_t, Words> words;
    auto operator<=>(const Key&) const = default;
};

// Packs the ids of one order. Pushing an id drops the oldest: with 4 bits an id and order 2, 0x12 and then 3 gives 0x23.
template <std::size_t Words>
class Packer {
public:
    Packer(std::size_t order, unsigned id_bits) noexcept : order_(order), id_bits_(id_bits) {
        for (std::size_t i = 0; i < Words; ++i) {
            const std::size_t below = 64 * (Words - 1 - i);
            const std::size_t bits = order * id_bits > below ? std::min<std::size_t>(64, order * id_bits - below) : 0;
            mask_.words[i] = bits == 64 ? ~std::uint64_t(0) : (std::uint64_t(1) << bits) - 1;
        }
    }

    void push(Key<Words>& key, std::uint32_t id) const noexcept {
        for (std::size_t i = 0; i + 1 < Words; ++i)
            key.words[i] = ((key.words[i] << id_bits_) | (key.words[i + 1] >> (64 - id_bits_))) & mask_.words[i];
        key.words[Words - 1] = ((key.words[Words - 1] << id_bits_) | id) & mask_.words[Words - 1];
    }
    Key<Words> pack(const std::uint32_t* ids) const noexcept {
        Key<Words> key{};
        for (std::size_t i = 0; i < order_; ++i) push(key, ids[i]);
        return key;
    }
    void unpack(const Key<Words>& key, std::uint32_t* ids) const noexcept {
        const std::uint64_t one_id = (std::uint64_t(1) << id_bits_) - 1;
        for (std::size_t i = 0; i < order_; ++i) {
            const std::size_t low = (order_ - 1 - i) * id_bits_;
            const std::size_t word = Words - 1 - low / 64, shift = low % 64;
            std::uint64_t value = key.words[word] >> shift;
            if constexpr (Words > 1)
                if (shift + id_bits_ > 64) value |= key.words[word - 1] << (64 - shift);
            ids[i] = static_cast<std::uint32_t>(value & one_id);
        }
    }

private:
    std::size_t order_;
    unsigned id_bits_;
    Key<Words> mask_{};
};

template <std::size_t Words>
const Key<Words>& key_of(const Key<Words>& key) noexcept {
    return key;
}

// Digits of at most 11 bits: 2048 counters of 4 bytes are a quarter of the smallest first-level cache that is common.
inline constexpr int kMaxDigitBits = 11;
// Fewer records than this are sorted by comparison: the counters of one digit would cost more.
inline constexpr std::size_t kFewRecords = 192;

// Sorts by key_of(record). `spare` is as large as `records`; the sorted records stand in the one that is returned.
template <class Record>
Record* sort_by_key(Record* records, Record* spare, std::size_t count) {
    const auto less = [](const Record& a, const Record& b) { return key_of(a) < key_of(b); };
    if (count < kFewRecords) {
        std::sort(records, records + count, less);
        return records;
    }
    auto differing = key_of(records[0]);
    const auto first = differing;
    differing.words.fill(0);
    for (std::size_t i = 1; i < count; ++i)
        for (std::size_t w = 0; w < first.words.size(); ++w) differing.words[w] |= key_of(records[i]).words[w] ^ first.words[w];
    std::array<std::uint32_t, std::size_t(1) << kMaxDigitBits> ends;
    for (std::size_t w = first.words.size(); w-- != 0;) {
        if (differing.words[w] == 0) continue;
        int low = std::countr_zero(differing.words[w]);
        const int high = std::bit_width(differing.words[w]);
        const int passes = (high - low + kMaxDigitBits - 1) / kMaxDigitBits;
        const int digit_bits = (high - low + passes - 1) / passes;
        const std::uint64_t mask = (std::uint64_t(1) << digit_bits) - 1;
        for (; low < high; low += digit_bits) {
            std::fill_n(ends.begin(), mask + 1, 0U);
            for (std::size_t i = 0; i < count; ++i) ++ends[(key_of(records[i]).words[w] >> low) & mask];
            std::uint32_t begin = 0;
            for (std::size_t digit = 0; digit <= mask; ++digit) {
                const std::uint32_t size = ends[digit];
                ends[digit] = begin;
                begin += size;
            }
            for (std::size_t i = 0; i < count; ++i) spare[ends[(key_of(records[i]).words[w] >> low) & mask]++] = records[i];
            std::swap(records, spare);
        }
    }
    return records;
}

}  // namespace tokmill::ngrams
