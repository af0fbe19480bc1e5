// What tells the split patterns apart, in the terms that the specification (next_pretoken.hpp) and the mask algebra share:
// a Pattern in, its Traits out. Every pattern is an ordered choice of the same few kinds of pieces, words, numbers, runs
// of others and white space; a trait says which form of a piece it has.
#pragma once

#include <cstdint>

#include "pretokens/scanner.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

enum class Words : std::uint8_t {
    bare,        // ` ?\p{L}+`: gpt2; numbers and others take a blank before them too
    prefixed,    // `[^\r\n\p{L}\p{N}]?\p{L}+`: cl100k and its kin
    cased,       // `[^\r\n\p{L}\p{N}]?`, then [UB]*[lB]+ or [UB]+[lB]*: o200k and its kin
    unparted,    // no piece of their own: what lies between the others is one, words and single others and blanks in it
    punctuated,  // `[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`: deepseek-v3
};

// The letters behind an apostrophe. With cased words they end a word, else they are a pretoken of their own.
enum class Contractions : std::uint8_t { none, lower_case, any_case };

// What a run of others takes behind it: `[\r\n]*`, `[\r\n/]*`.
enum class Tail : std::uint8_t { none, newlines, newlines_and_slashes };

// Characters that are kept apart from all others.
enum class Script : std::uint8_t {
    none,
    han,  // `\p{Han}+`, a pretoken unless a run of others or a number has begun before
    // Steps before the rest of the pattern cut out \p{N}{1,3}, then [\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+. To the rest,
    // which goes over the pieces of the script as well, the text ends where a piece does.
    cjk,
};

// What of white space is a piece where words are unparted; elsewhere all of it is.
enum class Space : std::uint8_t {
    all,
    blanks,               // ` +(?!\S)`
    newlines_and_blanks,  // `\s*[\r\n]+`, then ` +(?!\S)`
};

struct Traits {
    Words words;
    Contractions contractions;
    std::uint8_t digits;  // of a group; 0: any number
    Tail tail;
    bool whole_at_end;               // `\s++$`: white space that ends the text is one piece, newlines in it or not
    bool marks_are_letters = false;  // [\p{L}\p{M}] in place of \p{L}
    Script script = Script::none;
    Space space = Space::all;
};

constexpr Traits traits(Pattern pattern) noexcept {
    switch (pattern) {
        case Pattern::gpt2: return {Words::bare, Contractions::lower_case, 0, Tail::none, true};
        case Pattern::cl100k: return {Words::prefixed, Contractions::any_case, 3, Tail::newlines, true};
        case Pattern::o200k: return {Words::cased, Contractions::any_case, 3, Tail::newlines_and_slashes, false};
        case Pattern::llama3: return {Words::prefixed, Contractions::any_case, 3, Tail::newlines, false};
        case Pattern::qwen2: return {Words::prefixed, Contractions::any_case, 1, Tail::newlines, false};
        case Pattern::qwen3_5: return {Words::prefixed, Contractions::any_case, 1, Tail::newlines, false, true};
        case Pattern::tekken: return {Words::cased, Contractions::none, 1, Tail::newlines_and_slashes, false};
        case Pattern::kimi: return {Words::cased, Contractions::any_case, 3, Tail::newlines, false, false, Script::han};
        case Pattern::superbpe:
            return {Words::unparted, Contractions::none, 3, Tail::newlines_and_slashes, false, false, Script::none, Space::blanks};
        case Pattern::superwords:
            return {Words::unparted, Contractions::none,        3, Tail::newlines_and_slashes, false, false,
                    Script::none,    Space::newlines_and_blanks};
        case Pattern::deepseek_v3: break;
    }
    return {Words::punctuated, Contractions::none, 3, Tail::newlines, false, true, Script::cjk};
}

template <Pattern kPattern>
inline constexpr Traits kTraits = traits(kPattern);

// Calls `use` as a template with the pattern as its argument.
template <class Use>
constexpr auto with_pattern(Pattern pattern, Use use) {
    switch (pattern) {
        case Pattern::gpt2: return use.template operator()<Pattern::gpt2>();
        case Pattern::cl100k: return use.template operator()<Pattern::cl100k>();
        case Pattern::o200k: return use.template operator()<Pattern::o200k>();
        case Pattern::llama3: return use.template operator()<Pattern::llama3>();
        case Pattern::qwen2: return use.template operator()<Pattern::qwen2>();
        case Pattern::qwen3_5: return use.template operator()<Pattern::qwen3_5>();
        case Pattern::tekken: return use.template operator()<Pattern::tekken>();
        case Pattern::kimi: return use.template operator()<Pattern::kimi>();
        case Pattern::superbpe: return use.template operator()<Pattern::superbpe>();
        case Pattern::superwords: return use.template operator()<Pattern::superwords>();
        case Pattern::deepseek_v3: break;
    }
    return use.template operator()<Pattern::deepseek_v3>();
}

constexpr bool is_letter_class(std::uint8_t cls) noexcept { return cls >= unicode::kUpper && cls <= unicode::kLetter; }

// What a pattern tells apart, whatever the script: the values of unicode::CharClass, and one in place of marks.
inline constexpr std::uint8_t kGap = unicode::kMark;  // deepseek-v3: [^\s\p{L}\p{M}\p{N}\p{P}\p{S}], which no alternative begins with

constexpr std::uint8_t base_class(const Traits& t, std::uint8_t fine) noexcept {
    const std::uint8_t cls = fine & unicode::kFineClass;
    if (cls == unicode::kSymbol) return unicode::kOther;
    if (cls == unicode::kMark && t.marks_are_letters) return unicode::kLetter;
    if (t.words == Words::punctuated) {
        if (is_letter_class(cls)) return unicode::kLetter;
        if (cls == unicode::kOther) return kGap;
    }
    return cls;
}

constexpr bool in_script(const Traits& t, std::uint32_t code_point, std::uint8_t fine) noexcept {
    if (t.script == Script::han) return (fine & unicode::kHan) != 0;
    return t.script == Script::cjk && ((code_point >= 0x4E00 && code_point <= 0x9FA5) || (code_point >= 0x3040 && code_point <= 0x30FF));
}

// Both in three bits, for the masks. Members of Han that are no letters keep their class (odd_han of mask_algebra.inc finds them).
inline constexpr std::uint8_t kScriptLetter = 7;
inline constexpr std::uint8_t kScriptSymbol = unicode::kUpper;  // cjk alone, whose words do not look at case
inline constexpr std::uint8_t kScriptGap = unicode::kLower;     // the same

constexpr std::uint8_t mask_class(const Traits& t, std::uint32_t code_point, std::uint8_t fine) noexcept {
    const std::uint8_t cls = base_class(t, fine);
    if (!in_script(t, code_point, fine)) return cls;
    if (is_letter_class(cls)) return kScriptLetter;
    if (t.script == Script::cjk) return cls == kGap ? kScriptGap : kScriptSymbol;
    return cls == unicode::kMark ? static_cast<std::uint8_t>(unicode::kOther) : cls;
}

}  // namespace tokmill::pretokens
