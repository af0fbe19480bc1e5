// Text on its way to the word table of an encoder, or to a counter: some tens of kilobytes of it, cut into pretokens. Documents are laid
// one behind the other; what stands between pretokens (the end of a document, a special token) is marked in their row:
//
//   end of a document   an empty pretoken
//   special token       its bytes, the first one overwritten with kSpecialMark, which is in no UTF-8; its id is queued
//
// Neither can be found in a word table, so that the inner loop needs no case for them: they arrive among the misses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.hpp"
#include "documents/documents.hpp"
#include "pretokens/scanner.hpp"
#include "unicode/unicode.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::pretokens {

inline constexpr std::uint8_t kSpecialMark = 0xFE;
inline constexpr std::uint32_t kChunkBytes = 65536;

struct ChunkOptions {
    const vocab::SpecialMatcher* specials = nullptr;  // the special tokens to look for; null: text is text
    bool specials_are_errors = false;                 // ... and then to refuse
    documents::Invalid invalid = documents::Invalid::standard;
    std::size_t max_pretoken_bytes = std::size_t(1) << 30;
};

// Elements after the last start that whoever works on pretokens may read ahead.
inline constexpr std::uint32_t kStartsReadAhead = 17;

// Pretokens on their way to the encoder: [starts[i], starts[i + 1]) for i < count; kStartsReadAhead elements beyond are readable
// (and not below the last), and kReadSlackBytes of text.
struct Pretokens {
    const std::uint8_t* text;
    std::uint32_t text_end;
    const std::uint32_t* starts;
    std::uint32_t count;
    bool has_nul;
    std::span<const std::uint32_t> special_ids;
};

class Chunk {
public:
    // Reads on in `reader` and cuts what is certain into pretokens. True if the reader is done; with `last` that ends the
    // document, and its mark is set. False if the chunk is full before: encode the pretokens, compact() and call again.
    bool fill(const Scanner& scanner, documents::Reader& reader, bool last, const ChunkOptions& options);

    // Pretokens that are complete.
    std::uint32_t complete_count() const noexcept { return start_count_ - (pretoken_open() ? 1 : 0); }
    bool full() const noexcept { return limit_ - end_ < kLeastRoomBytes || start_count_ > limit_ || (lent_ != nullptr && !document_open_); }
    Pretokens pretokens();

    // Forgets the complete pretokens; makes room, twice as much when one pretoken fills all there is.
    void compact();
    // Ready for other documents, also after an exception.
    void reset() noexcept;

private:
    static constexpr std::uint32_t kLeastRoomBytes = 64;

    const std::uint8_t* text() const noexcept { return lent_ != nullptr ? lent_ : text_.data(); }
    // Is the last start the beginning of a pretoken whose end is not known yet?
    bool pretoken_open() const noexcept { return document_open_ && start_count_ > segment_first_; }
    void prepare_text();  // memory comes when it is needed, so that reset() cannot fail
    void begin_document(const documents::Document& document);
    std::uint64_t position_in_document(std::uint32_t at) const noexcept;
    void begin_segment(std::uint32_t at);
    void scan(const Scanner& scanner, std::uint32_t end, bool last, const ChunkOptions& options);
    void cut_specials(const Scanner& scanner, bool last, const ChunkOptions& options);
    void push_start(std::uint32_t at);
    void take_back();
    [[noreturn]] void refuse_pretoken(std::uint32_t start, const ChunkOptions& options) const;

    // A long document that nobody can change is read where it stands, up to its last bytes: copying it took 6 % of the time.
    const std::uint8_t* lent_ = nullptr;
    Buffer<std::uint8_t> text_;
    Buffer<std::uint32_t> starts_;
    std::vector<std::uint32_t> special_ids_;
    ScanState scan_;
    std::uint32_t limit_ = kChunkBytes;
    std::uint32_t end_ = 0;
    std::uint32_t start_count_ = 0;
    std::uint32_t segment_first_ = 0;      // start_count_ at the begin of the open segment
    std::uint32_t specials_searched_ = 0;  // text before this holds no special token that is not marked yet
    bool document_open_ = false;
    documents::Document document_;      // the open one, for the positions in errors
    std::uint64_t document_bytes_ = 0;  // bytes of the open document that compact() has dropped
    std::uint32_t document_begin_ = 0;  // where the open document begins, if it does so in this chunk
};

}  // namespace tokmill::pretokens
