// The way of a text through a tokenizer.json that asks for more than the plain path does. In: documents, whole. Out: blocks of pretokens
// for the encoder, one behind the other in memory of our own: normalised, with what a split removes left out, with the space that ByteLevel
// puts before and the marks of words put in, without the bytes that are no tokens. Ends of documents and added tokens are marked as in
// a Chunk.
//
// A document is read whole, since a normalizer, a regex and an added token may look as far as they like: memory is the document, its
// normalised form and 16 bytes a pretoken of the longest stretch without an added token.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "documents/documents.hpp"
#include "tokens/added_tokens.hpp"
#include "tokens/encode_options.hpp"
#include "tokens/origin_tracker.hpp"
#include "tokens/preprocessing.hpp"

namespace tokmill::tokens {

class Preparation {
public:
    // Gets each block; what it points to is gone when it returns.
    using Take = std::function<void(const pretokens::Pretokens& block)>;

    // Prepares a document, and hands out blocks as they are full. The scanner is that of the preprocessing's pattern, null if it has none.
    void add(const Preprocessing& preprocessing, const pretokens::Scanner* scanner, const documents::Document& document,
             const EncodeOptions& options, cpu::Isa isa, const Take& take, Cancel& cancel);
    // Do the ids of the document that was added last alone say where they stand? Then it has no origins. It has to be as it came, with all
    // of its bytes in its pretokens and nothing else, and no added token in it may be cut out by more than its content.
    bool tiles() const noexcept { return tiles_; }
    // Hands out what is left.
    void finish(const Take& take);
    // Ready for other documents, also after an exception; gives back memory that only a giant document needed.
    void reset() noexcept;

    // Bytes that were left out since they are no tokens, so far.
    std::uint64_t dropped_bytes() const noexcept { return dropped_bytes_; }

private:
    struct Job;  // what all steps of one add() share
    using Piece = OriginTracker::Piece;

    void begin_document(Job& job, bool is_unchanged);

    void read(const documents::Document& document, documents::Invalid invalid, cpu::Isa isa);
    void raw_stretch(Job& job, std::size_t begin, std::size_t end);
    void stretch(Job& job, std::string_view text);
    void scan(Job& job, std::string_view text);
    void split(Job& job, std::string_view text);
    void split_behind(Job& job, const Piece& piece);
    std::uint32_t cut_behind(const Job& job, std::uint32_t first, std::uint32_t last);
    void add_pretoken(Job& job, const Piece& piece);
    void add_added_token(Job& job, const AddedTokens::Token& token, const AddedTokens::Found& found, bool is_raw);
    std::uint64_t position_of(const Job& job, std::size_t position, bool is_raw) const;
    [[noreturn]] void refuse_missing_byte(const Job& job, std::uint8_t byte) const;
    void change_bytes(const Job& job, const Piece& piece);
    [[noreturn]] static void refuse_pretoken(const EncodeOptions& options);
    void push_start();
    void reserve_text(std::size_t more);
    void give(const Take& take, std::uint32_t complete);
    void give_if_full(const Job& job);

    Buffer<std::uint8_t> document_;
    std::size_t document_bytes_ = 0;
    normalized::Workspace workspace_;
    pretokens::engine::SplitMemory split_memory_;
    std::vector<pretokens::engine::Span> spans_, inner_spans_, behind_spans_;
    std::string prefixed_, mapped_;
    std::vector<std::uint32_t> matters_, further_starts_;

    // The block.
    Buffer<std::uint8_t> text_;
    std::size_t end_ = 0;
    Buffer<std::uint32_t> starts_;
    std::uint32_t count_ = 0;
    std::vector<std::uint32_t> added_ids_;
    std::uint64_t dropped_bytes_ = 0;
    bool with_origins_ = false;  // of the block, which holds documents of one kind
    bool tiles_ = false;
    OriginTracker origins_;
};

}  // namespace tokmill::tokens
