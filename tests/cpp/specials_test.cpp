// SpecialMatcher against trying every token at every place, and its time on hostile texts.
// Usage: specials_test [seed] [rounds]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "vocab/specials.hpp"

namespace {

using tokmill::vocab::SpecialMatcher;
using tokmill::vocab::SpecialToken;

int failures = 0;

SpecialMatcher::Match by_trying(const std::vector<SpecialToken>& tokens, const std::string& text, std::size_t from) {
    for (std::size_t i = from; i < text.size(); ++i) {
        SpecialMatcher::Match best{i, 0, 0};
        for (const SpecialToken& token : tokens)
            if (token.text.size() > best.byte_count && text.compare(i, token.text.size(), token.text) == 0)
                best = {i, token.text.size(), token.id};
        if (best.byte_count != 0) return best;
    }
    return {text.size(), 0, 0};
}

void check(const std::vector<SpecialToken>& tokens, const std::string& text) {
    const SpecialMatcher matcher{tokens};
    // An exact-size copy, so that the address sanitizer sees any read past the end.
    const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[text.size()]);
    std::copy(text.begin(), text.end(), bytes.get());
    for (std::size_t from = 0; from <= text.size();) {
        const auto got = matcher.find(bytes.get(), text.size(), from);
        const auto wanted = by_trying(tokens, text, from);
        if (got.begin != wanted.begin || got.byte_count != wanted.byte_count || got.id != wanted.id) {
            if (++failures < 10)
                std::printf("FAIL from %zu: got %zu+%zu id %u, wanted %zu+%zu id %u in \"%s\"\n", from, got.begin, got.byte_count, got.id,
                            wanted.begin, wanted.byte_count, wanted.id, text.c_str());
            return;
        }
        from = got.byte_count == 0 ? text.size() + 1 : got.begin + got.byte_count;
    }
}

void check_literals() {
    check({}, "no token at all");
    check({{"<|endoftext|>", 7}}, "a<|endoftext|><|endoftext|<|endoftext|>");
    check({{"<|a|>", 1}, {"<|a|><|b|>", 2}, {"<|a", 3}}, "<|a|><|b|><|a|><|a<|b|><|a|");
    check({{"a", 1}, {"ab", 2}, {"abc", 3}, {"bcd", 4}}, "xabcdabab abbcd a");
    check({{std::string("\0x", 2), 1}, {"\xFF\xFE", 2}}, std::string("aa\0x\xFF\xFE\xFF", 7));
    check({{"<s>", 1}, {"</s>", 2}, {"<unk>", 3}, {"[INST]", 4}, {"[/INST]", 5}}, "<s>[INST] hi [/INST]<unk></s></s");
}

void check_random(std::mt19937_64& random, unsigned rounds) {
    for (unsigned round = 0; round < rounds; ++round) {
        const unsigned letters = 1 + static_cast<unsigned>(random() % 5);
        const auto random_text = [&](std::size_t length) {
            std::string text(length, 0);
            for (char& c : text) c = static_cast<char>("<|a>\xE4"[random() % letters]);
            return text;
        };
        std::vector<SpecialToken> tokens;
        for (std::size_t k = random() % 8; k > 0; --k) {
            const std::string text = (random() % 2 != 0 ? "<|" : "") + random_text(1 + random() % 5);
            bool fresh = true;
            for (const SpecialToken& token : tokens) fresh = fresh && token.text != text;
            if (fresh) tokens.push_back({text, static_cast<std::uint32_t>(random() % 1000)});
        }
        std::string text;
        while (text.size() < random() % 300) {
            text += random_text(random() % 10);
            if (random() % 3 == 0) text += std::string(random() % 100, 'x');
            if (!tokens.empty() && random() % 3 == 0) text += tokens[random() % tokens.size()].text;
        }
        check(tokens, text);
    }
}

void check_hostile() {
    std::vector<SpecialToken> harmony;
    for (int i = 0; i < 1000; ++i) harmony.push_back({"<|reserved_" + std::to_string(200000 + i) + "|>", static_cast<std::uint32_t>(i)});
    std::vector<SpecialToken> varied = harmony;
    for (const char* text : {"[A]", "(b", "{{", "a"}) varied.push_back({text, 5000});
    std::string near;
    while (near.size() < 1000000) near += "<|reserved_20";
    for (const std::vector<SpecialToken>& tokens : {harmony, varied}) {
        const SpecialMatcher matcher{tokens};
        for (const std::string& text : {std::string(1000000, '<'), near}) {
            const auto start = std::chrono::steady_clock::now();
            std::size_t found = 0;
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
            for (auto match = matcher.find(bytes, text.size(), 0); match.byte_count != 0;
                 match = matcher.find(bytes, text.size(), match.begin + match.byte_count))
                ++found;
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            std::printf("1 MB of \"%.13s...\": %.2f ms, %zu found\n", text.c_str(), seconds * 1e3, found);
            if (found != 0 || seconds > 2) ++failures;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : std::random_device{}();
    const unsigned rounds = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 100000;
    std::printf("specials_test seed %llu rounds %u\n", static_cast<unsigned long long>(seed), rounds);
    std::mt19937_64 random(seed);
    check_literals();
    check_random(random, rounds);
    check_hostile();
    std::printf(failures == 0 ? "ok\n" : "%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
