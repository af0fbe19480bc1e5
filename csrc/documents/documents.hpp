// The door of the room: where text comes from. A document is text in memory as its owner keeps it; a Reader hands it
// out as valid UTF-8, block by block, copying it on the way. The copy (a few per cent of the time of encoding) buys that
// every later step may read past the end, that nobody can change the text under our hands, and that all encodings of a
// Python str take the same road. Files, gzip and jsonl are opened in Python and arrive here as blocks of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/errors.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::documents {

enum class Encoding : std::uint8_t {
    ascii,   // known to be ASCII (a Python str says so)
    utf8,    // bytes, to be validated
    latin1,  // Python's three ways to keep a str that is not ASCII
    ucs2,
    ucs4,
};

constexpr std::size_t unit_bytes(Encoding encoding) noexcept { return encoding == Encoding::ucs4 ? 4 : encoding == Encoding::ucs2 ? 2 : 1; }

// What to do with text that is no text. `standard`: bytes that are not UTF-8 are an error, lone surrogates of a str become
// U+FFFD (as in tiktoken).
enum class Invalid : std::uint8_t { standard, error, replace };

struct Document {
    const void* data = nullptr;
    std::size_t unit_count = 0;
    Encoding encoding = Encoding::utf8;
    std::size_t first_unit = 0;    // where this stretch begins in the whole document, for the positions in errors
    std::size_t row = kNoRow;      // which of a batch it is, for the same
    bool constant = false;         // nobody can change the text while it is read: it may be lent instead of copied
    std::size_t units_behind = 0;  // of the whole document, after this stretch: they may be read, too

    static constexpr std::size_t kNoRow = SIZE_MAX;

    // Units [begin, end) as a document of its own.
    Document stretch(std::size_t begin, std::size_t end) const noexcept {
        return {static_cast<const std::uint8_t*>(data) + begin * unit_bytes(encoding),
                end - begin,
                encoding,
                first_unit + begin,
                row,
                constant,
                units_behind + unit_count - end};
    }
    std::size_t byte_size() const noexcept { return unit_count * unit_bytes(encoding); }
    // The most bytes of UTF-8 that read() makes of it; a bad byte that is replaced becomes three.
    std::size_t most_utf8_bytes(Invalid invalid) const noexcept {
        switch (encoding) {
            case Encoding::ascii: return unit_count;
            case Encoding::utf8: return unit_count * (invalid == Invalid::replace ? 3 : 1);
            case Encoding::latin1: return unit_count * 2;
            case Encoding::ucs2: return unit_count * 3;
            case Encoding::ucs4: return unit_count * 4;
        }
        return unit_count * 4;
    }
};

// Bytes beyond what read() was asked to fill that it may overwrite.
inline constexpr std::size_t kReadSlackBytes = 64;

// Bytes after a lent text that are readable.
inline constexpr std::size_t kLendSlackBytes = 512;

class Reader {
public:
    Reader(const unicode::Kernels& kernels, const Document& document, Invalid invalid) noexcept
        : kernels_(kernels), document_(document), invalid_(invalid) {}

    const Document& document() const noexcept { return document_; }
    bool done() const noexcept { return next_ == document_.unit_count; }

    // Writes the next characters, whole ones, as UTF-8: at most `room` bytes (room >= 16), at least one character unless
    // done. Returns the number of bytes written. Error(invalid_utf8) with the position of the first bad byte (of the
    // first lone surrogate, counted in characters, for a str) when `invalid` says so.
    std::size_t read(std::uint8_t* out, std::size_t room);

    // May lend() be used? Bytes of UTF-8 that stay as they are; not while bad ones have to be replaced.
    bool lends() const noexcept {
        return document_.constant &&
               (document_.encoding == Encoding::ascii || (document_.encoding == Encoding::utf8 && invalid_ != Invalid::replace));
    }
    std::size_t units_left() const noexcept { return document_.unit_count - next_; }
    // May all the rest be lent? So it is with a stretch of a document that goes on behind it.
    bool lends_to_the_end() const noexcept { return lends() && document_.units_behind >= kLendSlackBytes; }
    // The next characters where they stand, instead of a copy; `byte_count` (at most `most`) are valid now, and
    // kLendSlackBytes more are readable. Near the end of the document nothing can be lent: 0, go on with read().
    const std::uint8_t* lend(std::size_t most, std::size_t& byte_count);

private:
    [[noreturn]] void refuse_byte(std::size_t position) const;
    std::size_t read_bytes(std::uint8_t* out, std::size_t room);
    std::size_t read_wide(std::uint8_t* out, std::size_t room);

    const unicode::Kernels& kernels_;
    Document document_;
    Invalid invalid_;
    std::size_t next_ = 0;
};

// UTF-8 bytes of what stands before this stretch in its document. Reads all of it: for messages of errors.
std::size_t bytes_before(const Document& stretch) noexcept;

// May a long document be cut? Then in front of a space or a line end directly behind a letter, or behind an ASCII letter only: a normalizer
// that works character by character may make a mark of another one, and leaves both sides of such a cut as they are.
struct Cuts {
    Cuts(bool may_cut, bool only_behind_ascii = false) noexcept : allowed(may_cut), behind_ascii(only_behind_ascii) {}
    bool allowed;
    bool behind_ascii;
};

// A unit index in (begin, end], as near to `end` as there is one, at which a pretoken of every known split pattern starts
// whatever stands before: a space or a line end directly after a letter (a letter's pretoken never goes on with one).
// Returns `begin` if there is none within the last `window` units. A cut there is exact.
std::size_t last_certain_start(const Document& document, std::size_t begin, std::size_t end, std::size_t window,
                               bool behind_ascii) noexcept;

// What one thread takes at a time, or one block of a pipeline: short documents share a part; a long one is cut where a pretoken is sure to
// begin, if that is allowed, so that every part can be worked on alone.
struct Part {
    std::vector<Document> stretches;  // whole documents, or a stretch of one that begins at a certain start
    std::vector<bool> ends_document;  // does the i-th stretch end its document?
    std::size_t byte_size = 0;
};

class Parts {
public:
    // The documents stay the caller's. Cuts are for patterns whose starts last_certain_start() knows.
    Parts(std::span<const Document> documents, std::size_t part_bytes, Cuts cuts) noexcept
        : documents_(documents), part_bytes_(part_bytes), cuts_(cuts) {}

    // Lays the next part into `part`, whose memory is used again; false if there is none. A part is larger than asked by what no cut
    // was found in.
    bool next(Part& part);

private:
    std::span<const Document> documents_;
    std::size_t part_bytes_;
    Cuts cuts_;
    std::size_t at_ = 0;     // the document that comes next,
    std::size_t begin_ = 0;  // from this unit on
};

// All parts at once.
std::vector<Part> divide(std::span<const Document> documents, std::size_t part_bytes, Cuts cuts);

}  // namespace tokmill::documents

#include "documents/original_places.hpp"  // back to places in the document; needs what is above
