#include "tokens/decode_chain.hpp"

#include <algorithm>
#include <cstring>

#include "base/errors.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

namespace engine = pretokens::engine;
using Kind = formats::DecoderStep::Kind;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::size_t kPollInterval = 4096;
constexpr std::size_t kGrowth = 64, kGrowthSlack = std::size_t(1) << 20;

std::size_t character_length(std::string_view text, std::size_t at) noexcept {
    return unicode::utf8_length(static_cast<std::uint8_t>(text[at]));
}

// Every ill-formed sequence becomes one U+FFFD.
std::string valid_utf8(std::string_view bytes) {
    std::string out;
    const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const auto valid_prefix = unicode::kernels(cpu::Isa::scalar).valid_utf8;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t valid = valid_prefix(data + at, bytes.size() - at);
        out.append(bytes.substr(at, valid));
        at += valid;
        if (at == bytes.size()) break;
        out += kReplacement;
        at += unicode::ill_formed_length(data + at, bytes.size() - at);
    }
    return out;
}

// What a step writes that may make more of a text, within a number of bytes for all tokens.
class Bounded {
public:
    explicit Bounded(std::size_t most_bytes) noexcept : most_bytes_(most_bytes), left_(most_bytes) {}

    void append(std::string& out, std::string_view bytes) {
        if (bytes.size() > left_)
            throw Error(ErrorKind::value, "the decoder makes more than " + std::to_string(most_bytes_) +
                                              " bytes of the tokens (64 times their length and 1 MiB); a Replace grows them without bound");
        left_ -= bytes.size();
        out += bytes;
    }

private:
    std::size_t most_bytes_, left_;
};

// Every occurrence of `wanted`; an empty one stands before each character and at the end.
std::string replaced(std::string_view text, std::string_view wanted, std::string_view content, Bounded& bounded) {
    std::string out;
    for (std::size_t at = 0; at <= text.size();) {
        if (wanted.empty()) {
            bounded.append(out, content);
            if (at == text.size()) break;
            const std::size_t length = character_length(text, at);
            bounded.append(out, text.substr(at, length));
            at += length;
            continue;
        }
        const std::size_t found = text.find(wanted, at);
        bounded.append(out, text.substr(at, found == std::string_view::npos ? found : found - at));
        if (found == std::string_view::npos) break;
        bounded.append(out, content);
        at = found + wanted.size();
    }
    return out;
}

std::string stripped(std::string_view text, std::string_view content, std::size_t most_at_start, std::size_t most_at_stop) {
    for (; most_at_start != 0 && text.starts_with(content); --most_at_start) text.remove_prefix(content.size());
    for (; most_at_stop != 0 && text.ends_with(content); --most_at_stop) text.remove_suffix(content.size());
    return std::string(text);
}

std::string joined(const std::vector<std::string>& tokens, std::string_view between) {
    std::string out;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (i != 0) out += between;
        out += tokens[i];
    }
    return out;
}

}  // namespace

std::string spelling(const vocab::Vocabulary& vocabulary, const formats::Components& components, vocab::Symbol symbol) {
    std::string_view bytes = vocabulary.bytes(symbol);
    if (components.unknown_token && bytes == std::string_view(reinterpret_cast<const char*>(&formats::kUnknownByte), 1))
        return *components.unknown_token;
    const char mark = static_cast<char>(formats::kWordMark);
    const bool at_end = !components.word_suffix.empty() && bytes.ends_with(mark);
    const bool at_begin = !components.word_prefix.empty() && bytes.starts_with(mark);
    if (at_end) bytes.remove_suffix(1);
    if (at_begin) bytes.remove_prefix(1);
    std::string text;
    if (!components.word_prefix.empty() && !at_begin) text += components.word_prefix;
    formats::append_spelling(bytes, text);
    if (at_end) text += components.word_suffix;
    return text;
}

bool DecodeChain::is_byte_level(const formats::Components& components) noexcept {
    const auto& steps = components.decoder;
    return !steps.empty() && steps[0].kind == Kind::byte_level &&
           std::all_of(steps.begin() + 1, steps.end(), [](const formats::DecoderStep& step) { return step.kind == Kind::fuse; });
}

DecodeChain::DecodeChain(const vocab::Vocabulary& vocabulary, const Preprocessing& preprocessing)
    : tokens_(vocabulary.id_end()), joins_with_blanks_(!preprocessing.components().has_decoder) {
    const formats::Components& components = preprocessing.components();
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
        if (vocabulary.id(symbol) != vocab::kNoId) tokens_[vocabulary.id(symbol)] = {spelling(vocabulary, components, symbol), true, false};
    for (const vocab::SpecialToken& special : vocabulary.specials())
        tokens_[special.id] = {special.text, true, special.kind == vocab::SpecialToken::Kind::control};
    for (const formats::AddedToken& token : components.added_tokens)
        if (!token.normalized_content.empty())
            tokens_[token.id] = {token.normalized_content, true, token.special && token.normalized_content == token.content};
    const engine::Program* program = preprocessing.decoder_programs().data();
    for (const formats::DecoderStep& step : components.decoder) {
        steps_.push_back({step.kind, step.suffix, step.content, step.strip_start, step.strip_stop, nullptr});
        if (step.kind == Kind::replace) steps_.back().program = program++;
    }
}

void DecodeChain::run(const Step& step, std::vector<std::string>& tokens, std::size_t most_bytes) {
    Bounded bounded(most_bytes);
    switch (step.kind) {
        case Kind::byte_level: {
            std::string bytes;
            for (const std::string& token : tokens)
                if (!formats::append_byte_level(token, bytes)) bytes += token;
            tokens = {valid_utf8(bytes)};
            break;
        }
        case Kind::bpe:
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = replaced(tokens[i], step.suffix, i + 1 == tokens.size() ? "" : " ", bounded);
            break;
        case Kind::fuse: tokens = {joined(tokens, "")}; break;
        case Kind::strip:
            for (std::string& token : tokens) token = stripped(token, step.content, step.strip_start, step.strip_stop);
            break;
        case Kind::replace:
            for (std::string& token : tokens) {
                engine::Pieces pieces;
                engine::Cursor cursor;
                step.program->find(cursor, reinterpret_cast<const std::uint8_t*>(token.data()), token.size(), true, {}, pieces);
                std::string out;
                for (const engine::Piece& piece : pieces.list)
                    bounded.append(out, piece.is_match ? std::string_view(step.content)
                                                       : std::string_view(token).substr(piece.begin, piece.end - piece.begin));
                token = std::move(out);
            }
            break;
    }
}

template <class Id>
std::size_t DecodeChain::decode(const Id* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens, Buffer<std::uint8_t>& out,
                                std::size_t size, Cancel* cancel) const {
    std::vector<std::string> tokens;
    tokens.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        if (cancel != nullptr && i % kPollInterval == 0) cancel->poll();
        const auto id = static_cast<std::uint64_t>(ids[i]);
        if (id < tokens_.size() && tokens_[id].known) {
            if (!skip_special_tokens || !tokens_[id].control) tokens.push_back(tokens_[id].text);
        } else if (unknown == UnknownId::error) {
            refuse_unknown_id(std::to_string(ids[i]), i, tokens_.size());
        } else if (unknown == UnknownId::replace) {
            tokens.emplace_back(kReplacement);
        }
    }
    std::size_t bytes = 0;
    for (const std::string& token : tokens) bytes += token.size();
    for (const Step& step : steps_) {
        run(step, tokens, kGrowth * bytes + kGrowthSlack);
        if (cancel != nullptr) cancel->poll();
    }
    const std::string text = joined(tokens, joins_with_blanks_ ? " " : "");
    out.grow(size + text.size(), size);
    if (!text.empty()) std::memcpy(out.data() + size, text.data(), text.size());
    return size + text.size();
}

template std::size_t DecodeChain::decode(const std::int32_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeChain::decode(const std::uint32_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeChain::decode(const std::uint16_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeChain::decode(const std::int64_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeChain::decode(const std::uint64_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;

}  // namespace tokmill::tokens
