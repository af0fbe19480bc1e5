// Names and spellings of the split patterns: a name or the text of a regex in, a Pattern out. A spelling is listed here
// only if it cuts every text exactly as the pattern does.
#include "pretokens/scanner.hpp"

namespace tokmill::pretokens {

namespace {

constexpr std::string_view kGpt2 = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)";

constexpr std::string_view kCl100k =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";

constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// cl100k as tokenizer.json files spell it: no \s++$, so a newline is parted from blanks that end the text.
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                     R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kKimi =
    R"([\p{Han}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kDeepseekV3 =
    R"(\p{N}{1,3})"
    "\n"
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
    "\n"
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::string_view kSuperbpe = R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S))";

constexpr std::string_view kSuperwords = R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*|\s*[\r\n]+| +(?!\S))";

// Besides the regexes above: how tiktoken and tokenizers spelt gpt2 before, what Ling makes of cl100k.
// (cl100k of tiktoken has had three endings. That with \s+ in place of the last \s means the same; the oldest, without
// \s++$, is llama3.)
enum class Reader : std::uint8_t {
    both,
    tiktoken,    // its engine takes {1,3}+ for possessive, that of tokenizers for a repeated {1,3}
    tokenizers,  // to it what lies between two matches is a pretoken, tiktoken would drop it
};
struct Spelling {
    std::string_view regex;
    Pattern pattern;
    Reader reader = Reader::both;
};
constexpr Spelling kSpellings[] = {
    {kGpt2, Pattern::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", Pattern::gpt2},
    {kCl100k, Pattern::cl100k, Reader::tiktoken},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s+)",
     Pattern::cl100k, Reader::tiktoken},
    // The same for both owners: nothing follows the digits that could want one back.
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)",
     Pattern::cl100k},
    {kO200k, Pattern::o200k},
    {kLlama3, Pattern::llama3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)", Pattern::llama3},
    {kQwen2, Pattern::qwen2},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)", Pattern::qwen2},
    {kQwen35, Pattern::qwen3_5},
    {kTekken, Pattern::tekken},
    {kKimi, Pattern::kimi},
    {kDeepseekV3, Pattern::deepseek_v3},
    {kSuperbpe, Pattern::superbpe, Reader::tokenizers},
    {kSuperwords, Pattern::superwords, Reader::tokenizers},
};

}  // namespace

std::string_view name(Pattern pattern) noexcept {
    switch (pattern) {
        case Pattern::gpt2: return "gpt2";
        case Pattern::cl100k: return "cl100k";
        case Pattern::o200k: return "o200k";
        case Pattern::llama3: return "llama3";
        case Pattern::qwen2: return "qwen2";
        case Pattern::qwen3_5: return "qwen3.5";
        case Pattern::tekken: return "tekken";
        case Pattern::kimi: return "kimi";
        case Pattern::deepseek_v3: return "deepseek-v3";
        case Pattern::superbpe: return "superbpe";
        case Pattern::superwords: return "superwords";
    }
    return "unknown";
}

std::string_view regex(Pattern pattern) noexcept {
    // Its own spelling comes first.
    for (const Spelling& spelling : kSpellings) {
        if (spelling.pattern == pattern) return spelling.regex;
    }
    return "";
}

std::optional<Pattern> find_pattern(std::string_view name_or_regex) noexcept {
    for (const Pattern pattern : kPatterns) {
        if (name(pattern) == name_or_regex) return pattern;
    }
    for (const Spelling& spelling : kSpellings) {
        if (spelling.regex == name_or_regex && spelling.reader != Reader::tokenizers) return spelling.pattern;
    }
    return std::nullopt;
}

std::optional<Pattern> find_pattern(std::span<const std::string_view> steps) {
    const std::string joined = join_steps(steps);
    for (const Spelling& spelling : kSpellings) {
        if (spelling.regex == joined && spelling.reader != Reader::tiktoken) return spelling.pattern;
    }
    return std::nullopt;
}

std::string join_steps(std::span<const std::string_view> steps) {
    std::string joined;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (i > 0) joined += '\n';
        for (const char c : steps[i]) {
            if (c == '\r' || c == '\n') {
                joined += c == '\r' ? "\\r" : "\\n";
            } else {
                joined += c;
            }
        }
    }
    return joined;
}

std::optional<Pattern> find_pattern(std::string_view regex, engine::Dialect dialect) {
    if (dialect == engine::Dialect::tiktoken) return find_pattern(regex);
    return find_pattern(std::span(&regex, 1));
}

}  // namespace tokmill::pretokens
