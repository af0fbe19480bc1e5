// Split patterns by name, and the scanner that finds where pretokens start in a segment of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/sections.hpp"
#include "cpu/isa.hpp"
#include "pretokens/engine/engine.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::pretokens {

// gpt2, cl100k and o200k are those of tiktoken 0.14, the others what tokenizer.json files hold. One pattern serves all
// models that cut alike: llama3 those of GLM-4 too, qwen2 those of Ling, o200k those of gpt-oss. superbpe is that of the released
// vocabularies of superwords, superwords what training in two stages gives by default: they leave words together.
enum class Pattern : std::uint8_t { gpt2, cl100k, o200k, llama3, qwen2, qwen3_5, tekken, kimi, deepseek_v3, superbpe, superwords };
inline constexpr Pattern kPatterns[] = {Pattern::gpt2,        Pattern::cl100k,   Pattern::o200k,     Pattern::llama3,
                                        Pattern::qwen2,       Pattern::qwen3_5,  Pattern::tekken,    Pattern::kimi,
                                        Pattern::deepseek_v3, Pattern::superbpe, Pattern::superwords};

std::string_view name(Pattern pattern) noexcept;
// As its owner spells it. A pattern of several steps has a line a step, as join_steps writes them.
std::string_view regex(Pattern pattern) noexcept;
// By name, or by the text of a known spelling as tiktoken's engine reads it.
std::optional<Pattern> find_pattern(std::string_view name_or_regex) noexcept;
// By the regexes of the Splits of a tokenizer.json, in their order, as tokenizers' engine reads them (to it `{1,3}+` of
// cl100k is another pattern). Each Split has the behaviour Isolated, or is a single one of Removed with invert: the
// patterns of one step leave nothing of a text unmatched.
std::optional<Pattern> find_pattern(std::span<const std::string_view> steps);
// The canonical text of several steps: a line each, line ends inside of a step written \r and \n.
std::string join_steps(std::span<const std::string_view> steps);
// The same for one regex of an owner: some spellings mean something else in tokenizers.
std::optional<Pattern> find_pattern(std::string_view regex, engine::Dialect dialect);

// Where a scan of one segment (a document, or a stretch of it between special tokens) has got to. Positions are bytes
// from the `text` pointer of the scan calls; a segment that does not begin at the front sets both of them to its begin.
// Nothing else has to be carried: every call goes on at last_start. So a call that brings no new start is read again,
// and a caller that grows its text by half or more each time keeps the whole linear. (The general engine, whose patterns may
// look back, goes on where it stopped deciding, at or behind last_start.)
struct ScanState {
    std::uint32_t scanned = 0;     // the text before this has been given to a call
    std::uint32_t last_start = 0;  // the last start handed out: a pretoken's, or in a long one a safe cut where a scan can begin
    bool begun = false;

    std::uint32_t decided = 0;  // of the general engine, once begun: its cursor
    std::uint32_t forward = 0;
    std::uint32_t behind = 0;

    // The caller moved the text to the front by this many bytes (never past last_start).
    void rebase(std::uint32_t bytes) noexcept {
        scanned -= bytes;
        last_start -= bytes;
        decided -= begun ? bytes : 0;
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
    // Any regex: a known spelling is scanned as above, another one goes through the general engine, with the same safe cuts. What
    // stands between two matches is a pretoken too; tiktoken would drop it, so its dialect has to match every character.
    // Error(pattern) if it does not, or if the regex cannot be matched exactly.
    Scanner(std::string_view regex, engine::Dialect dialect, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa);
    // The same without a vocabulary and so without cuts, for who only wants the pretokens.
    Scanner(std::string_view regex, engine::Dialect dialect, cpu::Isa isa);
    // A pattern compiled before, whose matches and the stretches between them are the pretokens.
    Scanner(engine::Program program, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa);
    void save(SectionWriter& out) const;
    static Scanner map(const SectionReader& in, std::string_view regex, engine::Dialect dialect, bool safe_cuts, cpu::Isa isa);
    static Scanner map(const SectionReader& in, engine::Program program, bool safe_cuts, cpu::Isa isa);
    Scanner(Scanner&&) noexcept;
    Scanner& operator=(Scanner&&) noexcept;
    ~Scanner();

    // Goes on with a segment: text[state.last_start, end) is valid UTF-8 that ends between two characters. Appends the starts
    // that are certain, in rising order, the first one being the segment's first byte (an empty segment has none). With
    // `last` the segment ends at `end` and all its starts come out; without it the scanner may hold back up to about 200
    // bytes, or more inside of a long run. A pretoken ends where the next one starts, or at the end of the segment. Returns
    // the number of starts written.
    std::size_t scan(ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) const;

    // Does every blank or newline right behind a letter begin a pretoken, whatever stands before? Then text may be cut there.
    bool starts_behind_letters() const noexcept;
    // The same scanner without safe cuts.
    Scanner without_cuts(const vocab::Vocabulary& vocabulary) const;
    cpu::Isa isa() const noexcept;

private:
    struct Tables;
    explicit Scanner(std::shared_ptr<const Tables> tables) noexcept;

    std::shared_ptr<const Tables> tables_;
};

}  // namespace tokmill::pretokens
