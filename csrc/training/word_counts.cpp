#include "training/word_counts.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kFirstShortSlots = std::size_t(1) << 12;
constexpr std::size_t kFirstLongSlots = std::size_t(1) << 8;
// Hashes are computed for this many words at once, and their slots fetched, before the first of them is looked at: the table
// of a large text lies in memory, 120-150 ns away.
constexpr std::size_t kBatch = 32;

}  // namespace

WordCounts::WordCounts() : hash_key_(process_hash_key()), short_slots_(kFirstShortSlots), long_slots_(kFirstLongSlots, kNoWord) {}

std::size_t WordCounts::byte_size() const noexcept {
    return short_slots_.capacity() * sizeof(ShortSlot) + long_words_.capacity() * sizeof(LongWord) +
           long_slots_.capacity() * sizeof(std::uint32_t) + arena_.capacity();
}

std::size_t WordCounts::byte_size_with(const Extent& more) const noexcept {
    std::size_t bytes = byte_size();
    // Both grow by doubling once they are half full; whoever grows holds what it had as well.
    const auto slots = [&](std::size_t now, std::size_t words, std::size_t slot_bytes) {
        const std::size_t wanted = std::bit_ceil(2 * words);
        if (wanted > now) bytes += wanted * slot_bytes + (wanted / 2 - now) * slot_bytes;
    };
    const auto array = [&](std::size_t now, std::size_t wanted, std::size_t element_bytes) {
        if (wanted > now) bytes += std::max(wanted, 2 * now) * element_bytes;
    };
    slots(short_slots_.size(), short_count_ + more.short_words, sizeof(ShortSlot));
    slots(long_slots_.size(), long_words_.size() + more.long_words, sizeof(std::uint32_t));
    array(long_words_.capacity(), long_words_.size() + more.long_words, sizeof(LongWord));
    array(arena_.capacity(), arena_.size() + more.long_bytes, 1);
    return bytes;
}

std::string_view WordCounts::word_of(const ShortSlot& slot) noexcept {
    const auto* bytes = reinterpret_cast<const char*>(&slot.key);
    const std::size_t zeros = slot.key.high != 0 ? std::countl_zero(slot.key.high) / 8 : 8 + std::countl_zero(slot.key.low) / 8;
    return {bytes, kMaxShortBytes - zeros};
}

std::uint64_t WordCounts::short_hash(Key16 key) const noexcept { return mix(key.low ^ hash_key_.words[0], key.high ^ hash_key_.words[1]); }

void WordCounts::add_to(std::int64_t& sum, std::int64_t count) {
    std::int64_t more_total = 0;
    if (__builtin_add_overflow(total_, count, &more_total))
        throw Error(ErrorKind::value, "the counts of all words add up to more than 2^63 - 1; use smaller weights");
    total_ = more_total;
    sum += count;  // never more than the total
}

void WordCounts::add_all(const std::uint8_t* text, const std::uint32_t* starts, std::size_t word_count, std::int64_t count) {
    std::array<Key16, kBatch> keys;
    std::array<std::uint64_t, kBatch> hashes;
    for (std::size_t first = 0; first < word_count; first += kBatch) {
        const std::size_t batch = std::min(kBatch, word_count - first);
        for (std::size_t i = 0; i < batch; ++i) {
            const std::uint32_t start = starts[first + i];
            keys[i] = word_key(text + start, std::min(starts[first + i + 1] - start, kMaxShortBytes));
            hashes[i] = short_hash(keys[i]);
            __builtin_prefetch(&short_slots_[hashes[i] & (short_slots_.size() - 1)], 1);
        }
        for (std::size_t i = 0; i < batch; ++i) {
            const std::uint32_t start = starts[first + i];
            const std::uint32_t length = starts[first + i + 1] - start;
            if (length == 0) continue;  // the end of a document
            if (length <= kMaxShortBytes && text[start + length - 1] != 0) {
                add_short(keys[i], hashes[i], count);
            } else {
                add_long(text + start, length, count);
            }
        }
    }
}

void WordCounts::add(std::string_view word, std::int64_t count) {
    if (word.empty()) return;
    if (word.size() > kMaxShortBytes || word.back() == 0) {
        if (word.size() >= kNoWord) throw Error(ErrorKind::value, "a word of 4 GiB or more");
        add_long(reinterpret_cast<const std::uint8_t*>(word.data()), static_cast<std::uint32_t>(word.size()), count);
        return;
    }
    Key16 key{0, 0};
    std::memcpy(&key, word.data(), word.size());
    add_short(key, short_hash(key), count);
}

void WordCounts::add(const WordCounts& others) {
    constexpr std::size_t kAhead = 16;
    const std::vector<ShortSlot>& slots = others.short_slots_;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (i + kAhead < slots.size() && slots[i + kAhead].count != 0)
            __builtin_prefetch(&short_slots_[short_hash(slots[i + kAhead].key) & (short_slots_.size() - 1)], 1);
        if (slots[i].count != 0) add_short(slots[i].key, short_hash(slots[i].key), slots[i].count);
    }
    for (const LongWord& word : others.long_words_) add_long(others.arena_.data() + word.begin, word.length, word.count);
}

void WordCounts::add_short(Key16 key, std::uint64_t hash, std::int64_t count) {
    const std::size_t mask = short_slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
        ShortSlot& slot = short_slots_[at];
        if (slot.count == 0) {
            add_to(slot.count, count);
            slot.key = key;
            if (++short_count_ * 2 > short_slots_.size()) resize_short(short_slots_.size() * 2);
            return;
        }
        if (slot.key == key) {
            add_to(slot.count, count);
            return;
        }
    }
}

void WordCounts::add_long(const std::uint8_t* bytes, std::uint32_t length, std::int64_t count) {
    const std::uint64_t hash = hash_bytes(bytes, length, hash_key_);
    const std::size_t mask = long_slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
        const std::uint32_t number = long_slots_[at];
        if (number != kNoWord) {
            LongWord& word = long_words_[number];
            if (word.hash != hash || word.length != length || std::memcmp(arena_.data() + word.begin, bytes, length) != 0) continue;
            add_to(word.count, count);
            return;
        }
        if (long_words_.size() >= kNoWord) throw Error(ErrorKind::value, "more than 2^32 - 1 distinct long words");
        std::int64_t sum = 0;
        add_to(sum, count);
        const std::uint64_t begin = arena_.size();
        arena_.insert(arena_.end(), bytes, bytes + length);
        long_slots_[at] = static_cast<std::uint32_t>(long_words_.size());
        long_words_.push_back({hash, begin, length, sum});
        if (long_words_.size() * 2 > long_slots_.size()) resize_long(long_slots_.size() * 2);
        return;
    }
}

void WordCounts::resize_short(std::size_t slot_count) {
    std::vector<ShortSlot> grown(slot_count);
    const std::size_t mask = grown.size() - 1;
    for (const ShortSlot& slot : short_slots_) {
        if (slot.count == 0) continue;
        std::size_t at = short_hash(slot.key) & mask;
        while (grown[at].count != 0) at = (at + 1) & mask;
        grown[at] = slot;
    }
    short_slots_ = std::move(grown);
}

void WordCounts::resize_long(std::size_t slot_count) {
    std::vector<std::uint32_t> grown(slot_count, kNoWord);
    const std::size_t mask = grown.size() - 1;
    for (std::uint32_t number = 0; number < long_words_.size(); ++number) {
        std::size_t at = long_words_[number].hash & mask;
        while (grown[at] != kNoWord) at = (at + 1) & mask;
        grown[at] = number;
    }
    long_slots_ = std::move(grown);
}

WordCounts::Entry WordCounts::entry_at(const Place& place) const noexcept {
    if (place.number < short_slots_.size()) return {word_of(short_slots_[place.number]), short_slots_[place.number].count};
    const LongWord& word = long_words_[place.number - short_slots_.size()];
    return {std::string_view(reinterpret_cast<const char*>(arena_.data()) + word.begin, word.length), word.count};
}

void WordCounts::fetch(const Place& place) const noexcept {
    if (place.number < short_slots_.size()) __builtin_prefetch(&short_slots_[place.number]);
}

// Sorted from the last digit to the first, each of 11 bits: a seventh of the time of comparing words.
std::vector<WordCounts::Place> WordCounts::places_by_front() const {
    constexpr std::uint32_t kDigitBits = 11, kDigits = 6;
    constexpr std::size_t kValues = std::size_t(1) << kDigitBits;
    std::vector<Place> places, other(size());
    places.reserve(size());
    std::vector<std::array<std::size_t, kValues>> ends(kDigits);
    const auto digit = [](const Place& place, std::uint32_t which) { return place.front >> (which * kDigitBits) & (kValues - 1); };
    const auto add = [&](std::uint64_t first_bytes, std::size_t number) {
        places.push_back({__builtin_bswap64(first_bytes), number});
        for (std::uint32_t which = 0; which < kDigits; ++which) ++ends[which][digit(places.back(), which)];
    };
    for (std::size_t i = 0; i < short_slots_.size(); ++i)
        if (short_slots_[i].count != 0) add(short_slots_[i].key.low, i);
    for (std::size_t i = 0; i < long_words_.size(); ++i) {
        std::uint64_t first_bytes = 0;
        std::memcpy(&first_bytes, arena_.data() + long_words_[i].begin, std::min<std::size_t>(long_words_[i].length, sizeof first_bytes));
        add(first_bytes, short_slots_.size() + i);
    }
    for (std::uint32_t which = 0; which < kDigits; ++which) {
        std::size_t sum = 0;
        for (std::size_t& end : ends[which]) sum += std::exchange(end, sum);  // where the next one with this digit goes
        for (const Place& place : places) other[ends[which][digit(place, which)]++] = place;
        places.swap(other);
    }
    return places;
}

std::vector<WordCounts::Entry> WordCounts::sorted() const {
    std::vector<Entry> entries;
    entries.reserve(size());
    const std::vector<Place> places = places_by_front();
    for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
        for (; end < places.size() && places[end].front == places[begin].front; ++end) entries.push_back(entry_at(places[end]));
        std::sort(entries.begin() + static_cast<std::ptrdiff_t>(begin), entries.end(),
                  [](const Entry& a, const Entry& b) { return a.word < b.word; });
    }
    return entries;
}

void WordCounts::drain(const Visitor& visitor) {
    try {
        visit_in_place(visitor);
    } catch (...) {
        resize_short(short_slots_.size());  // every word back to where its hash says
        resize_long(long_slots_.size());
        throw;
    }
    std::fill(short_slots_.begin(), short_slots_.end(), ShortSlot());
    std::fill(long_slots_.begin(), long_slots_.end(), kNoWord);
    short_count_ = 0;
    long_words_.clear();
    arena_.clear();
    total_ = 0;
}

void WordCounts::visit_in_place(const Visitor& visitor) {
    // Zeros behind a short word sort as its end does: none of them ends in NUL, so a key says its word.
    const auto is_before = [](const ShortSlot& a, const ShortSlot& b) {
        const std::uint64_t low_a = __builtin_bswap64(a.key.low), low_b = __builtin_bswap64(b.key.low);
        return low_a != low_b ? low_a < low_b : __builtin_bswap64(a.key.high) < __builtin_bswap64(b.key.high);
    };
    const auto bytes_of = [&](const LongWord& word) {
        return std::string_view(reinterpret_cast<const char*>(arena_.data()) + word.begin, word.length);
    };
    const auto short_end = std::partition(short_slots_.begin(), short_slots_.end(), [](const ShortSlot& slot) { return slot.count != 0; });
    std::sort(short_slots_.begin(), short_end, is_before);
    std::sort(long_words_.begin(), long_words_.end(), [&](const LongWord& a, const LongWord& b) { return bytes_of(a) < bytes_of(b); });
    auto long_word = long_words_.begin();
    for (auto slot = short_slots_.begin(); slot != short_end; ++slot) {
        const std::string_view word = word_of(*slot);
        for (; long_word != long_words_.end() && bytes_of(*long_word) < word; ++long_word) visitor(bytes_of(*long_word), long_word->count);
        visitor(word, slot->count);
    }
    for (; long_word != long_words_.end(); ++long_word) visitor(bytes_of(*long_word), long_word->count);
}

}  // namespace tokmill::training
