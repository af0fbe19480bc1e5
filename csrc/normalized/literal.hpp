// Finds a string in a text, every occurrence that does not overlap the one before, in time linear in both (Knuth, Morris,
// Pratt 1977), whatever they are: the obvious search takes their product for "aaaa...b" in "aaaa...".
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "normalized/normalized.hpp"

namespace tokmill::normalized {

inline void find_literal(std::string_view pattern, std::string_view text, std::vector<Span>& matches) {
    const auto span_at = [&](std::size_t end) {
        matches.push_back({static_cast<std::uint32_t>(end - pattern.size()), static_cast<std::uint32_t>(end)});
    };
    if (pattern.empty()) {  // occurs before every character and at the end
        for (std::size_t i = 0; i < text.size(); i += unicode::utf8_length(static_cast<std::uint8_t>(text[i]))) span_at(i);
        span_at(text.size());
        return;
    }
    // borders[n]: the longest proper prefix of the pattern's first n bytes that they also end with.
    std::vector<std::uint32_t> borders(pattern.size() + 1, 0);
    for (std::size_t n = 1; n < pattern.size(); ++n) {
        std::uint32_t border = borders[n];
        while (border > 0 && pattern[border] != pattern[n]) border = borders[border];
        borders[n + 1] = pattern[border] == pattern[n] ? border + 1 : 0;
    }
    std::size_t matched = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (matched == 0) {
            i = text.find(pattern[0], i);
            if (i == std::string_view::npos) return;
        }
        while (matched > 0 && pattern[matched] != text[i]) matched = borders[matched];
        if (pattern[matched] == text[i]) ++matched;
        if (matched == pattern.size()) {
            span_at(i + 1);
            matched = 0;
        }
    }
}

}  // namespace tokmill::normalized
