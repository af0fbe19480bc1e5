// The specification of the room, and its way out of rare cases: where does the pretoken that starts here end? A plain
// reading of each regex, one character at a time. In: valid UTF-8, a start. Out: the end, and whether anything behind
// the available text could change it. The patterns never look back, so any start of a pretoken will do as a start.
#pragma once

#include <array>
#include <cstdint>

#include "pretokens/scanner.hpp"
#include "pretokens/traits.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace spec {

inline constexpr std::uint8_t kEndOfText = 8;  // beside the classes of traits.hpp

constexpr std::uint8_t ascii_fine_class(std::uint8_t byte) noexcept {
    if (byte >= 'A' && byte <= 'Z') return unicode::kUpper;
    if (byte >= 'a' && byte <= 'z') return unicode::kLower;
    if (byte >= '0' && byte <= '9') return unicode::kNumber;
    if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return unicode::kWhiteSpace;
    if (byte > ' ' && byte < 0x7F) return unicode::kSymbol;
    return unicode::kOther;
}

template <Pattern kPattern>
inline constexpr std::array<std::uint8_t, 128> kAsciiClass = [] {
    std::array<std::uint8_t, 128> classes{};
    for (std::uint8_t byte = 0; byte < 128; ++byte) classes[byte] = base_class(kTraits<kPattern>, ascii_fine_class(byte));
    return classes;
}();

struct Char {
    std::uint8_t cls = kEndOfText;
    std::uint8_t byte = 0;   // its first byte; 0 at the end of the text
    bool in_script = false;  // of the pattern's script
    std::uint32_t next = 0;  // where the next character is

    bool is_end() const noexcept { return cls == kEndOfText; }
    bool is_letter() const noexcept { return is_letter_class(cls); }
    bool is_number() const noexcept { return cls == unicode::kNumber; }
    bool is_space() const noexcept { return cls == unicode::kWhiteSpace; }
    bool is_newline() const noexcept { return byte == '\n' || byte == '\r'; }
};

template <Pattern kPattern>
class Reader {
public:
    static constexpr Traits t = kTraits<kPattern>;

    Reader(const std::uint8_t* text, std::uint32_t end) noexcept : text_(text), end_(end) {}

    Char at(std::uint32_t position) noexcept {
        if (position >= end_) {
            saw_end_ = true;
            return {kEndOfText, 0, false, position};
        }
        const std::uint8_t byte = text_[position];
        if (byte < 0x80) return {kAsciiClass<kPattern>[byte], byte, false, position + 1};
        const std::uint32_t code_point = unicode::decode_utf8(text_ + position);
        const std::uint8_t fine = unicode::fine_class(code_point);
        // Han is no part of words; to cjk letters are letters, each in its piece.
        const std::uint8_t cls = t.script == Script::han ? mask_class(t, code_point, fine) : base_class(t, fine);
        return {cls, byte, pretokens::in_script(t, code_point, fine), position + unicode::utf8_length(byte)};
    }
    std::uint8_t byte_at(std::uint32_t position) noexcept {
        if (position < end_) return text_[position];
        saw_end_ = true;
        return 0;
    }
    bool saw_end() const noexcept { return saw_end_; }

private:
    const std::uint8_t* text_;
    std::uint32_t end_;
    bool saw_end_ = false;
};

// A text that ends where a step before has cut: in front of a number, and between the script and other characters.
template <Pattern kPattern>
class PieceReader {
public:
    static constexpr Traits t = kTraits<kPattern>;

    PieceReader(Reader<kPattern>& text, bool in_script) noexcept : text_(text), in_script_(in_script) {}

    Char at(std::uint32_t position) noexcept {
        const Char c = text_.at(position);
        return c.is_number() || c.in_script != in_script_ ? Char{kEndOfText, 0, in_script_, position} : c;
    }

private:
    Reader<kPattern>& text_;
    bool in_script_;
};

// [^\s\p{L}\p{N}]; qwen3.5: no marks, deepseek-v3: [\p{P}\p{S}]. (Where a mark is no letter, only words of o200k's kind see it.)
template <class Text>
bool is_other(Char c) noexcept {
    return c.cls == unicode::kOther || (Text::t.words != Words::punctuated && c.cls == unicode::kMark);
}

// Bytes of the contraction that begins with the apostrophe at `position`; 0 if there is none.
template <class Text>
std::uint32_t contraction_bytes(Text& reader, std::uint32_t position) noexcept {
    constexpr Contractions kContractions = Text::t.contractions;
    if constexpr (kContractions == Contractions::none) return 0;
    constexpr bool kAnyCase = kContractions == Contractions::any_case;
    const auto letter_at = [&](std::uint32_t p) noexcept -> std::uint8_t {
        const std::uint8_t byte = reader.byte_at(p);
        return kAnyCase && byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + 32) : byte;
    };
    if (reader.byte_at(position) != '\'') return 0;
    switch (letter_at(position + 1)) {
        case 's':
        case 'd':
        case 'm':
        case 't': return 2;
        case 'l': return letter_at(position + 2) == 'l' ? 3 : 0;
        case 'v':
        case 'r': return letter_at(position + 2) == 'e' ? 3 : 0;
        case 0xC5: return kAnyCase && reader.byte_at(position + 2) == 0xBF ? 3 : 0;  // U+017F folds to s
        default: return 0;
    }
}

template <class Text, class Member>
std::uint32_t run_end(Text& reader, std::uint32_t position, Member member) noexcept {
    for (Char c = reader.at(position); member(c); c = reader.at(position)) position = c.next;
    return position;
}

// \p{N}{1,3} or \p{N}.
template <class Text>
std::uint32_t number_end(Text& reader, std::uint32_t position) noexcept {
    for (int digits = 0; digits < Text::t.digits; ++digits) {
        const Char c = reader.at(position);
        if (!c.is_number()) break;
        position = c.next;
    }
    return position;
}

// Others, from the first one on, and what they take behind them.
template <class Text>
std::uint32_t others_end(Text& reader, std::uint32_t position) noexcept {
    constexpr Tail kTail = Text::t.tail;
    const std::uint32_t end = run_end(reader, position, is_other<Text>);
    if constexpr (kTail == Tail::none) return end;
    return run_end(reader, end, [](Char c) { return c.is_newline() || (kTail == Tail::newlines_and_slashes && c.byte == '/'); });
}

// \s++$|\s*[\r\n]|\s+(?!\S)|\s as far as a pattern has them, from a white-space character on.
template <class Text>
std::uint32_t white_space_end(Text& reader, std::uint32_t start) noexcept {
    constexpr Traits t = Text::t;
    std::uint32_t position = start, last_char = start, after_newline = start;
    Char c = reader.at(position);
    for (; c.is_space(); c = reader.at(position)) {
        last_char = position;
        position = c.next;
        if (c.is_newline()) after_newline = position;
    }
    if (t.whole_at_end && c.is_end()) return position;
    if (t.words != Words::bare && after_newline != start) return after_newline;
    return c.is_end() || last_char == start ? position : last_char;
}

template <class Text>
std::uint32_t bare_end(Text& reader, std::uint32_t start) noexcept {
    if (const std::uint32_t bytes = contraction_bytes(reader, start)) return start + bytes;
    const std::uint32_t body = start + (reader.at(start).byte == ' ' ? 1 : 0);
    const Char c = reader.at(body);
    if (c.is_letter()) return run_end(reader, body, [](Char d) { return d.is_letter(); });
    if (c.is_number()) return run_end(reader, body, [](Char d) { return d.is_number(); });
    if (is_other<Text>(c)) return others_end(reader, body);
    return white_space_end(reader, start);
}

template <class Text>
std::uint32_t prefixed_end(Text& reader, std::uint32_t start) noexcept {
    if (const std::uint32_t bytes = contraction_bytes(reader, start)) return start + bytes;
    const Char c = reader.at(start);
    const bool is_prefix = !c.is_newline() && !c.is_letter() && !c.is_number();
    const std::uint32_t word = is_prefix ? c.next : start;
    if (reader.at(word).is_letter()) return run_end(reader, word, [](Char d) { return d.is_letter(); });
    if (c.is_number()) return number_end(reader, start);
    const std::uint32_t body = start + (c.byte == ' ' ? 1 : 0);
    if (is_other<Text>(reader.at(body))) return others_end(reader, body);
    return white_space_end(reader, start);
}

// How the two cased alternatives end when their letters begin at `position` (0: no match):
// [U B]*[l B]+ and [U B]+[l B]*, with U = Lu|Lt, l = Ll, B = Lm|Lo|M.
struct CasedWord {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
};

template <class Text>
CasedWord cased_word(Text& reader, std::uint32_t start) noexcept {
    const auto is_both = [](Char c) { return c.cls == unicode::kLetter || c.cls == unicode::kMark; };
    std::uint32_t position = start, after_last_both = 0;
    Char c = reader.at(position);
    for (; c.cls == unicode::kUpper || is_both(c); c = reader.at(position)) {
        position = c.next;
        if (is_both(c)) after_last_both = position;
    }
    CasedWord ends;
    if (c.cls == unicode::kLower) {
        ends.first = run_end(reader, position, [&](Char d) { return d.cls == unicode::kLower || is_both(d); });
    } else {
        ends.first = after_last_both;  // the first part gives back as little as it has to
    }
    if (position != start) ends.second = position;
    return ends;
}

template <class Text>
std::uint32_t cased_end(Text& reader, std::uint32_t start) noexcept {
    const Char c = reader.at(start);
    if (c.in_script) return run_end(reader, start, [](Char d) { return d.in_script; });
    const bool is_prefix = !c.is_newline() && !c.is_letter() && !c.is_number();
    // In the order of the backtracking: first alternative with the prefix and without it, then the second one.
    const CasedWord prefixed = is_prefix ? cased_word(reader, c.next) : CasedWord{};
    std::uint32_t word = prefixed.first;
    if (word == 0) {
        const CasedWord bare = cased_word(reader, start);
        word = bare.first != 0 ? bare.first : prefixed.second != 0 ? prefixed.second : bare.second;
    }
    if (word != 0) return word + contraction_bytes(reader, word);
    if (c.is_number()) return number_end(reader, start);
    const std::uint32_t body = start + (c.byte == ' ' ? 1 : 0);
    if (is_other<Text>(reader.at(body))) return others_end(reader, body);
    return white_space_end(reader, start);
}

// The last of the steps, inside a piece; what its matches leave is a pretoken as well.
template <class Text>
std::uint32_t punctuated_end(Text& reader, std::uint32_t start) noexcept {
    const Char c = reader.at(start);
    const auto is_ascii_letter = [](Char d) { return d.byte < 0x80 && d.is_letter(); };
    if (is_other<Text>(c) && c.byte < 0x80 && is_ascii_letter(reader.at(c.next))) return run_end(reader, c.next, is_ascii_letter);
    const bool is_prefix = !c.is_newline() && (c.is_space() || c.cls == kGap);
    const std::uint32_t word = is_prefix ? c.next : start;
    if (reader.at(word).is_letter()) return run_end(reader, word, [](Char d) { return d.is_letter(); });
    const std::uint32_t body = start + (c.byte == ' ' ? 1 : 0);
    if (is_other<Text>(reader.at(body))) return others_end(reader, body);
    if (c.is_space()) return white_space_end(reader, start);
    // A gap ends where a match begins: its last character may be the prefix of a word.
    std::uint32_t last_char = start, position = start;
    Char d = c;
    for (; d.cls == kGap; d = reader.at(position)) {
        last_char = position;
        position = d.next;
    }
    return d.is_letter() ? last_char : position;
}

// Where words are unparted: the end of the match at `position`, `position` if there is none. No newline is looked for in white space that
// ends before `blank_end`, which is then brought up to the end of the white space here: so a run of it is read once.
template <class Text>
std::uint32_t match_end(Text& reader, std::uint32_t position, std::uint32_t& blank_end) noexcept {
    const Char c = reader.at(position);
    if (c.is_number()) return number_end(reader, position);
    const std::uint32_t body = position + (c.byte == ' ' ? 1 : 0);
    if (const Char first = reader.at(body); is_other<Text>(first))
        return is_other<Text>(reader.at(first.next)) ? others_end(reader, body) : position;
    if (!c.is_space()) return position;
    if (Text::t.space == Space::newlines_and_blanks && position >= blank_end) {
        std::uint32_t after_newline = position;
        blank_end = position;
        for (Char d = c; d.is_space(); d = reader.at(blank_end)) {
            blank_end = d.next;
            if (d.is_newline()) after_newline = d.next;
        }
        if (after_newline != position) return after_newline;
    }
    const std::uint32_t end = run_end(reader, position, [](Char d) { return d.byte == ' '; });
    const Char behind = reader.at(end);
    return behind.is_end() || behind.is_space() || end == position ? end : end - 1;
}

template <class Text>
std::uint32_t unparted_end(Text& reader, std::uint32_t start) noexcept {
    std::uint32_t blank_end = 0;
    if (const std::uint32_t end = match_end(reader, start, blank_end); end != start) return end;
    std::uint32_t position = reader.at(start).next;
    while (!reader.at(position).is_end() && match_end(reader, position, blank_end) == position) position = reader.at(position).next;
    return position;
}

template <Pattern kPattern>
std::uint32_t end_of(Reader<kPattern>& reader, std::uint32_t start) noexcept {
    constexpr Words kWords = kTraits<kPattern>.words;
    if constexpr (kWords == Words::bare) {
        return bare_end(reader, start);
    } else if constexpr (kWords == Words::prefixed) {
        return prefixed_end(reader, start);
    } else if constexpr (kWords == Words::cased) {
        return cased_end(reader, start);
    } else if constexpr (kWords == Words::unparted) {
        return unparted_end(reader, start);
    } else {
        const Char c = reader.at(start);
        if (c.is_number()) return number_end(reader, start);
        PieceReader<kPattern> piece(reader, c.in_script);
        return punctuated_end(piece, start);
    }
}

}  // namespace spec

struct PretokenEnd {
    std::uint32_t position;
    bool saw_end;  // more text could move it
};

// The end of the pretoken that starts at `start` < end; always greater than `start`.
template <Pattern kPattern>
PretokenEnd next_pretoken(const std::uint8_t* text, std::uint32_t start, std::uint32_t end) noexcept {
    spec::Reader<kPattern> reader(text, end);
    const std::uint32_t position = spec::end_of(reader, start);
    return {position, reader.saw_end()};
}

// May a scan begin anew at a safe cut inside of the pretoken that starts at `start`, with the same starts behind it? Between
// two letters, yes: what is left of a run of letters ends where the run ends (unparted words: it goes on from there); so it is in a run of
// Han, which is known by its first character. Cased words also look at case: there only if no lower-case letter stands before and a
// caseless one behind, so that both runs are of its first kind, [Lu Lt Lm Lo M]*, and have their last caseless letter in
// common.
template <Pattern kPattern>
bool begins_anew(const std::uint8_t* text, std::uint32_t start, std::uint32_t cut, std::uint32_t end) noexcept {
    constexpr Traits t = kTraits<kPattern>;
    spec::Reader<kPattern> reader(text, end);
    const spec::Char right = reader.at(cut);
    if (t.script == Script::han && reader.at(start).in_script) return right.in_script;
    if (t.words == Words::cased) {
        if (right.cls != unicode::kLetter) return false;
        std::uint8_t left = unicode::kLower;
        for (std::uint32_t at = start; at < cut;) {
            const spec::Char c = reader.at(at);
            const bool first_kind = c.cls == unicode::kUpper || c.cls == unicode::kLetter || c.cls == unicode::kMark;
            if (!first_kind && (at != start || c.cls == unicode::kLower)) return false;
            left = c.cls;
            at = c.next;
        }
        return left == unicode::kUpper || left == unicode::kLetter;
    }
    std::uint32_t lead = cut - 1;
    while (lead > start && (text[lead] & 0xC0) == 0x80) --lead;
    return right.is_letter() && reader.at(lead).is_letter();
}

}  // namespace tokmill::pretokens
