// Back from places in what a Reader hands out to places in the document as its owner keeps it: where bytes were replaced by U+FFFD, where
// two surrogates of a str were joined, and where characters were counted and bytes are wanted. Part of documents.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "documents/documents.hpp"

namespace tokmill::documents {

// Places are counted in bytes of UTF-8 (those of a str are its bytes in UTF-8, three for a lone surrogate) or in characters (of a str
// its indices; of bytes those of bytes.decode(errors="replace")).
enum class PlaceUnit : std::uint8_t { byte, character };

// Are the units in which a document is kept its places? Then it is known where a stretch of it begins.
constexpr bool units_are_places(Encoding encoding, PlaceUnit unit) noexcept {
    return encoding == Encoding::ascii || (encoding == Encoding::utf8) == (unit == PlaceUnit::byte);
}

// For one document, or a stretch of one, whose first place is 0 on both sides. Places may come in any order; in rising order they cost the
// characters between them, else up to kMarkDistance characters more.
class OriginalPlaces {
public:
    OriginalPlaces(const unicode::Kernels& kernels, const Document& document, Invalid invalid, PlaceUnit read, PlaceUnit wanted);

    // Are there places that differ? If not, nothing below need be called.
    bool differ() const noexcept { return differ_; }

    // Where what begins at a place of the read text begins; inside of a replaced sequence that is the begin of the sequence ...
    std::uint64_t begin(std::uint64_t place) { return seek(place, false); }
    // ... and where what ends there ends; there it is the end of the sequence.
    std::uint64_t end(std::uint64_t place) { return seek(place, true); }

private:
    // A character begins at `unit` of the document; before it are so many places of either count.
    struct Cursor {
        std::size_t unit = 0;
        std::uint64_t read = 0;
        std::uint64_t wanted = 0;
    };
    struct Character {
        std::uint32_t units;
        std::uint32_t read;
        std::uint32_t wanted;
    };
    static constexpr std::uint64_t kMarkDistance = 4096;

    bool are_different() const noexcept;
    Character character_at(std::size_t unit) const noexcept;
    void pass_units(std::uint64_t place);
    std::uint64_t seek(std::uint64_t place, bool is_end);

    const unicode::Kernels& kernels_;
    Document document_;
    PlaceUnit read_, wanted_;
    bool all_valid_ = true;   // no byte has to be replaced
    bool has_pairs_ = false;  // of surrogates
    bool differ_ = false;
    Cursor cursor_;
    std::vector<Cursor> marks_;  // some that were passed, to go back to
};

}  // namespace tokmill::documents
