#include "tokens/origin_tracker.hpp"

#include <algorithm>

#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

bool is_inside(std::string_view text, std::size_t position) noexcept {
    return position < text.size() && unicode::is_continuation(bytes_of(text)[position]);
}

}  // namespace

void OriginTracker::begin_document(std::string_view document, bool counts_bytes) {
    document_ = document;
    counts_bytes_ = counts_bytes;
    is_ascii_ = !counts_bytes && unicode::count_characters(bytes_of(document), document.size()) == document.size();
    known_byte_ = known_characters_ = 0;
    block_.bytes.end_document();
}

void OriginTracker::begin_stretch(std::size_t begin, std::string_view text, const normalized::Alignment* alignment) noexcept {
    stretch_begin_ = begin;
    text_ = text;
    alignment_ = alignment;
    run_ = 0;
}

// Places are asked for in nearly rising order: from the last one it is never far.
std::uint32_t OriginTracker::places_before(std::size_t document_byte) {
    if (counts_bytes_ || is_ascii_) return static_cast<std::uint32_t>(document_byte);
    if (document_byte >= known_byte_) {
        known_characters_ +=
            static_cast<std::uint32_t>(unicode::count_characters(bytes_of(document_) + known_byte_, document_byte - known_byte_));
    } else {
        known_characters_ -=
            static_cast<std::uint32_t>(unicode::count_characters(bytes_of(document_) + document_byte, known_byte_ - document_byte));
    }
    known_byte_ = document_byte;
    return known_characters_;
}

// What the byte at a position of the stretch's text stands for.
pretokens::CharacterSpan OriginTracker::character_at(std::size_t position) {
    if (alignment_ != nullptr) {
        const normalized::Span span = alignment_->at(text_, position);
        const std::uint32_t begin = places_before(stretch_begin_ + span.begin);
        return {begin, span.begin == span.end ? begin : places_before(stretch_begin_ + span.end)};
    }
    while (is_inside(text_, position)) --position;
    const std::uint32_t begin = places_before(stretch_begin_ + position);
    return {begin, begin + (counts_bytes_ ? unicode::utf8_length(bytes_of(text_)[position]) : 1)};
}

// The space before a piece stands for the piece's first character.
pretokens::CharacterSpan OriginTracker::span_of(const Piece& piece, std::size_t byte) {
    return character_at(piece.begin + byte - (piece.adds_space && byte != 0 ? 1 : 0));
}

void OriginTracker::note(std::size_t block_begin, const Piece& piece) {
    const std::size_t space = piece.adds_space ? 1 : 0;
    if (piece.adds_space) block_.bytes.append(static_cast<std::uint32_t>(block_begin), span_of(piece, 0));
    note_bytes(block_begin + space, piece.begin, piece.begin + piece.bytes.size() - space);
}

void OriginTracker::note_bytes(std::size_t block_begin, std::size_t from, std::size_t to) {
    if (alignment_ == nullptr) {
        note_same(block_begin, from, to, stretch_begin_ + from);
        return;
    }
    const auto runs = alignment_->runs();
    if (from < runs[run_].begin) run_ = 0;
    while (from < to) {
        while (run_ + 1 < runs.size() && runs[run_ + 1].begin <= from) ++run_;
        const normalized::Alignment::Run& run = runs[run_];
        const std::size_t end = std::min<std::size_t>(to, run_ + 1 < runs.size() ? runs[run_ + 1].begin : to);
        if (run.same) {
            note_same(block_begin, from, end, stretch_begin_ + run.source.begin + (from - run.begin));
        } else {
            block_.bytes.append(static_cast<std::uint32_t>(block_begin), character_at(from));
        }
        block_begin += end - from;
        from = end;
    }
}

// Bytes [from, to) of the text are those of the document from `source` on. What is only a part of a character stands for the whole.
void OriginTracker::note_same(std::size_t block_begin, std::size_t from, std::size_t to, std::size_t source) {
    std::size_t whole = from;
    while (whole < to && is_inside(text_, whole)) ++whole;
    std::size_t whole_end = to;
    while (whole_end > whole && is_inside(text_, whole_end)) --whole_end;
    if (whole > from) block_.bytes.append(static_cast<std::uint32_t>(block_begin), character_at(from));
    if (whole_end > whole) {
        const std::size_t whole_source = source + (whole - from);
        const std::uint32_t place = block_.bytes.goes_on(whole_source) ? 0 : places_before(whole_source);
        block_.bytes.append_same(static_cast<std::uint32_t>(block_begin + (whole - from)), whole_source,
                                 static_cast<std::uint32_t>(whole_end - whole), place);
    }
    if (to > whole_end) block_.bytes.append(static_cast<std::uint32_t>(block_begin + (whole_end - from)), character_at(whole_end));
}

// Of a word whose bytes all have tokens only the marks at its ends come in; else see note_changed().
void OriginTracker::note_word(std::size_t block_begin, std::uint32_t pretoken, const Piece& piece, const Preprocessing& preprocessing) {
    using ByteUse = Preprocessing::ByteUse;
    const std::size_t last = piece.bytes.size() - 1;
    bool all_kept = true, all_dropped = true;
    for (std::size_t i = 0; i <= last; ++i) {
        const auto byte = static_cast<std::uint8_t>(piece.bytes[i]);
        const bool at_mark = (preprocessing.marks_begin() && i == 0) || (preprocessing.marks_end() && i == last);
        const ByteUse use = at_mark ? preprocessing.use_at_mark(byte) : preprocessing.use_inside(byte);
        all_kept &= use == ByteUse::keep;
        all_dropped &= use == ByteUse::drop;
    }
    if (all_dropped) {
        block_.wordless.push_back(pretoken);
    } else if (!all_kept) {
        note_changed(block_begin, piece, preprocessing);
    } else {
        if (preprocessing.marks_begin()) block_.bytes.append(static_cast<std::uint32_t>(block_begin++), span_of(piece, 0));
        note(block_begin, piece);
        if (preprocessing.marks_end()) block_.bytes.append(static_cast<std::uint32_t>(block_begin + last + 1), span_of(piece, last));
    }
}

// tokenizers forgets bytes that it drops: the tokens behind them stand for the text as if they followed directly, counted in bytes of the
// spelling. Of "a\xc3\xa9b", spelt "a", "\u00c3", "\u00a9", "b" in 1 + 2 + 2 + 1 bytes, without a token for "\u00c3" the "\u00a9" gets
// the span of spelling bytes 1 and 2, which is that of the dropped byte, and "b" that of byte 3.
void OriginTracker::note_changed(std::size_t block_begin, const Piece& piece, const Preprocessing& preprocessing) {
    using ByteUse = Preprocessing::ByteUse;
    byte_of_letter_.clear();
    const auto letter_bytes = [](char byte) {
        std::string letter;
        formats::append_spelling({&byte, 1}, letter);
        return letter.size();
    };
    for (std::size_t i = 0; i < piece.bytes.size(); ++i)
        byte_of_letter_.insert(byte_of_letter_.end(), letter_bytes(piece.bytes[i]), static_cast<std::uint32_t>(i));
    const std::size_t last = piece.bytes.size() - 1;
    std::size_t spelt = 0;
    auto at = static_cast<std::uint32_t>(block_begin);
    bool is_unknown = false;  // what was noted last
    for (std::size_t i = 0; i <= last; ++i) {
        const auto byte = static_cast<std::uint8_t>(piece.bytes[i]);
        const bool first_mark = preprocessing.marks_begin() && i == 0, last_mark = preprocessing.marks_end() && i == last;
        const ByteUse use = first_mark || last_mark ? preprocessing.use_at_mark(byte) : preprocessing.use_inside(byte);
        if (use == ByteUse::drop) continue;
        const std::size_t next = spelt + letter_bytes(piece.bytes[i]);
        const pretokens::CharacterSpan source{span_of(piece, byte_of_letter_[spelt]).begin, span_of(piece, byte_of_letter_[next - 1]).end};
        spelt = next;
        if (use == ByteUse::unknown && is_unknown && preprocessing.components().fuse_unknown) {
            block_.bytes.extend(source.end);
            continue;
        }
        is_unknown = use == ByteUse::unknown;
        block_.bytes.append(at, source, !is_unknown);
        at += 1 + (!is_unknown && first_mark ? 1 : 0) + (!is_unknown && last_mark ? 1 : 0);
    }
}

void OriginTracker::note_added(std::size_t block_begin, std::size_t from, std::size_t to) {
    const pretokens::CharacterSpan source{character_at(from).begin, character_at(to - 1).end};
    block_.bytes.append(static_cast<std::uint32_t>(block_begin), source);
    block_.added_blanks.push_back(pretokens::blanks_of(text_.substr(from, to - from)));
}

void OriginTracker::drop(const std::uint8_t* text, std::uint32_t byte_count, std::uint32_t text_end, std::uint32_t pretokens) {
    if (byte_count == text_end) {
        block_.bytes.clear();
    } else {
        block_.bytes.drop(text, byte_count, counts_bytes_);
    }
    block_.added_blanks.clear();
    std::erase_if(block_.wordless, [pretokens](std::uint32_t pretoken) { return pretoken < pretokens; });
    for (std::uint32_t& pretoken : block_.wordless) pretoken -= pretokens;
}

}  // namespace tokmill::tokens
