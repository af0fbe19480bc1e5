// What the tests of whole tokenizers share: small vocabularies, texts of every kind, and the ids by the book: pretokens from
// the scalar scanner without safe cuts, each merged pair by pair.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pretokens/pretokens.hpp"
#include "vocab/vocab.hpp"

namespace samples {

using Random = std::mt19937_64;
using Ids = std::vector<std::uint32_t>;

inline std::uint64_t below(Random& random, std::uint64_t limit) { return random() % limit; }

// About `bytes` of words, numbers, other scripts, white space and long runs.
inline std::string text(Random& random, std::size_t bytes) {
    static const std::vector<std::string> kPieces = {" the",
                                                     " of",
                                                     "ing",
                                                     " and",
                                                     " tokens",
                                                     " Text",
                                                     "s",
                                                     "e",
                                                     "'s",
                                                     "'ll",
                                                     " 2024",
                                                     "17",
                                                     ".",
                                                     ",",
                                                     "!?",
                                                     "()",
                                                     " =",
                                                     "\n",
                                                     "\n\n",
                                                     "\t",
                                                     "  ",
                                                     "\r\n",
                                                     " \u00e9t\u00e9",
                                                     "\u4e2d\u6587\u5206\u8bcd",
                                                     "\u0440\u0443\u0441\u0441\u043a\u0438\u0439",
                                                     "\U0001f600",
                                                     "\u0301",
                                                     "https://",
                                                     "ABC"};
    std::string out;
    while (out.size() < bytes) {
        if (below(random, 12) == 0) {
            for (std::uint64_t i = 1 + below(random, 14); i != 0; --i) out += static_cast<char>('a' + below(random, 26));
        } else if (below(random, 400) == 0) {
            out += std::string(below(random, 600), " -a0"[below(random, 4)]);
        } else {
            out += kPieces[below(random, kPieces.size())];
        }
    }
    return out;
}

// The 256 bytes and `merges` random merges of what stands side by side in a text of the kind above, so that long tokens come up.
inline tokmill::vocab::Spec spec(Random& random, std::size_t merges, tokmill::pretokens::Pattern pattern,
                                 std::vector<tokmill::vocab::SpecialToken> specials) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    std::set<std::string> known(tokens.begin(), tokens.end());
    const std::string sample = text(random, 4000);
    std::vector<std::string> pieces;
    for (const char c : sample) pieces.emplace_back(1, c);
    while (tokens.size() < 256 + merges && pieces.size() > 1) {
        const std::size_t at = below(random, pieces.size() - 1);
        const std::string left = pieces[at], right = pieces[at + 1];
        if (!known.insert(left + right).second || left.size() + right.size() > 12) continue;
        tokens.push_back(left + right);
        std::vector<std::string> merged;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const bool pair = i + 1 < pieces.size() && pieces[i] == left && pieces[i + 1] == right;
            merged.push_back(pair ? left + right : pieces[i]);
            i += pair;
        }
        pieces = std::move(merged);
    }
    tokmill::vocab::Spec spec;
    spec.name = "sample";
    spec.pattern = tokmill::pretokens::name(pattern);
    spec.offsets.push_back(0);
    for (const std::string& token : tokens) {
        spec.bytes.insert(spec.bytes.end(), token.begin(), token.end());
        spec.offsets.push_back(spec.bytes.size());
        spec.ids.push_back(static_cast<std::uint32_t>(spec.ids.size()));
    }
    spec.specials = std::move(specials);
    return spec;
}

// One pretoken: the pair of lowest rank merges, the leftmost of equals, until none does.
inline void merge_by_the_book(const tokmill::vocab::Vocabulary& vocabulary, std::string_view pretoken, Ids& ids) {
    if (const auto whole = vocabulary.find(pretoken)) {
        ids.push_back(vocabulary.id(*whole));
        return;
    }
    std::vector<std::string_view> parts;
    for (std::size_t i = 0; i < pretoken.size(); ++i) parts.push_back(pretoken.substr(i, 1));
    for (;;) {
        std::optional<tokmill::vocab::Symbol> best;
        std::size_t at = 0;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
            const auto merged = vocabulary.find({parts[i].data(), parts[i].size() + parts[i + 1].size()});
            if (merged && (!best || *merged < *best)) {
                best = merged;
                at = i;
            }
        }
        if (!best) break;
        parts[at] = {parts[at].data(), parts[at].size() + parts[at + 1].size()};
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    for (const std::string_view part : parts) ids.push_back(vocabulary.id(*vocabulary.find(part)));
}

// The ids of whole texts; what a pretoken merges into is found out once.
class Book {
public:
    explicit Book(const tokmill::vocab::Vocabulary& vocabulary)
        : vocabulary_(vocabulary),
          plain_(*tokmill::pretokens::find_pattern(vocabulary.pattern()), vocabulary, false, tokmill::cpu::Isa::scalar) {}

    // With `parse`, the vocabulary's special tokens come out as themselves: leftmost first, the longest at a place.
    Ids ids(std::string_view text, bool parse) {
        Ids ids;
        while (!text.empty()) {
            std::size_t begin = text.size();
            const tokmill::vocab::SpecialToken* found = nullptr;
            for (const tokmill::vocab::SpecialToken& special : vocabulary_.specials()) {
                const std::size_t at = parse ? text.find(special.text) : std::string_view::npos;
                if (at == std::string_view::npos) continue;
                if (at < begin || (at == begin && found != nullptr && special.text.size() > found->text.size())) {
                    begin = at;
                    found = &special;
                }
            }
            add_plain(text.substr(0, begin), ids);
            if (found == nullptr) break;
            ids.push_back(found->id);
            text.remove_prefix(begin + found->text.size());
        }
        return ids;
    }

private:
    void add_plain(std::string_view text, Ids& ids) {
        std::vector<std::uint8_t> bytes(text.begin(), text.end());
        bytes.resize(text.size() + tokmill::pretokens::kReadSlackBytes);
        std::vector<std::uint32_t> starts(text.size() + tokmill::pretokens::kStartsSlack);
        tokmill::pretokens::ScanState state;
        starts.resize(plain_.scan(state, bytes.data(), static_cast<std::uint32_t>(text.size()), true, starts.data()));
        starts.push_back(static_cast<std::uint32_t>(text.size()));
        for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
            const std::string_view pretoken = text.substr(starts[i], starts[i + 1] - starts[i]);
            Ids& known = known_[std::string(pretoken)];
            if (known.empty()) merge_by_the_book(vocabulary_, pretoken, known);
            ids.insert(ids.end(), known.begin(), known.end());
        }
    }

    const tokmill::vocab::Vocabulary& vocabulary_;
    const tokmill::pretokens::Scanner plain_;
    std::unordered_map<std::string, Ids> known_;
};

}  // namespace samples
