// The door of the room: text rewritten before it is cut into pretokens. Valid UTF-8 comes in; a Normalizer, which is a
// sequence of steps, gives valid UTF-8 out and, when asked, which bytes of the original each character came from. Steps,
// results and alignments are those of the normalizers of tokenizers 0.23.3, alignment quirks included.
//
// Text that no step changes is handed back as it came, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::normalized {

// Bytes [begin, end).
struct Span {
    std::uint32_t begin;
    std::uint32_t end;
    friend bool operator==(Span, Span) = default;
};

// Finds the matches of a pattern: spans of `text`, ascending, not overlapping, each on the bounds of characters. Has to be
// callable from several threads.
using MatchFinder = std::function<void(std::string_view text, std::vector<Span>& matches, Cancel& cancel)>;

// A text may grow to so many times its bytes, and by kFreeGrowthBytes, over all steps; more is an error. No normal form
// makes more than eleven times as much; a Replace can be made to double the text any number of times.
inline constexpr std::size_t kMostGrowth = 64;
inline constexpr std::size_t kFreeGrowthBytes = 1 << 20;

struct Step {
    enum class Kind : std::uint8_t {
        form,
        lowercase,
        strip_accents,
        drop,         // the characters of `set`
        strip,        // white space at the ends
        replace,      // `pattern` or the matches of `find` by `content`
        prepend,      // `content`, unless the text is empty
        byte_level,   // bytes as the characters of GPT-2's byte alphabet
        nmt_drop,     // the control characters that Nmt drops
        nmt_blank,    // the characters that Nmt makes blanks of
        bert_blank,   // white space of all kinds becomes a blank
        bert_chinese  // blanks around Chinese characters
    };

    Kind kind;
    unicode::Form form = unicode::Form::nfc;
    unicode::CharacterSet set = unicode::CharacterSet::combining_mark;
    bool left = false;
    bool right = false;
    std::string pattern = {};
    std::string content = {};
    MatchFinder find = {};
};

// BertNormalizer's options; `strip_accents` left out means as `lowercase`.
struct BertOptions {
    bool clean_text = true;
    bool handle_chinese_chars = true;
    bool strip_accents = true;
    bool lowercase = true;
};

// Steps are appended in order; a sequence is a longer list.
class Steps {
public:
    Steps& form(unicode::Form form);
    Steps& lowercase();
    Steps& strip_accents();
    Steps& strip(bool left, bool right);
    // Every occurrence of a string (an empty one occurs at every character and at the end).
    Steps& replace(std::string_view pattern, std::string_view content);
    Steps& replace_matches(MatchFinder find, std::string_view content);
    Steps& prepend(std::string_view content);
    Steps& byte_level();
    Steps& nmt();
    Steps& bert(const BertOptions& options);

    std::vector<Step> take() { return std::move(steps_); }

private:
    std::vector<Step> steps_;
};

// Where the characters of a rewritten text came from. Every byte of a character has the span of its character: that of one
// character of the original, the first if it was made of several, the one before if it was added. Characters put before
// everything else without replacing anything have the span [0, 0).
class Alignment {
public:
    // Bytes from `begin` to the next run. Either they are the original's bytes from source.begin on, each character its
    // own span (`same`), or all have the span `source`.
    struct Run {
        std::uint32_t begin;
        Span source;
        bool same;
    };

    std::span<const Run> runs() const noexcept { return runs_; }

    // The span of the character of `text` (the rewritten text) that the byte at `position` belongs to.
    Span at(std::string_view text, std::size_t position) const noexcept;
    // The same when positions are asked for in ascending order: `run` is where the last answer was found, 0 at first.
    Span at(std::string_view text, std::size_t position, std::size_t& run) const noexcept;

private:
    friend class Rewriter;
    friend class Normalizer;
    void append_same(std::uint32_t begin, std::uint32_t source, std::uint32_t count);
    void append(std::uint32_t begin, Span source);
    Span in_run(std::string_view text, std::size_t position, const Run& run) const noexcept;

    std::vector<Run> runs_;
};

// Memory that calls on one thread share.
class Workspace {
private:
    friend class Rewriter;
    friend class Normalizer;
    std::string texts_[2];
    Alignment alignments_[2];
    std::vector<unicode::NormalizedCharacter> characters_;
    std::vector<Span> matches_;
};

struct Result {
    std::string_view text;
    const Alignment* alignment;  // null if the text is unchanged (every character has its own span) or nobody asked
    bool unchanged;              // `text` is the text that came in; else it lies in the workspace until the next call
};

// Immutable: any number of threads may use one.
class Normalizer {
public:
    Normalizer() = default;
    Normalizer(std::vector<Step> steps, unicode::NormalizationData data);

    // Does no text ever change?
    bool is_identity() const noexcept { return steps_.empty(); }

    // Rewrites valid UTF-8. Error(value) if it grows too much, is 4 GiB or longer, or if the steps are such that tokenizers
    // itself fails (a form behind a Replace that put something before the first character).
    Result normalize(std::string_view text, Workspace& workspace, bool with_alignment, Cancel& cancel) const;

private:
    std::vector<Step> steps_;
    unicode::NormalizationData data_ = unicode::NormalizationData::unicode_16;
};

}  // namespace tokmill::normalized
