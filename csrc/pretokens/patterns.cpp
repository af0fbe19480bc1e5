// Names and spellings of the split patterns: a name or the text of a regex in, a Pattern out. A spelling is listed here
// only if it cuts every text exactly as the pattern does.
#include <array>
#include <utility>

#include "pretokens/pretokens.hpp"

namespace tokmill::pretokens {

namespace {

constexpr std::string_view kGpt2 = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)";

constexpr std::string_view kCl100k =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";

constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Besides the spellings of tiktoken 0.14: how it and tokenizers spelt gpt2 before. (The older spellings of cl100k are no
// equals: they part a newline from blanks that end the text.)
constexpr std::array<std::pair<std::string_view, Pattern>, 9> kSpellings{{
    {"gpt2", Pattern::gpt2},
    {"cl100k", Pattern::cl100k},
    {"o200k", Pattern::o200k},
    {kGpt2, Pattern::gpt2},
    {kCl100k, Pattern::cl100k},
    {kO200k, Pattern::o200k},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
}};

}  // namespace

std::string_view name(Pattern pattern) noexcept {
    switch (pattern) {
        case Pattern::gpt2: return "gpt2";
        case Pattern::cl100k: return "cl100k";
        case Pattern::o200k: return "o200k";
    }
    return "unknown";
}

std::string_view regex(Pattern pattern) noexcept {
    switch (pattern) {
        case Pattern::gpt2: return kGpt2;
        case Pattern::cl100k: return kCl100k;
        case Pattern::o200k: return kO200k;
    }
    return "";
}

std::optional<Pattern> find_pattern(std::string_view name_or_regex) noexcept {
    for (const auto& [spelling, pattern] : kSpellings) {
        if (spelling == name_or_regex) return pattern;
    }
    return std::nullopt;
}

std::optional<Pattern> find_pattern(std::string_view regex, engine::Dialect dialect) noexcept {
    // In Oniguruma \p{N}{1,3}+ repeats the interval. (Behind \s++ the end of a line is the end of the text.)
    if (dialect == engine::Dialect::tokenizers && regex == kCl100k) return std::nullopt;
    return find_pattern(regex);
}

}  // namespace tokmill::pretokens
