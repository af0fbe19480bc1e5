// Takes down, while a block is prepared, where its bytes come from. In: each piece of text that goes into the block, with its place in the
// normalised text. Out: BlockOrigins, in characters of the document or in their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "normalized/normalized.hpp"
#include "pretokens/pretokens.hpp"
#include "tokens/preprocessing.hpp"

namespace tokmill::tokens {

class OriginTracker {
public:
    // Bytes of a pretoken, which stand in the text of the stretch from `begin` on; the first is a space put before them if adds_space.
    struct Piece {
        std::string_view bytes;
        std::size_t begin;
        bool adds_space;

        Piece part(std::size_t from, std::size_t to) const noexcept {
            return {bytes.substr(from, to - from), begin + from - (adds_space && from != 0 ? 1 : 0), adds_space && from == 0};
        }
    };

    const pretokens::BlockOrigins& block() const noexcept { return block_; }
    void clear() noexcept { block_.clear(); }

    // A document as it was read, which stays where it is until the next one.
    void begin_document(std::string_view document, bool counts_bytes);
    // `text` is what became of its bytes from `begin` on, by the alignment if there is one.
    void begin_stretch(std::size_t begin, std::string_view text, const normalized::Alignment* alignment) noexcept;

    // The block goes on, at `block_begin`, with a piece,
    void note(std::size_t block_begin, const Piece& piece);
    // ... with what is left of one that is pretoken `pretoken` of the block,
    void note_word(std::size_t block_begin, std::uint32_t pretoken, const Piece& piece, const Preprocessing& preprocessing);
    // ... with a mark for an added token at [from, to) of the stretch.
    void note_added(std::size_t block_begin, std::size_t from, std::size_t to);

    // The block loses its first bytes and pretokens.
    void drop(const std::uint8_t* text, std::uint32_t byte_count, std::uint32_t text_end, std::uint32_t pretokens);

private:
    pretokens::CharacterSpan span_of(const Piece& piece, std::size_t byte);
    pretokens::CharacterSpan character_at(std::size_t position);
    std::uint32_t places_before(std::size_t document_byte);
    void note_bytes(std::size_t block_begin, std::size_t from, std::size_t to);
    void note_same(std::size_t block_begin, std::size_t from, std::size_t to, std::size_t source);
    void note_changed(std::size_t block_begin, const Piece& piece, const Preprocessing& preprocessing);

    pretokens::BlockOrigins block_;
    std::string_view document_;
    bool counts_bytes_ = false;   // else characters
    bool is_ascii_ = false;       // the document
    std::size_t known_byte_ = 0;  // so many characters of the document begin before it
    std::uint32_t known_characters_ = 0;

    std::size_t stretch_begin_ = 0;
    std::string_view text_;
    const normalized::Alignment* alignment_ = nullptr;
    std::size_t run_ = 0;  // of the alignment

    std::vector<std::uint32_t> byte_of_letter_;  // scratch: of a word, the byte that each byte of its spelling spells
};

}  // namespace tokmill::tokens
