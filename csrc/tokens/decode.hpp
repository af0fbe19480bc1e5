// Ids back to bytes, whole or step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "formats/formats.hpp"
#include "unicode/unicode.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// Error(unknown_id) with the index as `where`.
[[noreturn]] void refuse_unknown_id(const std::string& id, std::size_t index, std::size_t id_end);

enum class UnknownId : std::uint8_t { error, replace, skip };  // replace: U+FFFD

// The bytes of every id, laid out for copying: a slot of 16 bytes holds up to 15 of them and their number, so that a
// token costs one load and one store. Longer tokens and special tokens lie elsewhere.
class DecodeTable {
public:
    explicit DecodeTable(const vocab::Vocabulary& vocabulary);
    // For a decoder that is ByteLevel: added tokens go through it too, and words keep their prefixes and suffixes.
    DecodeTable(const vocab::Vocabulary& vocabulary, const formats::Components& components);

    // Appends the bytes of ids[0, count) to `out` (whose first `size` bytes are kept) and returns the new size. `Id` is
    // int32, uint32, uint16, int64 or uint64. Error(unknown_id) with the index, for negative numbers too.
    template <class Id>
    std::size_t decode(const Id* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens, Buffer<std::uint8_t>& out,
                       std::size_t size, Cancel* cancel = nullptr) const;

    // The bytes of one id; nothing if the vocabulary has none for it, an empty string for a special token to be skipped.
    // Any negative number converted to unsigned is an unknown id.
    std::optional<std::string_view> bytes_of(std::uint64_t id, bool skip_special_tokens) const noexcept;

    std::size_t id_end() const noexcept { return id_end_; }

private:
    static constexpr std::size_t kInlineBytes = 15;
    // What a slot's tag says when it is no length. Such a slot starts with a Place, unless the id is unknown.
    enum Tag : std::uint8_t { kLong = 0x40, kSpecial = 0x41, kUnknown = 0x42 };
    struct alignas(16) Slot {
        std::uint8_t bytes[kInlineBytes];
        std::uint8_t tag;  // up to kInlineBytes: the number of bytes
    };
    struct Place {
        std::uint64_t offset;  // in elsewhere_
        std::uint32_t byte_count;
    };

    void set(std::uint32_t id, std::string_view bytes, bool special);

    Buffer<Slot> slots_;
    std::size_t id_end_;
    std::vector<std::uint8_t> elsewhere_;
};

// Decodes one id at a time for many sequences at once and holds incomplete UTF-8 back: each step gives the text that is
// certain. Bytes that are not UTF-8 come out as U+FFFD just as from Python's incremental decoder with errors="replace", step
// by step the same; all steps and finish() together give bytes.decode(errors="replace").
class StreamDecoder {
public:
    // The table has to outlive the decoder. The last `most_rewind` ids of each sequence can be taken back.
    StreamDecoder(const DecodeTable& table, std::size_t sequences, std::size_t most_rewind = 0);

    // One id a sequence; ids[s] < 0 means nothing for sequence s. Appends each sequence's new text (valid UTF-8) to `out`,
    // and its end offset to `ends[s]`. Error(unknown_id) with the sequence, before anything has changed.
    void step(const std::int64_t* ids, UnknownId unknown, bool skip_special_tokens, std::string& out, std::size_t* ends);
    // The same for several ids of one sequence; here a negative id is unknown. Error(unknown_id) with the index.
    void extend(std::size_t sequence, const std::int64_t* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens,
                std::string& out);
    // The end of a sequence: what is held back comes out as U+FFFD, the sequence starts anew. Nothing before it can be taken back.
    void finish(std::size_t sequence, std::string& out);
    // Takes back counts[s] ids of sequence s; characters[s] is by how many its text is shorter then. Error(value) changes nothing.
    void rewind(std::span<const std::size_t> counts, std::uint64_t* characters);

    std::size_t sequences() const noexcept { return held_.size(); }
    void reorder(std::span<const std::size_t> sources);  // sequence i becomes a copy of old sequence sources[i]
    std::size_t fork(std::size_t sequence);              // adds a copy of a sequence, returns its number
    void add(std::size_t count);                         // adds fresh sequences
    void drop(std::span<const std::size_t> sequences);   // removes some; those behind move up

private:
    // The start of a character whose end has not come yet (or of an encoded surrogate, see decode.cpp).
    struct Held {
        std::uint8_t bytes[3];
        std::uint8_t count = 0;
    };

    // What an id changed: the bytes held before it, and the characters that it made certain.
    struct Change {
        Held held;
        std::uint64_t characters;
    };
    // The last changes of a sequence, at places that go round: of the id number n (from 0) at n % most_rewind_.
    struct History {
        std::uint64_t id_count = 0;
        std::size_t rewindable = 0;
    };

    void check(std::size_t sequence) const;
    void feed(Held& held, std::string_view bytes, std::string& out);
    // The same for the bytes of one id, which can be taken back.
    void feed_id(std::size_t sequence, std::string_view bytes, std::string& out);
    Change& change(std::size_t sequence, std::uint64_t id) noexcept { return changes_[sequence * most_rewind_ + id % most_rewind_]; }

    const DecodeTable* table_;
    std::size_t (*copy_valid_utf8_)(std::uint8_t*, const std::uint8_t*, std::size_t);
    std::size_t most_rewind_;
    std::vector<Held> held_;
    std::vector<History> histories_;  // with what can be taken back; none if nothing can
    std::vector<Change> changes_;
    Buffer<std::uint8_t> decoded_;  // scratch
    Buffer<std::uint8_t> checked_;  // scratch
};

}  // namespace tokmill::tokens
