// How often each pretoken occurs: all that training needs to know of a text. In: words, each with a count. Out: every distinct
// word once with its sum. Two open-addressing tables that grow: words of up to 16 bytes lie in their slots, longer ones
// (and those that end in NUL, which a zero-padded key cannot tell from shorter ones) in an arena behind theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/memory.hpp"

namespace tokmill::training {

class WordCounts {
public:
    WordCounts();

    // Bytes that have to be readable after a word given to the add functions.
    static constexpr std::size_t kReadableAfter = 16;

    // Adds `count` (1 or more) to the word text[starts[i], starts[i + 1]) for each i < word_count; empty ones (ends of documents) count for
    // nothing. Error(value) if a sum leaves 63 bits.
    void add_all(const std::uint8_t* text, const std::uint32_t* starts, std::size_t word_count, std::int64_t count);
    // One word; nothing after it is read.
    void add(std::string_view word, std::int64_t count);
    void add(const WordCounts& others);

    // The sum of all counts, the number of distinct words, and what the tables occupy.
    std::int64_t total() const noexcept { return total_; }
    std::size_t size() const noexcept { return short_count_ + long_words_.size(); }
    std::size_t byte_size() const noexcept;

    // Distinct words: those that lie in their slots, the others, and the bytes of those.
    struct Extent {
        std::size_t short_words = 0, long_words = 0, long_bytes = 0;
    };
    Extent extent() const noexcept { return {short_count_, long_words_.size(), arena_.size()}; }
    // What the tables may occupy at the most while so many new words are added: a table that grows stands beside the larger one for a
    // while.
    std::size_t byte_size_with(const Extent& more) const noexcept;

    // Calls function(word, count) for every word, in no order that means anything.
    template <class Function>
    void visit(Function&& function) const {
        for (const ShortSlot& slot : short_slots_)
            if (slot.count != 0) function(word_of(slot), slot.count);
        for (const LongWord& word : long_words_)
            function(std::string_view(reinterpret_cast<const char*>(arena_.data()) + word.begin, word.length), word.count);
    }

    // The same in the order of the first eight bytes: words that begin alike come one after the other.
    template <class Function>
    void visit_grouped(Function&& function) const {
        constexpr std::size_t kAhead = 16;
        const std::vector<Place> places = places_by_front();
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (i + kAhead < places.size()) fetch(places[i + kAhead]);
            const Entry entry = entry_at(places[i]);
            function(entry.word, entry.count);
        }
    }

    struct Entry {
        std::string_view word;
        std::int64_t count;
    };
    // All words, bytewise. The views hold until the counts change.
    std::vector<Entry> sorted() const;

    // Calls visitor(word, count) for every word in bytewise order and leaves the tables empty, as large as they are. They are sorted in
    // place, so it takes no memory. If the visitor throws, the words are as before.
    using Visitor = std::function<void(std::string_view word, std::int64_t count)>;
    void drain(const Visitor& visitor);

private:
    struct ShortSlot {
        Key16 key{0, 0};
        std::int64_t count = 0;  // 0: empty
    };
    struct LongWord {
        std::uint64_t hash;
        std::uint64_t begin;  // in the arena
        std::uint32_t length;
        std::int64_t count;
    };
    static constexpr std::uint32_t kMaxShortBytes = 16;
    static constexpr std::uint32_t kNoWord = ~std::uint32_t(0);

    // Where a word is: a short slot, or behind all of those a long word. `front` is its first eight bytes as a number, padded with zeros.
    struct Place {
        std::uint64_t front;
        std::size_t number;
    };
    std::vector<Place> places_by_front() const;
    Entry entry_at(const Place& place) const noexcept;
    void fetch(const Place& place) const noexcept;

    static std::string_view word_of(const ShortSlot& slot) noexcept;
    std::uint64_t short_hash(Key16 key) const noexcept;
    void add_short(Key16 key, std::uint64_t hash, std::int64_t count);
    void add_long(const std::uint8_t* bytes, std::uint32_t length, std::int64_t count);
    void resize_short(std::size_t slot_count);
    void resize_long(std::size_t slot_count);
    void visit_in_place(const Visitor& visitor);
    void add_to(std::int64_t& sum, std::int64_t count);

    HashKey hash_key_;
    std::vector<ShortSlot> short_slots_;
    std::size_t short_count_ = 0;
    std::vector<LongWord> long_words_;
    std::vector<std::uint32_t> long_slots_;  // numbers of long words, kNoWord if empty
    std::vector<std::uint8_t> arena_;
    std::int64_t total_ = 0;
};

}  // namespace tokmill::training
