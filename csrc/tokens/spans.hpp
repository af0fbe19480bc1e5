// Where in its text each token stands. In: the ids of a block in their order, and its text. Out: for each id the begin and the end of what
// it stands for, counted from the begin of its document, and the number of its word.
//
// The tokens of a block tile its bytes, so that a place is the sum of what stands before: a table says how far each id leads, and where the
// block is not the document's own text, Origins say where its bytes came from. Where it is (nearly always), ids alone say it all and no
// block is looked at: see tiling.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "documents/documents.hpp"
#include "formats/formats.hpp"
#include "pretokens/pretokens.hpp"
#include "tokens/id_array.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// What spans count, and what becomes of a character that several tokens share.
enum class SpanCount : std::uint8_t {
    bytes,                // the exact bytes of a token: the spans of a document tile it. For vocabularies of bytes (rank files)
    characters,           // all characters of which a token holds a byte, as tokenizers says: a character cut in three is in three spans
    bytes_of_characters,  // the bytes of these characters
};

// The character in which a token ends: its bytes in the token and those in tokens behind it. All 0 if it is whole. A token that holds only
// bytes from inside of one says nothing of it.
struct CutCharacter {
    std::uint8_t so_far = 0;
    std::uint8_t to_come = 0;
    bool has_lead = true;
};

// What each id of a vocabulary adds to places, in one of the counts. Immutable.
class SpanTable {
public:
    // `components` are null for a vocabulary of bytes. Trims are in characters: they do not go with bytes_of_characters.
    SpanTable(const vocab::Vocabulary& vocabulary, const formats::Components* components, SpanCount count);

    // The span of a token at place p is [p + begin, p + places - end). What does not fit is kIrregular, and measured when it is met.
    struct Step {
        std::uint8_t bytes;
        std::uint8_t places;
        std::int8_t begin;
        std::uint8_t end;
    };
    static constexpr std::uint8_t kIrregular = 255;

    const Step* steps() const noexcept { return steps_.data(); }
    SpanCount count() const noexcept { return count_; }
    documents::PlaceUnit unit() const noexcept {
        return count_ == SpanCount::characters ? documents::PlaceUnit::character : documents::PlaceUnit::byte;
    }
    std::string_view bytes(std::uint32_t id) const noexcept { return *vocabulary_->bytes_of_id(id); }

    // A step in one byte, by id: see tokens/kernels/span_kernels.hpp.
    const std::uint8_t* advances() const noexcept { return advances_.data(); }
    // Of bytes_of_characters.
    CutCharacter last_character(std::uint32_t id) const noexcept { return last_characters_[id]; }
    // Does each id stand for the same text wherever it is found, also that of a special or added token?
    bool ids_say_all() const noexcept { return ids_say_all_; }

    const std::vector<formats::Trim>& trims() const noexcept { return trims_; }
    pretokens::Blanks blanks(std::uint32_t id) const noexcept { return blanks_.empty() ? pretokens::Blanks{} : blanks_[id]; }
    // Does the first token of a text take another trim than it would elsewhere?
    bool minds_begin() const noexcept { return minds_begin_; }

    // The text of an added token that a block holds as it is.
    std::string_view added_text(std::uint32_t id, std::uint32_t byte_count) const noexcept;

private:
    void measure(std::uint32_t id, std::string_view bytes);
    void add_special(std::uint32_t id, std::string_view text);

    const vocab::Vocabulary* vocabulary_;
    SpanCount count_;
    std::vector<formats::Trim> trims_;
    bool minds_begin_ = false;
    bool ids_say_all_ = true;
    Buffer<Step> steps_;                         // by id
    Buffer<std::uint8_t> advances_;              // by id
    std::vector<pretokens::Blanks> blanks_;      // by id, if there are trims
    std::vector<CutCharacter> last_characters_;  // by id, of bytes_of_characters
    std::vector<vocab::SpecialToken> added_;     // by id
};

// What a caller wants to know of the tokens of some documents, and how far the one in work has got.
struct SpanSink {
    const SpanTable* table = nullptr;
    IdArray spans{IdType::int64};  // begin, end, begin, end, ... of the documents whose ids alone do not say it
    std::vector<bool> tiles;       // of each document: do they?
    bool writes = false;           // the block in work is one of which they do not
    bool with_words = false;
    IdArray words{IdType::int32};  // which of its document's words (pretokens and added tokens) each token is of
    bool has_frame = false;        // tokens are going to be put around the text (see formats::Trim)

    // Of the document in work.
    std::uint64_t place = 0;
    std::uint32_t word = 0;  // the next one
    bool at_begin = true;    // none of its tokens has come
    bool is_rest = false;    // place 0 is not the begin of the document

    bool takes_blocks() const noexcept { return writes || with_words; }
};

// Which of its document's tokens a token is, as far as trims mind.
struct TokenPlace {
    bool at_begin = false;   // the first one
    bool is_rest = false;    // place 0 is not the begin of the document
    bool has_frame = false;  // tokens are going to be put around the text
};

struct PlaceSpan {
    std::uint64_t begin;
    std::uint64_t end;
};

// Without the white space at its ends that the table's trims take off.
PlaceSpan trimmed(const SpanTable& table, PlaceSpan span, pretokens::Blanks blanks, TokenPlace place) noexcept;

// Appends the spans of one block. What goes on from block to block is in the sink.
class SpanWriter {
public:
    SpanWriter(const pretokens::Pretokens& block, SpanSink& sink);

    void add(const std::uint32_t* ids, std::size_t count);
    void add_special(std::uint32_t id, std::uint32_t byte_count);
    void end_document();
    void finish() noexcept { sink_.place = place_; }

private:
    static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();

    void add_slowly(std::uint32_t byte_count, pretokens::Blanks blanks);
    void add_plain(std::uint32_t byte_count, pretokens::Blanks blanks);
    void add_prepared(std::uint32_t byte_count, pretokens::Blanks blanks);
    std::uint64_t begun_before(std::uint32_t at) const noexcept;
    std::uint64_t ended_behind(std::uint32_t at, std::uint32_t end) const noexcept;
    std::uint64_t places(std::uint32_t begin, std::uint32_t end) const noexcept;
    const pretokens::Origins::Run& enter_run() noexcept;
    void append(std::uint64_t begin, std::uint64_t end, pretokens::Blanks blanks);
    void number_words(const std::uint32_t* ids, std::size_t count);
    void number_word(std::uint32_t byte_count);
    void begin_pretoken() noexcept;

    const pretokens::Pretokens& block_;
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
