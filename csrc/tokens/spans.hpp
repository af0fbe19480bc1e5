// Where in its text each token stands. In: the ids of a block in their order, and its text. Out: for each id the begin and the end of what
// it stands for, counted from the begin of its document, and the number of its word.
//
// The tokens of a block tile its bytes, so that a place is the sum of what stands before: a table says how far each id leads, and where the
// block is not the document's own text, Origins say where its bytes came from. That holds for either count:
//
//   byte        the exact bytes of a token: the spans of a document tile it. For vocabularies of bytes (rank files)
//   character   all characters of which a token holds a byte, as tokenizers says: a character cut in three is in three spans
//
// Bytes by the reckoning of tokenizers are those of the characters; documents::OriginalPlaces makes them of these.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/memory.hpp"
#include "documents/documents.hpp"
#include "formats/formats.hpp"
#include "tokens/chunk.hpp"
#include "tokens/id_array.hpp"
#include "tokens/origins.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// What each id of a vocabulary adds to places, in one of the counts. Immutable.
class SpanTable {
public:
    // `components` are null for a vocabulary of bytes.
    SpanTable(const vocab::Vocabulary& vocabulary, const formats::Components* components, documents::PlaceUnit unit);

    // The span of a token at place p is [p + begin, p + places - end). What does not fit is kIrregular, and measured when it is met.
    struct Step {
        std::uint8_t bytes;
        std::uint8_t places;
        std::int8_t begin;
        std::uint8_t end;
    };
    static constexpr std::uint8_t kIrregular = 255;

    const Step* steps() const noexcept { return steps_.data(); }
    bool counts_bytes() const noexcept { return unit_ == documents::PlaceUnit::byte; }
    // The bytes that an id of the merges takes in a block.
    std::uint32_t byte_count(std::uint32_t id) const noexcept { return static_cast<std::uint32_t>(vocabulary_->bytes_of_id(id)->size()); }

    const std::vector<formats::Trim>& trims() const noexcept { return trims_; }
    Blanks blanks(std::uint32_t id) const noexcept { return blanks_.empty() ? Blanks{} : blanks_[id]; }
    // Does the first token of a text take another trim than it would elsewhere?
    bool minds_begin() const noexcept { return minds_begin_; }

    // The text of an added token that a block holds as it is.
    std::string_view added_text(std::uint32_t id, std::uint32_t byte_count) const noexcept;

private:
    void measure(std::uint32_t id, std::string_view bytes);

    const vocab::Vocabulary* vocabulary_;
    documents::PlaceUnit unit_;
    std::vector<formats::Trim> trims_;
    bool minds_begin_ = false;
    Buffer<Step> steps_;                      // by id
    std::vector<Blanks> blanks_;              // by id, if there are trims
    std::vector<vocab::SpecialToken> added_;  // by id
};

// What a caller wants to know of the tokens of some documents, and how far the one in work has got.
struct SpanSink {
    const SpanTable* table = nullptr;
    IdArray spans{IdType::int64};  // begin, end, begin, end, ...
    bool with_words = false;
    IdArray words{IdType::int32};  // which of its document's words (pretokens and added tokens) each token is of
    bool has_frame = false;        // tokens are going to be put around the text (see formats::Trim)

    // Of the document in work.
    std::uint64_t place = 0;
    std::uint32_t word = 0;      // the next one
    bool at_begin = true;        // none of its tokens has come
    bool is_rest = false;        // place 0 is not the begin of the document
    std::uint64_t last_end = 0;  // the end of the document that ended last

    // Of a part of the documents, the first of which may be a stretch from the middle of one.
    void begin_part(std::span<const documents::Document> part) noexcept {
        documents = part.size();
        began_inside = is_rest = part.front().first_unit != 0;
    }
    std::size_t documents = 0;
    bool began_inside = false;
    std::uint64_t base = 0;  // what is to be added to the spans of the first
};

// Appends the spans of one block. What goes on from block to block is in the sink.
class SpanWriter {
public:
    SpanWriter(const Pretokens& block, SpanSink& sink);

    void add(const std::uint32_t* ids, std::size_t count);
    void add_special(std::uint32_t id, std::uint32_t byte_count);
    void end_document();
    void finish() noexcept { sink_.place = place_; }

private:
    static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();

    void add_slowly(std::uint32_t byte_count, Blanks blanks);
    void add_plain(std::uint32_t byte_count, Blanks blanks);
    void add_prepared(std::uint32_t byte_count, Blanks blanks);
    const Origins::Run& enter_run() noexcept;
    void append(std::uint64_t begin, std::uint64_t end, Blanks blanks);
    void number_words(const std::uint32_t* ids, std::size_t count);
    void number_word(std::uint32_t byte_count);
    void begin_pretoken() noexcept;

    const Pretokens& block_;
    SpanSink& sink_;
    const SpanTable& table_;
    std::uint64_t place_;         // of at_; not in a run that stands for something else
    std::uint32_t at_ = 0;        // in the block
    std::uint32_t fast_end_ = 0;  // tokens up to here go by the table alone
    std::size_t next_run_ = 0;    // of the origins
    std::size_t next_special_ = 0;

    std::uint32_t word_at_ = 0;  // in the block
    std::uint32_t next_pretoken_ = 0;
    std::size_t next_wordless_ = 0;
};

}  // namespace tokmill::tokens
