// Scanners of every instruction set against the specification, on seeded random text: same pretokens, any feeding, any
// alignment, nothing written or needed beyond what the contract says; safe cuts only where no token can lie across.
// Usage: pretokens_test [seed [rounds]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.hpp"
#include "base/sections.hpp"
#include "pretokens/pretokens.hpp"
#include "unicode/unicode.hpp"
#include "vocab/vocab.hpp"

using namespace tokmill;
using pretokens::Pattern;
using pretokens::Scanner;
using pretokens::ScanState;

namespace {

using Random = std::mt19937_64;
using Starts = std::vector<std::uint32_t>;



int failures = 0;

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
        out += c >= ' ' && c <= '~' && c != '"' && c != '\\' ? std::string(1, c) : std::string(hex);
    }
    return out + "\"";
}

void fail(const std::string& what, std::string_view text) {
    if (++failures <= 10) std::printf("FAILED %s: %s\n", what.c_str(), quoted(text).c_str());
}

std::uint64_t below(Random& random, std::uint64_t limit) { return random() % limit; }

// Characters of every class and length, those with a meaning of their own more than once.
const std::vector<std::string>& alphabet() {
    static const std::vector<std::string> characters = {
        "A", "B", "S", "L", "a", "s", "t", "l", "e", "v", "r", "d", "m", "1", "2", " ", " ", " ", "\n", "\n", "\r", "\t", "\v", "'",
        "'", "!", ".", "/", "/", "-", std::string(1, '\0'), "\u00e9", "\u00c9", "\u017f", "\u01c5", "\u02b0", "\u0301", "\u00b2",
        "\u0663", "\u00a0", "\u0085", "\u00ab", "\u0434", "\u0414", "\u4e2d", "\u6587", "\u306e", "\u30fc", "\ud55c", "\u1e9e",
        "\u1e9f", "\u0e01", "\u0e31", "\u2003", "\u3000", "\u2028", "\u3001", "\u2026", "\u200b", "\ufe0f", "\u2764", "\uffff",
        "\U00010400", "\U00010428", "\U00020000", "\U0001d7d8", "\U0001f600", "\U000e0100", "'s", "'ll", "'RE", "'\u017f", "'\u0161", "!\n",
        "\u3007", "\u3005", "\u2e80", "\u30fb", "\u309b", "\u3040", "\u9fa6", "\U00016ff0", "\u00ad", "\x01", "\x7f", "\u0378", "\u2026a",
        "\r\n", " \n", "ABC", "abc", "1234", "   ", "\u4e2d\u6587", " \u2764\ufe0f"};
    return characters;
}

std::string random_text(Random& random) {
    std::vector<std::string> some;
    for (std::uint64_t i = 0, n = 1 + below(random, 12); i < n; ++i) some.push_back(alphabet()[below(random, alphabet().size())]);
    const std::size_t wanted = below(random, 8) == 0 ? below(random, 2000) : below(random, 300);
    std::string text;
    while (text.size() < wanted) {
        const std::string& character = some[below(random, some.size())];
        const std::uint64_t repeats = below(random, 100) == 0 ? below(random, 200) : below(random, 6) == 0 ? below(random, 5) : 1;
        for (std::uint64_t i = 0; i < repeats; ++i) text += character;
    }
    return text;
}

// A word of 5 to 12 KB, as Chinese has them, with other text around it: long enough to be left at a safe cut.
std::string long_word(Random& random) {
    static const std::vector<std::string> letters = {"\u4e2d", "\u6587", "\u306e", "\u30fc", "\u02b0", "\u0434",
                                                     "\u0414", "A", "b", "\u0301", "\U00020000"};
    std::vector<std::string> some;
    for (std::uint64_t i = 0, n = 1 + below(random, 5); i < n; ++i) some.push_back(letters[below(random, letters.size())]);
    std::string text = random_text(random);
    const std::size_t wanted = text.size() + 5000 + below(random, 7000);
    while (text.size() < wanted) text += some[below(random, some.size())];
    return text + random_text(random);
}

// A vocabulary of the 256 bytes and of random stretches of text, cut anywhere, also inside characters.
vocab::Vocabulary random_vocabulary(Random& random) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (std::uint64_t i = 0, wanted = 1 + below(random, 1 + below(random, 500)); i < wanted; ++i) {
        const std::string text = random_text(random);
        if (text.size() < 2) continue;
        tokens.push_back(text.substr(below(random, text.size() - 1), 2 + below(random, 7)));
    }
    std::sort(tokens.begin() + 256, tokens.end());
    tokens.erase(std::unique(tokens.begin() + 256, tokens.end()), tokens.end());
    vocab::Spec spec;
    spec.offsets.push_back(0);
    for (const std::string& token : tokens) {
        spec.bytes.insert(spec.bytes.end(), token.begin(), token.end());
        spec.offsets.push_back(spec.bytes.size());
        spec.ids.push_back(static_cast<std::uint32_t>(spec.ids.size()));
    }
    return vocab::Vocabulary::build(std::move(spec));
}

// Text at an odd address with unlike bytes around it, starts with canaries behind: one call of scan.
class Bench {
public:
    explicit Bench(Random& random) : random_(random) {}

    Starts scan(const Scanner& scanner, ScanState& state, std::string_view text, bool last) {
        const std::size_t shift = 64 + below(random_, 64);
        bytes_.assign(shift + text.size() + pretokens::kReadSlackBytes, 0);
        for (std::uint8_t& byte : bytes_) byte = static_cast<std::uint8_t>(random_());
        std::copy(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(shift));
        const std::size_t room = text.size() - std::min<std::size_t>(text.size(), state.last_start) + pretokens::kStartsSlack;
        starts_.assign(room + kCanaries, kCanary);
        const std::size_t count = scanner.scan(state, bytes_.data() + shift, static_cast<std::uint32_t>(text.size()), last, starts_.data());
        for (std::size_t i = room; i < starts_.size(); ++i) {
            if (starts_[i] != kCanary) fail("canary behind the starts", text);
        }
        if (count > text.size()) fail("more starts than bytes", text);
        starts_.resize(count);
        return starts_;
    }
    Starts scan(const Scanner& scanner, std::string_view text) {
        ScanState state;
        return scan(scanner, state, text, true);
    }

    // The text in feeds of random length, moved to the front as a caller with little memory would.
    Starts scan_fed(const Scanner& scanner, std::string_view text) {
        ScanState state;
        Starts all;
        std::size_t base = 0, end = 0;
        for (bool last = false; !last;) {
            end += below(random_, 4) == 0 ? below(random_, 400) : below(random_, 40);
            while (end < text.size() && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
            last = end >= text.size();
            end = std::min(end, text.size());
            for (const std::uint32_t start : scan(scanner, state, text.substr(base, end - base), last))
                all.push_back(start + static_cast<std::uint32_t>(base));
            if (!last && !all.empty() && all.back() != state.last_start + base) fail("last_start is not the last start", text);
            const auto moved = static_cast<std::uint32_t>(below(random_, state.last_start + 1));
            state.rebase(moved);
            base += moved;
        }
        return all;
    }

private:
    static constexpr std::uint32_t kCanary = 0xDEADBEEF;
    static constexpr std::size_t kCanaries = 64;
    Random& random_;
    std::vector<std::uint8_t> bytes_;
    Starts starts_;
};

bool rising_from_zero(const Starts& starts, std::size_t byte_count) {
    if (byte_count == 0) return starts.empty();
    if (starts.empty() || starts[0] != 0 || starts.back() >= byte_count) return false;
    for (std::size_t i = 1; i < starts.size(); ++i) {
        if (starts[i] <= starts[i - 1]) return false;
    }
    return true;
}

bool token_across(const vocab::Vocabulary& vocabulary, std::string_view text, std::size_t border) {
    const std::size_t reach = vocabulary.max_token_bytes();
    for (std::size_t begin = border - std::min(border, reach - 1); begin < border; ++begin) {
        for (std::size_t end = border + 1; end <= std::min(text.size(), begin + reach); ++end) {
            if (vocabulary.find(text.substr(begin, end - begin))) return true;
        }
    }
    return false;
}

void check_known_cases() {
    struct Case {
        Pattern pattern;
        std::string_view text;
        std::vector<std::string_view> pieces;
    };
    const Case cases[] = {
        {Pattern::gpt2, "It's  here!\n\n ok", {"It", "'s", " ", " here", "!", "\n\n", " ok"}},
        {Pattern::gpt2, "x \n  ", {"x", " \n  "}},
        {Pattern::gpt2, "IT'S", {"IT", "'", "S"}},
        {Pattern::cl100k, "It'Sme, 12345\r\n\n  x", {"It", "'S", "me", ",", " ", "123", "45", "\r\n\n", " ", " x"}},
        {Pattern::cl100k, "x\n  ", {"x", "\n  "}},
        {Pattern::cl100k, "a;\n\nb", {"a", ";\n\n", "b"}},
        {Pattern::o200k, "x\n  ", {"x", "\n", "  "}},
        {Pattern::o200k, "isn't camelCaseHTTPServer", {"isn't", " camel", "Case", "HTTPServer"}},
        {Pattern::o200k, "it's's", {"it's", "'s"}},
        {Pattern::o200k, ".\n//a", {".\n//", "a"}},
        {Pattern::o200k, "\u4e2dAB", {"\u4e2d", "AB"}},
        {Pattern::o200k, "\u4e2dABb", {"\u4e2dABb"}},
        {Pattern::o200k, " \u2764\ufe0f", {" \u2764\ufe0f"}},
        {Pattern::o200k, "''\u0301\n//\u0301\n", {"''\u0301\n//", "\u0301", "\n"}},
        {Pattern::llama3, "x\n  ", {"x", "\n", "  "}},
        {Pattern::llama3, "It'Sme, 12345\r\n\n  x", {"It", "'S", "me", ",", " ", "123", "45", "\r\n\n", " ", " x"}},
        {Pattern::qwen2, " 123a", {" ", "1", "2", "3", "a"}},
        {Pattern::qwen3_5, "e\u0301 !\u0301", {"e\u0301", " !", "\u0301"}},
        {Pattern::tekken, "isn't 12", {"isn", "'t", " ", "1", "2"}},
        {Pattern::kimi, "\u4e2d\u3007a\u4e2d's", {"\u4e2d\u3007", "a", "\u4e2d", "'s"}},
        {Pattern::kimi, "1\u3007 \u2e80\u4e2d", {"1\u3007", " \u2e80", "\u4e2d"}},
        {Pattern::deepseek_v3, "x  1 \u4e2d", {"x", "  ", "1", " ", "\u4e2d"}},
        {Pattern::deepseek_v3, "\u30a2\u30fb\u30a4.\n", {"\u30a2", "\u30fb", "\u30a4", ".\n"}},
        {Pattern::deepseek_v3, ".ab\u00e9\u2026c", {".ab", "\u00e9", "\u2026", "c"}},
        {Pattern::deepseek_v3, "\x01\x01" "a\x01", {"\x01", "\x01" "a", "\x01"}},
        {Pattern::superbpe, "in 1984: \"no\"  way \n!! x", {"in ", "198", "4", ": \"no\"", " ", " way", " ", "\n", "!!", " x"}},
        {Pattern::superbpe, "a !!\n//b", {"a", " !!\n//", "b"}},
        {Pattern::superwords, "in 1984: \"no\"  way \n\t!! x", {"in ", "198", "4", ": \"no\"", " ", " way", " \n", "\t", "!!", " x"}},
    };
    Random random(1);
    const vocab::Vocabulary vocabulary = random_vocabulary(random);
    Bench bench(random);
    for (const Case& c : cases) {
        for (const cpu::Isa isa : cpu::supported()) {
            Starts expected;
            std::uint32_t at = 0;
            for (const std::string_view piece : c.pieces) {
                expected.push_back(at);
                at += static_cast<std::uint32_t>(piece.size());
            }
            if (bench.scan(Scanner(c.pattern, vocabulary, false, isa), c.text) != expected)
                fail("known case, " + std::string(pretokens::name(c.pattern)) + " " + std::string(cpu::name(isa)), c.text);
        }
    }
    for (const Pattern pattern : pretokens::kPatterns) {
        if (pretokens::find_pattern(pretokens::name(pattern)) != pattern) fail("find_pattern", pretokens::name(pattern));
        // tiktoken would drop what lies between two matches of these.
        const bool keeps_all = pattern != Pattern::superbpe && pattern != Pattern::superwords;
        if (pretokens::find_pattern(pretokens::regex(pattern)) != (keeps_all ? std::optional(pattern) : std::nullopt))
            fail("find_pattern by regex", pretokens::name(pattern));
    }
    // As a Split of tokenizers each is known by its steps, but for cl100k, whose {1,3}+ has another meaning there.
    for (const Pattern pattern : pretokens::kPatterns) {
        std::vector<std::string_view> steps;
        std::string_view rest = pretokens::regex(pattern);
        for (std::size_t at = rest.find('\n'); at != rest.npos; at = rest.find('\n')) {
            steps.push_back(rest.substr(0, at));
            rest.remove_prefix(at + 1);
        }
        steps.push_back(rest);
        const auto found = pretokens::find_pattern(std::span<const std::string_view>(steps));
        if (pattern == Pattern::cl100k ? found.has_value() : found != pattern) fail("find_pattern by steps", pretokens::name(pattern));
    }
    const std::string_view raw[] = {"[\r\n]", "a"};
    if (pretokens::join_steps(raw) != "[\\r\\n]\na") fail("join_steps", pretokens::join_steps(raw));
    if (pretokens::find_pattern("\\w+")) fail("find_pattern finds what is not there", "\\w+");
}

Scanner map_scanner(const SectionReader& in, Pattern pattern) {
    return Scanner::map(in, pretokens::regex(pattern), pretokens::engine::Dialect::tiktoken, true, cpu::supported().back());
}

void check_snapshot(const vocab::Vocabulary& vocabulary, Random& random) {
    const Scanner built(Pattern::cl100k, vocabulary, true, cpu::supported().back());
    SectionWriter writer;
    built.save(writer);
    const std::vector<std::uint8_t> file = writer.finish();
    // The reader wants 64-byte alignment.
    std::vector<std::uint8_t> room(file.size() + 64);
    std::uint8_t* aligned = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
    std::memcpy(aligned, file.data(), file.size());
    const SectionReader reader({aligned, file.size()});
    const Scanner mapped = map_scanner(reader, Pattern::cl100k);
    Bench bench(random);
    for (int i = 0; i < 50; ++i) {
        const std::string text = random_text(random);
        if (bench.scan(built, text) != bench.scan(mapped, text)) fail("mapped scanner", text);
    }
    // Any contents of the right sizes must still give rising starts; wrong sizes are refused.
    SectionWriter hostile;
    std::vector<std::uint8_t> flags(0x10000);
    for (std::uint8_t& flag : flags) flag = static_cast<std::uint8_t>(random());
    std::vector<std::uint32_t> pairs(1u << 10);
    for (std::uint32_t& pair : pairs) pair = static_cast<std::uint32_t>(random());
    hostile.add("pretokens.border_flags", std::span<const std::uint8_t>(flags));
    hostile.add("pretokens.joined_pairs", std::span<const std::uint32_t>(pairs));
    const std::vector<std::uint8_t> hostile_file = hostile.finish();
    room.assign(hostile_file.size() + 64, 0);
    aligned = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
    std::memcpy(aligned, hostile_file.data(), hostile_file.size());
    const Scanner odd = map_scanner(SectionReader({aligned, hostile_file.size()}), Pattern::o200k);
    for (int i = 0; i < 100; ++i) {
        const std::string text = random_text(random);
        if (!rising_from_zero(bench.scan(odd, text), text.size())) fail("starts with hostile tables", text);
    }
    for (const std::size_t elements : {std::size_t(0), std::size_t(1), std::size_t(1000), std::size_t(1) << 20}) {
        SectionWriter wrong;
        std::vector<std::uint32_t> some(elements);
        wrong.add("pretokens.border_flags", std::span<const std::uint8_t>(flags));
        wrong.add("pretokens.joined_pairs", std::span<const std::uint32_t>(some));
        const std::vector<std::uint8_t> wrong_file = wrong.finish();
        room.assign(wrong_file.size() + 64, 0);
        aligned = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
        std::memcpy(aligned, wrong_file.data(), wrong_file.size());
        try {
            map_scanner(SectionReader({aligned, wrong_file.size()}), Pattern::cl100k);
            fail("a pair set of a wrong size is taken", std::to_string(elements));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::snapshot) fail("wrong kind of error", error.what());
        }
    }
}

// The pattern in a spelling that no scanner knows, so that the general engine reads it.
std::optional<Scanner> by_engine(Pattern pattern, const vocab::Vocabulary& vocabulary, bool safe_cuts, cpu::Isa isa) {
    const std::string regex(pretokens::regex(pattern));
    if (regex.find('\n') != std::string::npos) return std::nullopt;  // several steps
    const bool of_tiktoken = pattern == Pattern::gpt2 || pattern == Pattern::cl100k || pattern == Pattern::o200k;
    const auto dialect = of_tiktoken ? pretokens::engine::Dialect::tiktoken : pretokens::engine::Dialect::tokenizers;
    return Scanner("(?:" + regex + ")", dialect, vocabulary, safe_cuts, isa);
}

// What a scanner without safe cuts and one with them find in a text, whole and in feeds. Returns the number of safe cuts.
std::size_t check_starts(Bench& bench, const vocab::Vocabulary& vocabulary, const Scanner& plain, const Scanner& cutting,
                         const std::string& text, const Starts& expected, const std::string& tag) {
    if (bench.scan(plain, text) != expected) fail("pretokens, " + tag, text);
    if (bench.scan_fed(plain, text) != expected) fail("pretokens in feeds, " + tag, text);
    std::size_t cuts = 0;
    for (const Starts& cut : {bench.scan(cutting, text), bench.scan_fed(cutting, text)}) {
        if (!rising_from_zero(cut, text.size())) fail("order of safe cuts, " + tag, text);
        if (!std::includes(cut.begin(), cut.end(), expected.begin(), expected.end())) fail("pretokens under safe cuts, " + tag, text);
        Starts extra;
        std::set_difference(cut.begin(), cut.end(), expected.begin(), expected.end(), std::back_inserter(extra));
        cuts += extra.size();
        for (const std::uint32_t border : extra) {
            if ((static_cast<std::uint8_t>(text[border]) & 0xC0) == 0x80) fail("a cut inside a character, " + tag, text);
            if (token_across(vocabulary, text, border)) fail("a token lies across a safe cut, " + tag, text);
        }
    }
    return cuts;
}

void check_random(const vocab::Vocabulary& vocabulary, Random& random, int rounds) {
    Bench bench(random);
    std::size_t bytes = 0, cuts = 0, engine_cuts = 0;
    for (const Pattern pattern : pretokens::kPatterns) {
        const Scanner specification(pattern, vocabulary, false, cpu::Isa::scalar);
        for (const cpu::Isa isa : cpu::supported()) {
            const Scanner plain(pattern, vocabulary, false, isa);
            const Scanner cutting(pattern, vocabulary, true, isa);
            const std::optional<Scanner> engine_plain = by_engine(pattern, vocabulary, false, isa);
            const std::optional<Scanner> engine_cutting = by_engine(pattern, vocabulary, true, isa);
            const std::string tag = std::string(pretokens::name(pattern)) + " " + std::string(cpu::name(isa));
            for (int i = 0; i < rounds; ++i) {
                const std::string text = i % 50 == 49 ? long_word(random) : random_text(random);
                bytes += text.size();
                const Starts expected = bench.scan(specification, text);
                if (!rising_from_zero(expected, text.size())) fail("specification, " + tag, text);
                cuts += check_starts(bench, vocabulary, plain, cutting, text, expected, tag);
                if (engine_plain)
                    engine_cuts += check_starts(bench, vocabulary, *engine_plain, *engine_cutting, text, expected, "engine, " + tag);
            }
        }
    }
    std::printf("%zu bytes of random text, %zu safe cuts, %zu by the engine\n", bytes, cuts, engine_cuts);
    if (engine_cuts == 0) fail("the engine made no safe cuts", "");
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20240229;
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 750;
    std::printf("seed %llu, instruction sets:", static_cast<unsigned long long>(seed));
    for (const cpu::Isa isa : cpu::supported()) std::printf(" %s", std::string(cpu::name(isa)).c_str());
    std::printf("\n");
    check_known_cases();
    Random random(seed);
    for (int i = 0; i < 15; ++i) {
        const vocab::Vocabulary vocabulary = random_vocabulary(random);
        check_random(vocabulary, random, rounds / 15);
        check_snapshot(vocabulary, random);
    }
    std::printf(failures == 0 ? "pretokens_test passed\n" : "pretokens_test: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
