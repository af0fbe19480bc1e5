// The steps, each a walk over the text that tells a Rewriter what becomes of it.
#include <algorithm>
#include <array>

#include "normalized/literal.hpp"
#include "normalized/normalized.hpp"
#include "normalized/rewriter.hpp"

namespace tokmill::normalized {

namespace {

constexpr std::size_t kBytesBetweenPolls = 1 << 16;

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// Calls function(code_point, begin, end) for each character; looks for Ctrl-C now and then.
template <class Function>
void each_character(std::string_view text, Cancel& cancel, Function&& function) {
    const std::uint8_t* const bytes = bytes_of(text);
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t pause = std::min(text.size(), position + kBytesBetweenPolls);
        while (position < pause) {
            const std::size_t end = position + unicode::utf8_length(bytes[position]);
            function(unicode::decode_utf8(bytes + position), position, end);
            position = end;
        }
        cancel.poll();
    }
}

// Drops the characters of which `dropped` is true.
template <class Predicate>
void drop_characters(std::string_view text, Rewriter& rewriter, Cancel& cancel, Predicate&& dropped) {
    std::size_t kept = 0;  // from here on nothing was told yet
    each_character(text, cancel, [&](std::uint32_t code_point, std::size_t begin, std::size_t end) {
        if (!dropped(code_point)) return;
        rewriter.keep(kept, begin);
        rewriter.drop(begin, end);
        kept = end;
    });
    rewriter.keep(kept, text.size());
}

// Makes blanks of the characters of which `becomes_blank` is true.
template <class Predicate>
void blank_characters(std::string_view text, Rewriter& rewriter, Cancel& cancel, Predicate&& becomes_blank) {
    std::size_t kept = 0;
    each_character(text, cancel, [&](std::uint32_t code_point, std::size_t begin, std::size_t end) {
        if (!becomes_blank(code_point)) return;
        rewriter.keep(kept, begin);
        rewriter.put(' ', 1);
        kept = end;
    });
    rewriter.keep(kept, text.size());
}

void apply_form(const unicode::FormNormalizer& form, std::string_view text, Rewriter& rewriter,
                std::vector<unicode::NormalizedCharacter>& characters, Cancel& cancel) {
    const std::uint8_t* const bytes = bytes_of(text);
    // A doubtful segment may turn out to be fine: it is told together with what follows.
    const auto stays = [&](std::size_t position, std::size_t end) {
        for (const unicode::NormalizedCharacter& character : characters) {
            if (position == end || character.consumed != 1 || unicode::decode_utf8(bytes + position) != character.code_point) return false;
            position += unicode::utf8_length(bytes[position]);
        }
        return position == end;
    };
    std::size_t kept = 0;
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t begin = form.first_doubtful(bytes, text.size(), position, cancel);
        if (begin == text.size()) break;
        const std::size_t end = form.segment_end(bytes, text.size(), begin, cancel);
        form.normalize_segment(bytes, begin, end, characters, cancel);
        if (!stays(begin, end)) {
            rewriter.keep(kept, begin);
            for (const unicode::NormalizedCharacter& character : characters) rewriter.put(character.code_point, character.consumed);
            kept = end;
        }
        position = end;
    }
    rewriter.keep(kept, text.size());
}

// Works in blocks on the stack: nearly every letter keeps its length, and sixteen ASCII letters are changed at a time.
void lowercase(std::string_view text, Rewriter& rewriter, Cancel& cancel) {
    const std::uint8_t* const bytes = bytes_of(text);
    std::array<char, 4096> block;
    std::size_t kept = 0;   // from here on nothing was told yet
    std::size_t count = 0;  // bytes in the block; they stand for the text before `position`
    bool changes = false;
    std::size_t position = 0;
    const auto flush = [&] {
        if (changes) {
            rewriter.keep(kept, position - count);
            rewriter.overwrite(position - count, position, {block.data(), count});
            kept = position;
        }
        count = 0;
        changes = false;
    };
    while (position < text.size()) {
        constexpr std::size_t kStride = 16;
        if (count + kStride > block.size()) {
            flush();
            cancel.poll();
        }
        if (position + kStride <= text.size()) {
            std::uint8_t all = 0;
            for (std::size_t i = 0; i < kStride; ++i) all |= bytes[position + i];
            if (all < 0x80) {
                std::uint8_t changed = 0;
                for (std::size_t i = 0; i < kStride; ++i) {
                    const std::uint8_t byte = bytes[position + i];
                    const auto bit = static_cast<std::uint8_t>(static_cast<std::uint8_t>(byte - 'A') < 26 ? 0x20 : 0);
                    block[count + i] = static_cast<char>(byte | bit);
                    changed |= bit;
                }
                changes |= changed != 0;
                count += kStride;
                position += kStride;
                continue;
            }
        }
        const std::uint32_t code_point = unicode::decode_utf8(bytes + position);
        const std::size_t length = unicode::utf8_length(bytes[position]);
        const std::uint32_t lower = unicode::lower_case(code_point);
        std::uint8_t made[4];
        if (unicode::encode_utf8(lower, made) == length) {
            std::copy_n(made, length, block.data() + count);
            changes |= lower != code_point;
            count += length;
            position += length;
            continue;
        }
        flush();
        rewriter.keep(kept, position);
        rewriter.put(lower, 1);
        if (code_point == unicode::kDottedCapitalI) rewriter.put(unicode::kCombiningDotAbove, 0);
        position += length;
        kept = position;
    }
    flush();
    rewriter.keep(kept, text.size());
}

// What is left of the text without the white space at its ends.
Span strip_bounds(std::string_view text, bool left, bool right) {
    const std::uint8_t* const bytes = bytes_of(text);
    const auto is_space = [&](std::size_t at) { return contains(unicode::CharacterSet::white_space, unicode::decode_utf8(bytes + at)); };
    std::size_t begin = 0;
    while (left && begin < text.size() && is_space(begin)) begin += unicode::utf8_length(bytes[begin]);
    std::size_t end = text.size();
    while (right && end > begin) {
        std::size_t last = end - 1;
        while ((bytes[last] & 0xC0) == 0x80) --last;
        if (!is_space(last)) break;
        end = last;
    }
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

void strip(std::string_view text, Span kept, Rewriter& rewriter) {
    rewriter.drop(0, kept.begin);
    rewriter.keep(kept.begin, kept.end);
    rewriter.drop(kept.end, text.size());
}

void replace(std::string_view text, std::string_view content, const std::vector<Span>& matches, Rewriter& rewriter, Cancel& cancel) {
    // A character that is replaced by itself has its own place: it is as if it had not been found. (CLIP makes " " of `\s+`, at each word.)
    const bool is_character = !content.empty() && unicode::utf8_length(static_cast<std::uint8_t>(content[0])) == content.size();
    std::size_t kept = 0;
    std::size_t next_poll = kBytesBetweenPolls;
    for (const Span match : matches) {
        if (is_character && text.substr(match.begin, match.end - match.begin) == content) continue;
        rewriter.keep(kept, match.begin);
        rewriter.drop(match.begin, match.end);
        rewriter.put_at(content, match.end == 0 ? Rewriter::kNowhere : match.end - 1);
        kept = match.end;
        if (kept >= next_poll) {
            cancel.poll();
            next_poll = kept + kBytesBetweenPolls;
        }
    }
    rewriter.keep(kept, text.size());
}

void prepend(std::string_view text, std::string_view content, Rewriter& rewriter) {
    if (!content.empty()) {
        rewriter.put_at(content, 0);
        rewriter.keep(0, text.size());
        return;
    }
    // tokenizers takes the first character for an addition, and it loses its place.
    const std::size_t first = unicode::utf8_length(static_cast<std::uint8_t>(text[0]));
    rewriter.drop(0, first);
    rewriter.put_at(text.substr(0, first), Rewriter::kNowhere);
    rewriter.keep(first, text.size());
}

// GPT-2's byte alphabet: printable bytes of Latin-1 stand for themselves, the others for the characters from U+0100 on.
constexpr std::array<std::uint16_t, 256> make_byte_alphabet() {
    std::array<std::uint16_t, 256> alphabet{};
    std::uint16_t next = 0x100;
    for (std::uint16_t byte = 0; byte < 256; ++byte) {
        const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
        alphabet[byte] = printable ? byte : next++;
    }
    return alphabet;
}
constexpr std::array<std::uint16_t, 256> kByteAlphabet = make_byte_alphabet();

void byte_level(std::string_view text, Rewriter& rewriter, Cancel& cancel) {
    std::size_t kept = 0;
    each_character(text, cancel, [&](std::uint32_t code_point, std::size_t begin, std::size_t end) {
        if (end == begin + 1 && kByteAlphabet[code_point] == code_point) return;
        rewriter.keep(kept, begin);
        for (std::size_t i = begin; i < end; ++i) rewriter.put(kByteAlphabet[bytes_of(text)[i]], i == begin ? 1 : 0);
        kept = end;
    });
    rewriter.keep(kept, text.size());
}

void surround_chinese(std::string_view text, Rewriter& rewriter, Cancel& cancel) {
    constexpr std::array<unicode::CodePointRange, 8> kChinese{{{0x3400, 0x4DBF},
                                                               {0x4E00, 0x9FFF},
                                                               {0xF900, 0xFAFF},
                                                               {0x20000, 0x2A6DF},
                                                               {0x2A700, 0x2B73F},
                                                               {0x2B740, 0x2B81F},
                                                               {0x2B920, 0x2CEAF},
                                                               {0x2F800, 0x2FA1F}}};
    std::size_t kept = 0;
    each_character(text, cancel, [&](std::uint32_t code_point, std::size_t begin, std::size_t end) {
        if (code_point < kChinese[0].first) return;
        if (std::ranges::none_of(kChinese, [=](const auto& range) { return range.first <= code_point && code_point <= range.last; }))
            return;
        rewriter.keep(kept, begin);
        rewriter.put(' ', 1);
        rewriter.put(code_point, 0);
        rewriter.put(' ', 0);
        kept = end;
    });
    rewriter.keep(kept, text.size());
}

constexpr bool nmt_drops(std::uint32_t c) noexcept {
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}
constexpr bool nmt_blanks(std::uint32_t c) noexcept {
    return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
           c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

}  // namespace

Steps& Steps::form(unicode::Form form) {
    steps_.push_back({.kind = Step::Kind::form, .form = form});
    return *this;
}
Steps& Steps::lowercase() {
    steps_.push_back({.kind = Step::Kind::lowercase});
    return *this;
}
Steps& Steps::strip_accents() {
    steps_.push_back({.kind = Step::Kind::strip_accents});
    return *this;
}
Steps& Steps::strip(bool left, bool right) {
    if (left || right) steps_.push_back({.kind = Step::Kind::strip, .left = left, .right = right});
    return *this;
}
Steps& Steps::replace(std::string_view pattern, std::string_view content) {
    steps_.push_back({.kind = Step::Kind::replace, .pattern = std::string(pattern), .content = std::string(content)});
    return *this;
}
Steps& Steps::replace_matches(MatchFinder find, std::string_view content) {
    steps_.push_back({.kind = Step::Kind::replace, .content = std::string(content), .find = std::move(find)});
    return *this;
}
Steps& Steps::prepend(std::string_view content) {
    steps_.push_back({.kind = Step::Kind::prepend, .content = std::string(content)});
    return *this;
}
Steps& Steps::byte_level() {
    steps_.push_back({.kind = Step::Kind::byte_level});
    return *this;
}
Steps& Steps::nmt() {
    steps_.push_back({.kind = Step::Kind::nmt_drop});
    steps_.push_back({.kind = Step::Kind::nmt_blank});
    return *this;
}
Steps& Steps::bert(const BertOptions& options) {
    if (options.clean_text) {
        steps_.push_back({.kind = Step::Kind::drop, .set = unicode::CharacterSet::bert_control});
        steps_.push_back({.kind = Step::Kind::bert_blank});
    }
    if (options.handle_chinese_chars) steps_.push_back({.kind = Step::Kind::bert_chinese});
    if (options.strip_accents) {
        form(unicode::Form::nfd);
        steps_.push_back({.kind = Step::Kind::drop, .set = unicode::CharacterSet::bert_accent});
    }
    if (options.lowercase) lowercase();
    return *this;
}

Normalizer::Normalizer(std::vector<Step> steps, unicode::NormalizationData data) : steps_(std::move(steps)), data_(data) {}

Result Normalizer::normalize(std::string_view text, Workspace& workspace, bool with_alignment, Cancel& cancel) const {
    if (text.size() > UINT32_MAX)
        throw Error(ErrorKind::value, "a text of 4 GiB or more cannot be normalized in one piece; cut it into documents");
    const std::size_t most_bytes = std::min<std::size_t>(UINT32_MAX, text.size() * kMostGrowth + kFreeGrowthBytes);
    Rewriter::Input current{text, nullptr, 0};
    bool unchanged = true;
    std::size_t free_slot = 0;
    for (const Step& step : steps_) {
        const std::string_view in = current.text;
        if (in.empty()) break;
        Span stripped{0, 0};
        if (step.kind == Step::Kind::strip) {
            stripped = strip_bounds(in, step.left, step.right);
            if (stripped == Span{0, static_cast<std::uint32_t>(in.size())}) continue;
        }
        const bool counts_all = step.kind == Step::Kind::replace || step.kind == Step::Kind::prepend;
        std::string& out = workspace.texts_[free_slot];
        Alignment* const alignment = with_alignment ? &workspace.alignments_[free_slot] : nullptr;
        Rewriter rewriter(current, out, alignment, most_bytes, counts_all);
        switch (step.kind) {
            case Step::Kind::form:
                apply_form(unicode::FormNormalizer(step.form, data_), in, rewriter, workspace.characters_, cancel);
                break;
            case Step::Kind::lowercase: lowercase(in, rewriter, cancel); break;
            case Step::Kind::strip_accents:
                if (data_ == unicode::NormalizationData::tokenizers) {
                    drop_characters(in, rewriter, cancel,
                                    [](std::uint32_t c) { return contains(unicode::CharacterSet::combining_mark, c); });
                } else {
                    drop_characters(in, rewriter, cancel, [](std::uint32_t c) { return unicode::char_class(c) == unicode::kMark; });
                }
                break;
            case Step::Kind::drop: drop_characters(in, rewriter, cancel, [&](std::uint32_t c) { return contains(step.set, c); }); break;
            case Step::Kind::strip: strip(in, stripped, rewriter); break;
            case Step::Kind::replace:
                workspace.matches_.clear();
                if (step.find) {
                    step.find(in, workspace.matches_, cancel);
                } else {
                    find_literal(step.pattern, in, workspace.matches_);
                }
                replace(in, step.content, workspace.matches_, rewriter, cancel);
                break;
            case Step::Kind::prepend: prepend(in, step.content, rewriter); break;
            case Step::Kind::byte_level: byte_level(in, rewriter, cancel); break;
            case Step::Kind::nmt_drop: drop_characters(in, rewriter, cancel, nmt_drops); break;
            case Step::Kind::nmt_blank: blank_characters(in, rewriter, cancel, nmt_blanks); break;
            case Step::Kind::bert_blank:
                blank_characters(in, rewriter, cancel,
                                 [](std::uint32_t c) { return c != ' ' && contains(unicode::CharacterSet::white_space, c); });
                break;
            case Step::Kind::bert_chinese: surround_chinese(in, rewriter, cancel); break;
        }
        if (!rewriter.changed()) continue;
        current = {out, alignment, rewriter.rootless()};
        unchanged = false;
        free_slot = 1 - free_slot;
    }
    return {current.text, unchanged ? nullptr : current.alignment, unchanged};
}

}  // namespace tokmill::normalized
