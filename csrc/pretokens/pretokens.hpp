// The door of the room: text in, starts of pretokens out.
//
// A split pattern cuts text into pretokens; each is merged on its own. A scanner finds their starts 64 bytes at a time
// in bit masks. It may cut further at *safe cuts*: borders between two characters that no token of the vocabulary can
// lie across, so that both sides merge on their own and the results concatenate (only for vocabularies whose tokens can
// all be reached by merging). The patterns look ahead but never back, so every start of a pretoken is a fresh start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/sections.hpp"
#include "cpu/isa.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::pretokens {

enum class Pattern : std::uint8_t { gpt2, cl100k, o200k };

std::string_view name(Pattern pattern) noexcept;
std::string_view regex(Pattern pattern) noexcept;                        // as tiktoken 0.14 spells it
std::optional<Pattern> find_pattern(std::string_view name_or_regex) noexcept;  // by name, or by a known spelling's text

// Where a scan of one segment (a document, or a stretch of it between special tokens) has got to. Positions are bytes
// from the `text` pointer of the scan calls; a segment that does not begin at the front sets both of them to its begin.
// Nothing else has to be carried: every call goes on at last_start. So a call that brings no new start is read again,
// and a caller that grows its text by half or more each time keeps the whole linear.
struct ScanState {
    std::uint32_t scanned = 0;     // the text before this has been given to a call
    std::uint32_t last_start = 0;  // the last start handed out: a pretoken's, or in a long one a safe cut where a scan can begin
    bool begun = false;

    // The caller moved the text to the front by this many bytes (never past last_start).
    void rebase(std::uint32_t bytes) noexcept {
        scanned -= bytes;
        last_start -= bytes;
    }
};

// Bytes after the end of the text given to scan() that have to be readable; what they hold does not matter.
inline constexpr std::size_t kReadSlackBytes = 256;
// Elements that `starts` needs besides one a byte.
inline constexpr std::size_t kStartsSlack = 80;

class Scanner {
public:
    // With `safe_cuts`, tables of the borders inside this vocabulary's tokens are made (a few ms) and used.
    Scanner(Pattern pattern, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa);
    // Without a vocabulary, for who only wants the pretokens.
    Scanner(Pattern pattern, cpu::Isa isa);
    void save(SectionWriter& out) const;
    static Scanner map(const SectionReader& in, Pattern pattern, bool safe_cuts, cpu::Isa isa);
    Scanner(Scanner&&) noexcept;
    ~Scanner();

    // Goes on with a segment: text[state.last_start, end) is valid UTF-8 that ends between two characters. Appends the starts
    // that are certain, in rising order, the first one being the segment's first byte (an empty segment has none). With
    // `last` the segment ends at `end` and all its starts come out; without it the scanner may hold back up to about 200
    // bytes, or more inside of a long run. A pretoken ends where the next one starts, or at the end of the segment. Returns
    // the number of starts written.
    std::size_t scan(ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) const;

    Pattern pattern() const noexcept;
    cpu::Isa isa() const noexcept;

private:
    struct Tables;
    explicit Scanner(std::unique_ptr<const Tables> tables) noexcept;

    std::unique_ptr<const Tables> tables_;
};

}  // namespace tokmill::pretokens
