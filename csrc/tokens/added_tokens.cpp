#include "tokens/added_tokens.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/cancel.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

using unicode::CharacterSet;

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// Where the character that ends before `position` > 0 begins.
std::size_t character_before(std::string_view text, std::size_t position) noexcept {
    do --position;
    while (position > 0 && (bytes_of(text)[position] & 0xC0) == 0x80);
    return position;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<Token> tokens, const normalized::Normalizer& normalizer) : tokens_(std::move(tokens)) {
    using Kind = vocab::SpecialToken::Kind;
    std::vector<vocab::SpecialToken> all, raw, normalized, unwanted;
    // Of tokens that the normalizer makes equal the first one counts, special tokens before others.
    std::unordered_set<std::string> seen;
    normalized::Workspace workspace;
    Cancel never;
    for (const bool special : {true, false}) {
        for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
            const Token& token = tokens_[i];
            if (token.special != special) continue;
            const Kind kind = special ? Kind::control : Kind::added;
            std::string content = token.content;
            if (token.normalized && !normalizer.is_identity()) {
                content = std::string(normalizer.normalize(token.content, workspace, false, never).text);
                if (content.empty() || !seen.insert(content).second) continue;
                one_search_ = false;
            }
            across_cuts_ |= content.find_first_of(" \n") != std::string::npos || (token.wanted && token.rstrip);
            content_only_ &= !token.wanted || (content == token.content && !token.lstrip && !token.rstrip);
            (token.normalized ? normalized : raw).push_back({content, i, kind});
            (token.wanted ? all : unwanted).push_back({content, token.id, kind});
            one_search_ &= !token.wanted || (!token.lstrip && !token.rstrip && !token.single_word);
        }
    }
    all_ = vocab::SpecialMatcher(all);
    raw_ = vocab::SpecialMatcher(raw);
    normalized_ = vocab::SpecialMatcher(normalized);
    one_search_ = one_search_ && !raw_.may_begin_inside(normalized) && !normalized_.may_begin_inside(raw) &&
                  !all_.may_begin_inside(unwanted) && !vocab::SpecialMatcher(unwanted).may_begin_inside(all);
}

std::size_t AddedTokens::white_space_before(std::string_view text, std::size_t position) noexcept {
    while (position > 0) {
        const std::size_t before = character_before(text, position);
        if (!unicode::contains(CharacterSet::white_space, unicode::decode_utf8(bytes_of(text) + before))) break;
        position = before;
    }
    return position;
}

std::size_t AddedTokens::white_space_behind(std::string_view text, std::size_t position) noexcept {
    while (position < text.size() && unicode::contains(CharacterSet::white_space, unicode::decode_utf8(bytes_of(text) + position)))
        position += unicode::utf8_length(bytes_of(text)[position]);
    return position;
}

bool AddedTokens::is_word_of_its_own(std::string_view text, std::size_t begin, std::size_t end) noexcept {
    const auto is_word = [&](std::size_t at) { return unicode::contains(CharacterSet::word, unicode::decode_utf8(bytes_of(text) + at)); };
    return (begin == 0 || !is_word(character_before(text, begin))) && (end == text.size() || !is_word(end));
}

}  // namespace tokmill::tokens
