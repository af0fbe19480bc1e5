// The specification of the room, and its way out of rare cases: where does the pretoken that starts here end? A plain
// reading of each regex, one character at a time. In: valid UTF-8, a start. Out: the end, and whether anything behind
// the available text could change it. The patterns never look back, so any start of a pretoken will do as a start.
#pragma once

#include <array>
#include <cstdint>

#include "pretokens/pretokens.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace spec {

inline constexpr std::uint8_t kEndOfText = 7;  // beside the values of unicode::CharClass

constexpr std::uint8_t ascii_class(std::uint8_t byte) noexcept {
    if (byte >= 'A' && byte <= 'Z') return unicode::kUpper;
    if (byte >= 'a' && byte <= 'z') return unicode::kLower;
    if (byte >= '0' && byte <= '9') return unicode::kNumber;
    if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return unicode::kWhiteSpace;
    return unicode::kOther;
}

inline constexpr std::array<std::uint8_t, 128> kAsciiClass = [] {
    std::array<std::uint8_t, 128> classes{};
    for (std::uint8_t byte = 0; byte < 128; ++byte) classes[byte] = ascii_class(byte);
    return classes;
}();

struct Char {
    std::uint8_t cls = kEndOfText;
    std::uint8_t byte = 0;    // its first byte; 0 at the end of the text
    std::uint32_t next = 0;   // where the next character is

    bool is_end() const noexcept { return cls == kEndOfText; }
    bool is_letter() const noexcept { return cls == unicode::kUpper || cls == unicode::kLower || cls == unicode::kLetter; }
    bool is_number() const noexcept { return cls == unicode::kNumber; }
    bool is_space() const noexcept { return cls == unicode::kWhiteSpace; }
    bool is_other() const noexcept { return cls == unicode::kOther || cls == unicode::kMark; }  // [^\s\p{L}\p{N}]
    bool is_newline() const noexcept { return byte == '\n' || byte == '\r'; }
};

class Reader {
public:
    Reader(const std::uint8_t* text, std::uint32_t end) noexcept : text_(text), end_(end) {}

    Char at(std::uint32_t position) noexcept {
        if (position >= end_) {
            saw_end_ = true;
            return {kEndOfText, 0, position};
        }
        const std::uint8_t byte = text_[position];
        if (byte < 0x80) return {kAsciiClass[byte], byte, position + 1};
        return {unicode::char_class(unicode::decode_utf8(text_ + position)), byte, position + unicode::utf8_length(byte)};
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

// Bytes of the contraction that begins with the apostrophe at `position`; 0 if there is none.
template <bool kAnyCase>
std::uint32_t contraction_bytes(Reader& reader, std::uint32_t position) noexcept {
    const auto letter_at = [&](std::uint32_t p) noexcept -> std::uint8_t {
        const std::uint8_t byte = reader.byte_at(p);
        return kAnyCase && byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + 32) : byte;
    };
    if (reader.byte_at(position) != '\'') return 0;
    switch (letter_at(position + 1)) {
        case 's': case 'd': case 'm': case 't': return 2;
        case 'l': return letter_at(position + 2) == 'l' ? 3 : 0;
        case 'v': case 'r': return letter_at(position + 2) == 'e' ? 3 : 0;
        case 0xC5: return kAnyCase && reader.byte_at(position + 2) == 0xBF ? 3 : 0;  // U+017F folds to s
        default: return 0;
    }
}

// \s++$|\s*[\r\n]|\s+(?!\S)|\s as far as a pattern has them, from a white-space character on.
template <bool kWholeAtEnd, bool kNewlinesFirst>
std::uint32_t white_space_end(Reader& reader, std::uint32_t start) noexcept {
    std::uint32_t position = start, last_char = start, after_newline = start;
    Char c = reader.at(position);
    for (; c.is_space(); c = reader.at(position)) {
        last_char = position;
        position = c.next;
        if (c.is_newline()) after_newline = position;
    }
    if (kWholeAtEnd && c.is_end()) return position;
    if (kNewlinesFirst && after_newline != start) return after_newline;
    return c.is_end() || last_char == start ? position : last_char;
}

inline std::uint32_t number_end(Reader& reader, std::uint32_t position) noexcept {
    for (int digits = 0; digits < 3; ++digits) {
        const Char c = reader.at(position);
        if (!c.is_number()) break;
        position = c.next;
    }
    return position;
}

template <class Member>
std::uint32_t run_end(Reader& reader, std::uint32_t position, Member member) noexcept {
    for (Char c = reader.at(position); member(c); c = reader.at(position)) position = c.next;
    return position;
}

inline std::uint32_t gpt2_end(Reader& reader, std::uint32_t start) noexcept {
    if (const std::uint32_t bytes = contraction_bytes<false>(reader, start)) return start + bytes;
    const std::uint32_t body = start + (reader.at(start).byte == ' ' ? 1 : 0);
    const Char c = reader.at(body);
    if (c.is_letter()) return run_end(reader, body, [](Char d) { return d.is_letter(); });
    if (c.is_number()) return run_end(reader, body, [](Char d) { return d.is_number(); });
    if (c.is_other()) return run_end(reader, body, [](Char d) { return d.is_other(); });
    return white_space_end<true, false>(reader, start);
}

inline std::uint32_t cl100k_end(Reader& reader, std::uint32_t start) noexcept {
    if (const std::uint32_t bytes = contraction_bytes<true>(reader, start)) return start + bytes;
    const Char c = reader.at(start);
    const bool is_prefix = !c.is_newline() && !c.is_letter() && !c.is_number();
    const std::uint32_t word = is_prefix ? c.next : start;
    if (reader.at(word).is_letter()) return run_end(reader, word, [](Char d) { return d.is_letter(); });
    if (c.is_number()) return number_end(reader, start);
    const std::uint32_t body = start + (c.byte == ' ' ? 1 : 0);
    if (reader.at(body).is_other()) {
        const std::uint32_t others = run_end(reader, body, [](Char d) { return d.is_other(); });
        return run_end(reader, others, [](Char d) { return d.is_newline(); });
    }
    return white_space_end<true, true>(reader, start);
}

// How the two word alternatives of o200k end when their letters begin at `position` (0: no match):
// [U B]*[l B]+ and [U B]+[l B]*, with U = Lu|Lt, l = Ll, B = Lm|Lo|M.
struct O200kWord {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
};

inline O200kWord o200k_word(Reader& reader, std::uint32_t start) noexcept {
    const auto is_both = [](Char c) { return c.cls == unicode::kLetter || c.cls == unicode::kMark; };
    std::uint32_t position = start, after_last_both = 0;
    Char c = reader.at(position);
    for (; c.cls == unicode::kUpper || is_both(c); c = reader.at(position)) {
        position = c.next;
        if (is_both(c)) after_last_both = position;
    }
    O200kWord ends;
    if (c.cls == unicode::kLower) {
        ends.first = run_end(reader, position, [&](Char d) { return d.cls == unicode::kLower || is_both(d); });
    } else {
        ends.first = after_last_both;  // the first part gives back as little as it has to
    }
    if (position != start) ends.second = position;
    return ends;
}

inline std::uint32_t o200k_end(Reader& reader, std::uint32_t start) noexcept {
    const Char c = reader.at(start);
    const bool is_prefix = !c.is_newline() && !c.is_letter() && !c.is_number();
    // In the order of the backtracking: first alternative with the prefix and without it, then the second one.
    const O200kWord prefixed = is_prefix ? o200k_word(reader, c.next) : O200kWord{};
    std::uint32_t word = prefixed.first;
    if (word == 0) {
        const O200kWord bare = o200k_word(reader, start);
        word = bare.first != 0 ? bare.first : prefixed.second != 0 ? prefixed.second : bare.second;
    }
    if (word != 0) return word + contraction_bytes<true>(reader, word);
    if (c.is_number()) return number_end(reader, start);
    const std::uint32_t body = start + (c.byte == ' ' ? 1 : 0);
    if (reader.at(body).is_other()) {
        const std::uint32_t others = run_end(reader, body, [](Char d) { return d.is_other(); });
        return run_end(reader, others, [](Char d) { return d.is_newline() || d.byte == '/'; });
    }
    return white_space_end<false, true>(reader, start);
}

}  // namespace spec

struct PretokenEnd {
    std::uint32_t position;
    bool saw_end;  // more text could move it
};

// The end of the pretoken that starts at `start` < end; always greater than `start`.
template <Pattern kPattern>
PretokenEnd next_pretoken(const std::uint8_t* text, std::uint32_t start, std::uint32_t end) noexcept {
    spec::Reader reader(text, end);
    std::uint32_t position;
    if constexpr (kPattern == Pattern::gpt2) position = spec::gpt2_end(reader, start);
    if constexpr (kPattern == Pattern::cl100k) position = spec::cl100k_end(reader, start);
    if constexpr (kPattern == Pattern::o200k) position = spec::o200k_end(reader, start);
    return {position, reader.saw_end()};
}

// May a scan begin anew at a safe cut inside of the pretoken that starts at `start`, with the same starts behind it? Between
// two letters, yes: what is left of a run of letters ends where the run ends. o200k also looks at case: there only if no
// lower-case letter stands before and a caseless one behind, so that both runs are of its first kind, [Lu Lt Lm Lo M]*,
// and have their last caseless letter in common.
template <Pattern kPattern>
bool begins_anew(const std::uint8_t* text, std::uint32_t start, std::uint32_t cut, std::uint32_t end) noexcept {
    spec::Reader reader(text, end);
    const spec::Char right = reader.at(cut);
    if (kPattern == Pattern::o200k) {
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
