// Merging against a naive merger that works on strings, the way the definition reads: random small vocabularies
// (also with tokens that cannot be reached, ranks in any order, parts missing), every instruction set, every length.
// Vocabulary files in tiktoken's format may be given as arguments; texts glued from their tokens are merged as well.
//
//     merging_test [--rounds N] [FILE.tiktoken ...]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "cpu/isa.hpp"
#include "tokens/merging.hpp"
#include "tokens/run_merging.hpp"
#include "vocab/vocab.hpp"

namespace {

using namespace tokmill;
using tokens::MergeJob;
using vocab::Symbol;

using Random = std::mt19937_64;
using Strings = std::vector<std::string>;

std::size_t below(Random& random, std::size_t end) { return static_cast<std::size_t>(random() % end); }

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
    std::exit(1);
}

std::string hex(const std::string& text) {
    std::string shown;
    char digits[3];
    for (const char c : text.substr(0, 200)) {
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
        shown += digits;
    }
    return shown;
}

// A vocabulary as the definition sees it: strings with ranks.
struct Model {
    Strings tokens;
    std::map<std::string, Symbol> ranks;

    void add(const std::string& token) {
        if (!token.empty() && ranks.emplace(token, static_cast<Symbol>(tokens.size())).second) tokens.push_back(token);
    }
    vocab::Spec spec() const {
        vocab::Spec spec;
        spec.offsets.push_back(0);
        for (const std::string& token : tokens) {
            spec.bytes.insert(spec.bytes.end(), token.begin(), token.end());
            spec.offsets.push_back(spec.bytes.size());
            spec.ids.push_back(static_cast<std::uint32_t>(spec.ids.size()));
        }
        return spec;
    }
    Symbol rank(const std::string& token) const {
        const auto found = ranks.find(token);
        return found == ranks.end() ? vocab::kNoSymbol : found->second;
    }
};

// Merges by looking concatenations up; the ranks of untouched pairs are kept, since pieces of 5,000 bytes are merged too.
std::vector<Symbol> naive(const Model& model, const std::string& text) {
    Strings parts;
    for (const char c : text) parts.emplace_back(1, c);
    std::vector<Symbol> ranks;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) ranks.push_back(model.rank(parts[i] + parts[i + 1]));
    for (;;) {
        const auto least = std::min_element(ranks.begin(), ranks.end());
        if (least == ranks.end() || *least == vocab::kNoSymbol) break;
        const auto at = static_cast<std::size_t>(least - ranks.begin());
        parts[at] += parts[at + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        ranks.erase(least);
        if (at != 0) ranks[at - 1] = model.rank(parts[at - 1] + parts[at]);
        if (at + 1 < parts.size()) ranks[at] = model.rank(parts[at] + parts[at + 1]);
    }
    std::vector<Symbol> symbols;
    for (const std::string& part : parts) symbols.push_back(model.rank(part));
    return symbols;
}

// 256 bytes in some order, then tokens over a small alphabet: joined from earlier ones, or any string at all; ranks shuffled
// at times, so that parts come after the whole.
Model random_model(Random& random) {
    Model model;
    Strings tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    if (below(random, 2) == 0) std::shuffle(tokens.begin(), tokens.end(), random);
    Strings alphabet;
    const std::size_t letters = 1 + below(random, 6);
    for (std::size_t i = 0; i < letters; ++i) alphabet.emplace_back(1, below(random, 8) == 0 ? '\0' : static_cast<char>("abcxyz\xff "[i]));
    const std::size_t count = 1 + below(random, below(random, 4) == 0 ? 600 : 60);
    const bool any_string = below(random, 2) == 0;
    const std::size_t longest = below(random, 4) == 0 ? 70 : 9;
    Strings made = alphabet;
    for (std::size_t i = 0; i < count; ++i) {
        std::string token;
        if (any_string && below(random, 2) == 0) {
            const std::size_t length = 2 + below(random, 7);
            while (token.size() < length) token += alphabet[below(random, letters)];
        } else {
            token = made[below(random, made.size())] + made[below(random, made.size())];
        }
        if (token.size() <= longest) made.push_back(token);
    }
    tokens.insert(tokens.end(), made.begin(), made.end());
    if (below(random, 4) == 0) std::shuffle(tokens.begin(), tokens.end(), random);
    for (const std::string& token : tokens) model.add(token);
    return model;
}

std::string random_text(Random& random, const Model& model, std::size_t length) {
    std::string text;
    const std::size_t tail = std::min<std::size_t>(model.tokens.size(), 1 + below(random, 300));
    const std::size_t kind = below(random, 6);
    std::string period;
    for (std::size_t i = 0, n = 1 + below(random, 6); i < n; ++i) period += model.tokens[model.tokens.size() - 1 - below(random, tail)];
    while (text.size() < length) {
        if (kind == 0) {
            text += static_cast<char>(below(random, 256));
        } else if (kind == 1) {
            text += "abcxyz"[below(random, 6)];
        } else if (kind == 2) {
            text += period;
        } else if (kind == 5) {
            text += std::string(1 + below(random, 1 + below(random, 120)), "abcxyz"[below(random, 6)]);
        } else if (kind == 3) {
            text += below(random, 40) == 0 ? std::string(1, static_cast<char>(below(random, 256))) : period;
        } else {
            text += model.tokens[model.tokens.size() - 1 - below(random, tail)];
        }
    }
    text.resize(length);
    return text;
}

// A batch of jobs with their memory: bytes with exactly 32 more readable ones (filled with noise), outputs with canaries.
class Batch {
public:
    void add(const std::string& text) { texts_.push_back(text); }
    std::size_t size() const { return texts_.size(); }

    void run(const Model& model, const vocab::Merges& merges, tokens::MergeKernels::Merge kernel, const char* name) {
        constexpr Symbol kCanary = 0xdeadbeef;
        std::vector<std::unique_ptr<std::uint8_t[]>> bytes;
        std::vector<std::vector<Symbol>> outputs;
        std::vector<MergeJob> jobs;
        for (const std::string& text : texts_) {
            bytes.push_back(std::make_unique<std::uint8_t[]>(text.size() + 32));
            std::memset(bytes.back().get(), 'a', text.size() + 32);
            std::memcpy(bytes.back().get(), text.data(), text.size());
            outputs.emplace_back(text.size() + tokens::kSymbolSlack + 1, kCanary);
            MergeJob job{};
            job.bytes = bytes.back().get();
            job.length = static_cast<std::uint32_t>(text.size());
            job.symbols = outputs.back().data();
            jobs.push_back(job);
        }
        kernel(merges, jobs.data(), jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const std::vector<Symbol> wanted = naive(model, texts_[i]);
            const std::vector<Symbol> got(
                outputs[i].begin(),
                outputs[i].begin() + std::min<std::ptrdiff_t>(jobs[i].symbol_count, static_cast<std::ptrdiff_t>(texts_[i].size())));
            if (got != wanted) fail(std::string(name) + ": wrong symbols for " + hex(texts_[i]));
            if (outputs[i].back() != kCanary) fail(std::string(name) + ": wrote too far for " + hex(texts_[i]));
            std::uint64_t starts = 0;
            std::size_t at = 0;
            for (const Symbol symbol : wanted) {
                starts |= std::uint64_t(1) << at;
                at += model.tokens[symbol].size();
            }
            if (jobs[i].starts != starts) fail(std::string(name) + ": wrong starts for " + hex(texts_[i]));
        }
    }

    // The same words as runs of symbols, those of one length together, with a canary before and behind each.
    void run_in_place(const Model& model, const vocab::Merges& merges, const tokens::MergeKernels& kernels, const std::string& name) {
        constexpr Symbol kCanary = 0xdeadbeef;
        for (std::uint32_t length = 2; length <= tokens::kMaxRunSymbols; ++length) {
            std::vector<Symbol> symbols(1, kCanary), wanted(1, kCanary);
            Buffer<std::uint32_t> at(texts_.size() + tokens::kRunSlack);
            std::size_t count = 0;
            for (const std::string& text : texts_) {
                if (text.size() != length) continue;
                at[count++] = static_cast<std::uint32_t>(symbols.size());
                for (const char c : text) symbols.push_back(merges.symbol_of_byte()[static_cast<std::uint8_t>(c)]);
                symbols.push_back(kCanary);
                for (const Symbol symbol : naive(model, text)) wanted.push_back(symbol);
                wanted.resize(symbols.size() - 1, vocab::kNoSymbol);
                wanted.push_back(kCanary);
            }
            kernels.merge_runs(merges, {symbols.data(), at.data(), count, length});
            if (symbols != wanted) fail(name + ": wrong runs of " + std::to_string(length) + " symbols");
        }
    }

private:
    Strings texts_;
};

std::vector<Symbol> merged_long(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, cpu::Isa isa, const std::string& text) {
    constexpr Symbol kCanary = 0xdeadbeef;
    static const auto scratch = std::make_unique<tokens::LongPieceScratch>();
    const std::vector<char> exact(text.begin(), text.end());  // nothing readable after the end
    std::vector<Symbol> symbols(text.size() + tokens::kSymbolSlack + 1, kCanary);
    Cancel cancel;
    const std::size_t count = tokens::merge_long(vocabulary, merges, tokens::merge_kernels(isa), *scratch,
                                                 reinterpret_cast<const std::uint8_t*>(exact.data()), text.size(), symbols.data(), cancel);
    if (symbols.back() != kCanary) fail("merge_long wrote too far");
    symbols.resize(count);
    return symbols;
}

std::vector<Symbol> merged_by_tree(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const std::string& text) {
    static vocab::TreeMerger tree;
    std::vector<Symbol> symbols;
    for (const char c : text) symbols.push_back(vocabulary.symbol_of_byte()[static_cast<std::uint8_t>(c)]);
    const auto pairs = [&](Symbol left, Symbol right) { return merges.merged(left, right); };
    symbols.resize(tree.merge(pairs, symbols.data(), symbols.size(), [] {}));
    return symbols;
}

void check_long(const Model& model, const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const std::string& text) {
    const std::vector<Symbol> wanted = naive(model, text);
    if (merged_by_tree(vocabulary, merges, text) != wanted) fail("tree: " + hex(text));
    for (const cpu::Isa isa : cpu::supported())
        if (merged_long(vocabulary, merges, isa, text) != wanted)
            fail("merge_long, " + std::string(cpu::name(isa)) + ": " + std::to_string(text.size()) + " bytes: " + hex(text));
}

// Runs of equal bytes: what comes out is right, or nothing comes out.
bool check_runs(const Model& model, const vocab::Merges& merges, const std::string& text) {
    static const auto merger = std::make_unique<tokens::RunMerger>();
    std::vector<Symbol> symbols(text.size());
    const auto count = merger->merge(merges, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), symbols.data());
    if (!count) return false;
    symbols.resize(*count);
    if (symbols != naive(model, text)) fail("merging runs: " + hex(text));
    return true;
}

std::string text_of_runs(Random& random) {
    std::string text;
    for (std::size_t i = 0, n = 1 + below(random, tokens::RunMerger::kMaxRuns); i < n; ++i)
        text += std::string(1 + below(random, 1 + below(random, 200)), "abcxyz"[below(random, 1 + below(random, 6))]);
    return text;
}

void check_kernels(const Model& model, const vocab::Merges& merges, Batch& words, Batch& windows) {
    for (const cpu::Isa isa : cpu::supported()) {
        const tokens::MergeKernels& kernels = tokens::merge_kernels(isa);
        const std::string name(cpu::name(isa));
        words.run(model, merges, kernels.merge_words, (name + " words").c_str());
        words.run(model, merges, kernels.merge_windows, (name + " windows (short)").c_str());
        words.run_in_place(model, merges, kernels, name);
        windows.run(model, merges, kernels.merge_windows, (name + " windows").c_str());
    }
}

// Every pair of symbols against the definition: only the last merge of a token's own bytes is a pair.
void check_pairs(const Model& model, const vocab::Merges& merges) {
    std::vector<Symbol> unreachable;
    for (Symbol symbol = 0; symbol < model.tokens.size(); ++symbol) {
        const std::string& token = model.tokens[symbol];
        const auto [left, right] = merges.parts(symbol);
        if (token.size() > 1 && naive(model, token) != std::vector<Symbol>{symbol}) unreachable.push_back(symbol);
        if (left == vocab::kNoSymbol) continue;
        if (model.tokens[left] + model.tokens[right] != token || merges.merged(left, right) != symbol) fail("parts of " + hex(token));
    }
    if (!std::equal(unreachable.begin(), unreachable.end(), merges.unreachable().begin(), merges.unreachable().end()))
        fail("unreachable tokens");
    if (merges.merged(vocab::kNoSymbol, 0) != vocab::kNoSymbol || merges.merged(0, vocab::kNoSymbol) != vocab::kNoSymbol ||
        merges.merged(vocab::kNoSymbol, vocab::kNoSymbol) != vocab::kNoSymbol)
        fail("something merges with nothing");
}

void random_vocabularies(int rounds) {
    Random random(1);
    int runs_merged = 0;
    for (int round = 0; round < rounds; ++round) {
        const Model model = random_model(random);
        const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
        const vocab::Merges merges = vocab::Merges::build(vocabulary);
        check_pairs(model, merges);
        Batch words, windows;
        for (std::size_t i = 0, n = below(random, 100); i < n; ++i)
            words.add(random_text(random, model, 1 + below(random, tokens::kMaxWordBytes)));
        for (std::size_t i = 0, n = below(random, 20); i < n; ++i)
            if (round % 8 == 0) {
                for (std::size_t length = 1; length <= tokens::kMaxWindowBytes; ++length) windows.add(random_text(random, model, length));
                for (std::size_t length = 1; length <= tokens::kMaxWordBytes; ++length) words.add(random_text(random, model, length));
            }
        check_kernels(model, merges, words, windows);
        for (int i = 0; i < 4; ++i) runs_merged += check_runs(model, merges, text_of_runs(random));
        check_long(model, vocabulary, merges, random_text(random, model, 1 + below(random, 400)));
        if (round % 4 == 0) check_long(model, vocabulary, merges, random_text(random, model, 63 + below(random, 5000)));
    }
    std::printf("random vocabularies: %d; runs merged in %d of %d texts\n", rounds, runs_merged, 4 * rounds);
}

// Vocabularies in which the right end of a text decides what its left end becomes, over as long a distance as there are
// ranks: short windows cannot be joined, only growing ones can.
void adversarial_chains() {
    Random random(2);
    for (int round = 0; round < 40; ++round) {
        Model model;
        for (int byte = 0; byte < 256; ++byte) model.add(std::string(1, static_cast<char>(byte)));
        // A walk over byte pairs, each used once; ranks fall along the walk, so merging runs from its right end to the left.
        std::string walk(1, '\0');
        std::map<std::string, bool> used;
        const int letters = 3 + static_cast<int>(below(random, 60));
        for (int misses = 0; misses < 50 && walk.size() < 3000;) {
            const std::string pair{walk.back(), static_cast<char>(below(random, static_cast<std::size_t>(letters)))};
            if (pair[0] == pair[1] || used[pair]) {
                ++misses;
                continue;
            }
            used[pair] = true;
            walk += pair[1];
        }
        for (std::size_t i = walk.size() - 1; i-- != 0;) model.add(walk.substr(i, 2));
        const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
        const vocab::Merges merges = vocab::Merges::build(vocabulary);
        std::string text = walk;
        check_long(model, vocabulary, merges, text);
        text.pop_back();  // another parity
        check_long(model, vocabulary, merges, text);
        check_long(model, vocabulary, merges, walk + walk + text + walk + text);
    }
    // Doubling tokens: one letter, tokens of 2^k letters, so long that no short window holds one.
    for (const std::size_t longest : {2, 16, 64, 128, 1024}) {
        Model model;
        for (int byte = 0; byte < 256; ++byte) model.add(std::string(1, static_cast<char>(byte)));
        for (std::size_t length = 2; length <= longest; length *= 2) model.add(std::string(length, 'a'));
        const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
        const vocab::Merges merges = vocab::Merges::build(vocabulary);
        for (std::size_t length : {63, 64, 500, 1023, 2048, 4999}) {
            check_long(model, vocabulary, merges, std::string(length, 'a'));
            check_long(model, vocabulary, merges, std::string(length, 'a') + "b" + std::string(length / 2, 'a'));
        }
    }
    std::printf("adversarial chains\n");
}

// Pieces far longer than any window, of many kinds, against the tree (which is checked against the naive merger above).
void large_pieces(const Model& model, int rounds) {
    Random random(5);
    const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
    const vocab::Merges merges = vocab::Merges::build(vocabulary);
    for (int round = 0; round < rounds; ++round) {
        std::string text;
        while (text.size() < 60'000) {
            const std::size_t kind = (static_cast<std::size_t>(round) + (below(random, 10) == 0 ? below(random, 7) : 0)) % 7;
            if (kind == 0) text += random_text(random, model, 1 + below(random, 3000));
            if (kind == 1) text += std::string(1 + below(random, 100), "-=*_ .#\n"[below(random, 8)]);
            if (kind == 2) text += std::string(below(random, 40), ' ') + "\n";
            if (kind == 3) text += model.tokens[below(random, model.tokens.size())];
            if (kind == 4) text += std::string(1 + below(random, 8), "ab"[below(random, 2)]);
            if (kind == 5) text += std::string(1 + below(random, 20'000), "a -"[below(random, 3)]);
            if (kind == 6) text += "\xe4\xb8" + std::string(1, static_cast<char>(0x80 + below(random, 64)));
        }
        const std::vector<Symbol> wanted = merged_by_tree(vocabulary, merges, text);
        for (const cpu::Isa isa : cpu::supported())
            if (merged_long(vocabulary, merges, isa, text) != wanted) fail("a large piece of kind " + std::to_string(round % 7));
    }
}

// A token of the greatest length loads in time that is not quadratic, and comes out again.
void long_tokens() {
    Random random(3);
    Model model;
    for (int byte = 0; byte < 256; ++byte) model.add(std::string(1, static_cast<char>(byte)));
    std::string token = "ab";
    while (token.size() < 65'536) {
        model.add(token);
        token += token.size() * 2 <= 65'536 ? token : std::string();
        if (token.size() == 65'536) model.add(token);
    }
    std::string noise;
    while (noise.size() < 65'536) noise += static_cast<char>(below(random, 256));
    model.add(noise);  // unreachable
    const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
    const vocab::Merges merges = vocab::Merges::build(vocabulary);
    if (merges.unreachable().size() != 1) fail("unreachable long token");
    for (const cpu::Isa isa : cpu::supported()) {
        const std::vector<Symbol> symbols = merged_long(vocabulary, merges, isa, "x" + token + token + "y");
        if (symbols.size() != 4 || model.tokens[symbols[1]] != token) fail("long token");
    }
    std::printf("long tokens\n");
}

Model read_ranks(const char* path) {
    static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Model model;
    std::ifstream file(path);
    if (!file) fail(std::string("cannot read ") + path);
    for (std::string line; std::getline(file, line);) {
        std::string token;
        std::uint32_t bits = 0;
        int have = 0;
        for (const char c : line) {
            const std::size_t digit = kDigits.find(c);
            if (digit == std::string::npos) break;
            bits = bits << 6 | static_cast<std::uint32_t>(digit);
            if ((have += 6) >= 8) token += static_cast<char>(bits >> (have -= 8));
        }
        model.add(token);
    }
    return model;
}

void real_vocabulary(const char* path, int rounds) {
    const Model model = read_ranks(path);
    const vocab::Vocabulary vocabulary = vocab::Vocabulary::build(model.spec());
    const vocab::Merges merges = vocab::Merges::build(vocabulary);
    Random random(4);
    const auto glued = [&](std::size_t length) {
        std::string text;
        while (text.size() < length + 3) text += model.tokens[below(random, model.tokens.size())];
        return text.substr(below(random, 3), length);
    };
    const auto runs = [&](std::size_t length) {
        std::string text;
        while (text.size() < length) text += std::string(1 + below(random, 600), "a -=\n0*"[below(random, 7)]);
        return text.substr(0, length);
    };
    for (int round = 0; round < rounds; ++round) {
        Batch words, windows;
        for (int i = 0; i < 200; ++i) words.add(model.tokens[below(random, model.tokens.size())].substr(0, tokens::kMaxWordBytes));
        for (std::size_t length = 2; length <= tokens::kMaxWordBytes; ++length) words.add(glued(length).substr(0, length));
        for (std::size_t length = 1; length <= tokens::kMaxWindowBytes; ++length) windows.add(random_text(random, model, length));
        for (std::size_t length = 4; length <= tokens::kMaxWindowBytes; ++length)
            windows.add(glued(length).substr(0, tokens::kMaxWindowBytes));
        check_kernels(model, merges, words, windows);
        check_long(model, vocabulary, merges, glued(63 + below(random, 4000)));
        for (int i = 0; i < 100; ++i) check_runs(model, merges, text_of_runs(random));
        check_long(model, vocabulary, merges, runs(63 + below(random, 4000)));
        check_long(model, vocabulary, merges, random_text(random, model, 63 + below(random, 4000)));
        for (std::size_t length = 1; length < 200; length += 1 + below(random, 9)) check_long(model, vocabulary, merges, glued(length + 3));
    }
    large_pieces(model, std::max(7, rounds));
    std::printf("%s: %u tokens, %zu unreachable\n", path, vocabulary.symbol_count(), merges.unreachable().size());
}

}  // namespace

int main(int argument_count, char** arguments) {
    int rounds = 300;
    std::vector<const char*> files;
    for (int i = 1; i < argument_count; ++i) {
        if (std::strcmp(arguments[i], "--rounds") == 0 && i + 1 < argument_count) {
            rounds = std::atoi(arguments[++i]);
        } else {
            files.push_back(arguments[i]);
        }
    }
    random_vocabularies(rounds);
    adversarial_chains();
    long_tokens();
    Random random(6);
    for (int i = 0; i < rounds / 30; ++i) large_pieces(random_model(random), 7);
    std::printf("large pieces\n");
    for (const char* file : files) real_vocabulary(file, std::max(1, rounds / 60));
    std::printf("ok\n");
    return 0;
}
