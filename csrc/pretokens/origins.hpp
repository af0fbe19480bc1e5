// What a prepared block knows of the documents behind it, for spans. In: bytes as they are appended to the block. Out: which characters of
// a document they came from, as runs of bytes, few where little changes: either characters of the document as they stand there, or bytes
// that all stand for the same characters. Whole characters all of them, by their numbers or by their bytes, as the owner chooses.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tokmill::pretokens {

// Characters of a document, from the one at `begin` up to `end`.
struct CharacterSpan {
    std::uint32_t begin;
    std::uint32_t end;
    friend bool operator==(CharacterSpan, CharacterSpan) = default;
};

class Origins {
public:
    // Bytes from `begin` on, up to the next run. If `same`, whole characters of the document from source.begin on.
    struct Run {
        std::uint32_t begin;
        CharacterSpan source;
        bool same;
    };

    bool empty() const noexcept { return runs_.empty(); }
    std::span<const Run> runs() const noexcept { return runs_; }

    // Bytes that stand for `source`. They join a run before them that does too, unless they are to be extended.
    void append(std::uint32_t begin, CharacterSpan source, bool joins = true);
    // What was appended last stands for more.
    void extend(std::uint32_t end) noexcept { runs_.back().source.end = end; }
    // `byte_count` bytes of the document from its byte `source_byte` on, where its character `source` begins.
    void append_same(std::uint32_t begin, std::uint64_t source_byte, std::uint32_t byte_count, std::uint32_t source);
    // Would append_same() join the last run? Then nobody need know the character.
    bool goes_on(std::uint64_t source_byte) const noexcept { return !runs_.empty() && runs_.back().same && next_byte_ == source_byte; }
    // Another document: nothing goes on.
    void end_document() noexcept { next_byte_ = kNowhere; }

    // The block loses its first bytes.
    void drop(const std::uint8_t* block, std::uint32_t byte_count, bool counts_bytes);
    void clear() noexcept {
        runs_.clear();
        end_document();
    }

private:
    static constexpr std::uint64_t kNowhere = ~std::uint64_t(0);

    std::vector<Run> runs_;
    std::uint64_t next_byte_ = kNowhere;  // of the document, behind the last run of the same
};

// White space at the ends of a token, in characters.
struct Blanks {
    std::uint32_t leading = 0;
    std::uint32_t trailing = 0;
    friend bool operator==(Blanks, Blanks) = default;
};

// Of a token's text: white space of Unicode, and the character that stands for a blank in byte-level spelling.
Blanks blanks_of(std::string_view text) noexcept;

struct BlockOrigins {
    Origins bytes;
    std::vector<Blanks> added_blanks;     // of each added token
    std::vector<std::uint32_t> wordless;  // before these pretokens (an index for each) stood one that is not there, having no tokens

    void clear() noexcept {
        bytes.clear();
        added_blanks.clear();
        wordless.clear();
    }
};

}  // namespace tokmill::pretokens
