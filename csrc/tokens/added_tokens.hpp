// The tokens that are cut out of the text before anything else looks at it: in a tokenizer.json its added tokens, else the special
// tokens of the vocabulary. In: the tokens and which of them a call wants. Out: their places in a text, as tokenizers finds them:
// leftmost first, the longest at a place; a special token that is not wanted is passed over as a whole and stays text.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/formats.hpp"
#include "normalized/normalized.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

class AddedTokens {
public:
    struct Token : formats::AddedToken {
        bool wanted = true;
    };

    AddedTokens() = default;  // none
    // The normalizer is the one that tokens with `normalized` go through as the text does.
    AddedTokens(std::vector<Token> tokens, const normalized::Normalizer& normalizer);

    // Does one search for `all()` find what tokenizers finds? It looks for tokens that are not normalised first, lets some take the white
    // space beside them, and leaves those that have to be words of their own.
    bool one_search_is_enough() const noexcept { return one_search_; }
    const vocab::SpecialMatcher& all() const noexcept { return all_; }
    // Does each token stand for its content and nothing more, also where a normalizer has left the text as it was?
    bool stand_for_their_content() const noexcept { return content_only_; }

    // May one stand on both sides of one of documents::Cuts, or take the white space behind it?
    bool may_lie_across_cuts() const noexcept { return across_cuts_; }

    // The two searches: in the text as it came, and in what the normalizer made of the stretches between.
    enum class Pass : std::uint8_t { raw, normalized };
    // Calls `gap(begin, end)` and `match(token, found)` in the order of the text.
    struct Found {
        std::size_t content;     // where the content begins
        std::size_t begin, end;  // with the white space that the token takes
    };
    template <class Gap, class Match>
    void cut(Pass pass, std::string_view text, const Gap& gap, const Match& match) const;

private:
    static std::size_t white_space_before(std::string_view text, std::size_t position) noexcept;
    static std::size_t white_space_behind(std::string_view text, std::size_t position) noexcept;
    static bool is_word_of_its_own(std::string_view text, std::size_t begin, std::size_t end) noexcept;

    std::vector<Token> tokens_;
    vocab::SpecialMatcher all_;               // the wanted ones, with their ids
    vocab::SpecialMatcher raw_, normalized_;  // with their places in tokens_
    bool one_search_ = true;
    bool content_only_ = true;
    bool across_cuts_ = false;
};

template <class Gap, class Match>
void AddedTokens::cut(Pass pass, std::string_view text, const Gap& gap, const Match& match) const {
    const vocab::SpecialMatcher& matcher = pass == Pass::raw ? raw_ : normalized_;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t done = 0;
    for (std::size_t from = 0; !matcher.empty();) {
        const vocab::SpecialMatcher::Match found = matcher.find(bytes, text.size(), from);
        if (found.byte_count == 0) break;
        std::size_t begin = found.begin, end = begin + found.byte_count;
        from = end;
        const Token& token = tokens_[found.id];
        if (!token.wanted || (token.single_word && !is_word_of_its_own(text, begin, end))) continue;
        if (token.lstrip) begin = std::max(white_space_before(text, begin), done);
        if (token.rstrip) end = white_space_behind(text, end);
        if (done < begin) gap(done, begin);
        match(token, Found{found.begin, begin, end});
        done = end;
    }
    if (done < text.size()) gap(done, text.size());
}

}  // namespace tokmill::tokens
