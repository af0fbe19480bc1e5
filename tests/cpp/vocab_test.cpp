// Vocabulary and merges: every rule of the loader just kept and just broken, lookups, and snapshots: whole, cut, and with
// bytes changed at random. A damaged snapshot gives a named error or a vocabulary that can be used without harm.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/errors.hpp"
#include "base/sections.hpp"
#include "cpu/isa.hpp"
#include "tokens/merging.hpp"
#include "vocab/limits.hpp"
#include "vocab/vocab.hpp"

namespace {

using namespace tokmill;
using vocab::Spec;
using vocab::Symbol;
using vocab::Vocabulary;

int failures = 0;

void check(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

void add(Spec& spec, const std::string& token, std::uint32_t id) {
    if (spec.offsets.empty()) spec.offsets.push_back(0);
    spec.bytes.insert(spec.bytes.end(), token.begin(), token.end());
    spec.offsets.push_back(spec.bytes.size());
    spec.ids.push_back(id);
}

Spec all_bytes() {
    Spec spec;
    for (std::uint32_t byte = 0; byte < 256; ++byte) add(spec, std::string(1, static_cast<char>(byte)), byte);
    return spec;
}

Spec small() {
    Spec spec = all_bytes();
    std::uint32_t id = 256;
    for (const char* token : {"th", "he", "the", " the", "in", "ing", "abc", "ab", "xyz"}) add(spec, token, id++);
    spec.name = "small";
    spec.pattern = "\\w+";
    spec.specials = {{"<|b|>", 300}, {"<|a|>", 299}, {"<|c|>", 300}};
    return spec;
}

void loads(const std::string& what, const std::function<void(Spec&)>& change) {
    Spec spec = small();
    change(spec);
    try {
        Vocabulary::build(std::move(spec));
    } catch (const Error& error) {
        check(false, what + " should load: " + error.what());
    }
}

void refused(const std::string& what, const std::string& part_of_message, const std::function<void(Spec&)>& change) {
    Spec spec = small();
    change(spec);
    try {
        Vocabulary::build(std::move(spec));
        check(false, what + " should be refused");
    } catch (const Error& error) {
        check(error.kind() == ErrorKind::vocabulary, what + ": wrong kind of error");
        check(std::string(error.what()).find(part_of_message) != std::string::npos, what + ": unexpected message: " + error.what());
    }
}

void limits() {
    loads("an unchanged vocabulary", [](Spec&) {});
    loads("an id at its greatest",
          [](Spec& s) { s.ids[0] = static_cast<std::uint32_t>(vocab::greatest_id_allowed(s.ids.size() + s.specials.size())); });
    refused("an id out of proportion", "out of proportion",
            [](Spec& s) { s.ids[0] = static_cast<std::uint32_t>(vocab::greatest_id_allowed(s.ids.size() + s.specials.size())) + 1; });
    refused("an id of 2^24", "must be below", [](Spec& s) { s.ids[5] = 1u << 24; });
    refused("a special id of 2^32 - 1", "must be below", [](Spec& s) { s.specials[0].id = ~0u; });
    loads("a token of 64 KiB", [](Spec& s) { add(s, std::string(65'536, 'q'), 400); });
    refused("a token of 64 KiB and a byte", "at most 65536", [](Spec& s) { add(s, std::string(65'537, 'q'), 400); });
    refused("a special token of 64 KiB and a byte", "too long", [](Spec& s) { s.specials[0].text = std::string(65'537, 'q'); });
    refused("an empty token", "is empty", [](Spec& s) { add(s, "", 400); });
    refused("an empty special token", "is empty", [](Spec& s) { s.specials[0].text.clear(); });
    refused("a token twice", "stands twice", [](Spec& s) { add(s, "the", 400); });
    refused("an id twice", "stands for two tokens", [](Spec& s) { s.ids[258] = 257; });
    refused("a special token twice", "stands twice", [](Spec& s) { s.specials[0].text = s.specials[1].text; });
    refused("a special token with a token's id", "id of a mergeable token", [](Spec& s) { s.specials[0].id = 256; });
    refused("a special token with a shuffled token's id", "id of a mergeable token", [](Spec& s) {
        std::swap(s.ids[0], s.ids[1]);
        s.specials[0].id = 1;
    });
    refused("no tokens", "no tokens", [](Spec& s) { s = Spec(); });
    refused("offsets that fall", "do not fit", [](Spec& s) { std::swap(s.offsets[3], s.offsets[4]); });
    refused("an offset behind the bytes", "do not fit", [](Spec& s) { s.offsets[3] = 1'000'000; });
    refused("too few offsets", "do not fit", [](Spec& s) { s.offsets.pop_back(); });
    for (const std::uint32_t missing : {0u, 10u, 97u, 255u})
        refused("a missing byte", "(" + std::to_string(missing) + ") is not a token", [=](Spec& s) {
            s = Spec();
            for (std::uint32_t byte = 0; byte < 256; ++byte)
                if (byte != missing) add(s, std::string(1, static_cast<char>(byte)), byte);
        });
    refused("too many tokens", "at most 2097150", [](Spec& s) {
        s.offsets.resize(std::size_t(vocab::kMaxSymbols) + 2);
        s.ids.resize(std::size_t(vocab::kMaxSymbols) + 1);
    });
}

void lookups() {
    Spec spec = small();
    std::swap(spec.ids[256], spec.ids[260]);
    spec.ids[262] = 280;
    const Vocabulary vocabulary = Vocabulary::build(spec);
    check(!vocabulary.ids_are_symbols() && Vocabulary::build(small()).ids_are_symbols(), "ids_are_symbols");
    check(vocabulary.find("the") == Symbol(258) && vocabulary.id(258) == 258, "find");
    check(!vocabulary.find("") && !vocabulary.find("thee") && !vocabulary.find("<|a|>"), "find of what is no token");
    check(vocabulary.bytes_of_id(256) == "in" && vocabulary.bytes_of_id(280) == "abc" && !vocabulary.bytes_of_id(262), "bytes_of_id");
    check(vocabulary.bytes_of_id(299) == "<|a|>" && vocabulary.bytes_of_id(300) == "<|b|>" && !vocabulary.bytes_of_id(301), "special ids");
    check(vocabulary.is_special_id(299) && !vocabulary.is_special_id(5) && !vocabulary.is_special_id(~0u), "is_special_id");
    check(vocabulary.id_end() == 301 && vocabulary.max_token_bytes() == 4, "id_end and max_token_bytes");
    check(vocabulary.specials().size() == 3 && vocabulary.specials()[1].text == "<|b|>", "order of special tokens");
    const vocab::Merges merges = vocab::Merges::build(vocabulary);
    check(merges.unreachable().size() == 1 && vocabulary.bytes(merges.unreachable()[0]) == "xyz", "unreachable");
    check(merges.parts(262) == std::pair<Symbol, Symbol>(263, 'c'), "a part of higher rank than the whole");
    check(merges.merged_bytes('t' | 'h' << 8) == 256 && merges.merged_bytes('h' | 't' << 8) == vocab::kNoSymbol, "merged_bytes");
}

// A vocabulary that was mapped, whatever it says, is used in every way; sanitizers watch.
void use(const Vocabulary& vocabulary, const vocab::Merges& merges) {
    std::size_t sum = 0;
    for (Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) {
        const std::string_view token = vocabulary.bytes(symbol);
        for (const char c : token) sum += static_cast<unsigned char>(c);
        sum += vocabulary.find(token).value_or(0) + merges.parts(symbol).first + vocabulary.id(symbol);
    }
    for (std::uint32_t id = 0; id < std::min(vocabulary.id_end() + 3, 2000u); ++id) {
        const auto bytes = vocabulary.bytes_of_id(id);
        if (bytes)
            for (const char c : *bytes) sum += static_cast<unsigned char>(c);
        sum += vocabulary.is_special_id(id);
    }
    std::string text = "the thing in abc the xyz ";
    while (text.size() < 3000) text += text;
    const auto scratch = std::make_unique<tokens::LongPieceScratch>();
    std::vector<Symbol> symbols(text.size() + tokens::kSymbolSlack);
    Cancel cancel;
    for (const cpu::Isa isa : cpu::supported()) {
        const std::size_t count =
            tokens::merge_long(vocabulary, merges, tokens::merge_kernels(isa), *scratch, reinterpret_cast<const std::uint8_t*>(text.data()),
                               text.size(), symbols.data(), cancel);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) bytes += vocabulary.bytes(symbols[i]).size();
        check(bytes == text.size(), "the tokens of a damaged vocabulary cover the text");
    }
    if (sum == 1) std::printf(" ");
}

struct Aligned {
    explicit Aligned(const std::vector<std::uint8_t>& bytes) : buffer(bytes.size() + 1), size(bytes.size()) {
        if (size != 0) std::memcpy(buffer.data(), bytes.data(), size);
    }
    std::span<const std::uint8_t> view() const { return {buffer.data(), size}; }
    Buffer<std::uint8_t> buffer;
    std::size_t size;
};

void snapshots(int rounds) {
    std::mt19937_64 random(7);
    for (const bool shuffled : {false, true}) {
        Spec spec = small();
        if (shuffled) std::swap(spec.ids[256], spec.ids[260]);
        const Vocabulary vocabulary = Vocabulary::build(spec);
        const vocab::Merges merges = vocab::Merges::build(vocabulary);
        SectionWriter writer;
        vocabulary.save(writer);
        merges.save(writer);
        const std::vector<std::uint8_t> file = writer.finish();
        {
            const Aligned whole(file);
            const SectionReader reader(whole.view());
            const Vocabulary mapped = Vocabulary::map(reader);
            const vocab::Merges mapped_merges = vocab::Merges::map(reader, mapped);
            check(mapped.name() == "small" && mapped.pattern() == "\\w+" && mapped.specials().size() == 3 && mapped.id_end() == 301,
                  "names and special tokens of a mapped vocabulary");
            for (Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
                check(mapped.bytes(symbol) == vocabulary.bytes(symbol) && mapped.id(symbol) == vocabulary.id(symbol) &&
                          mapped.find(vocabulary.bytes(symbol)) == symbol && mapped_merges.parts(symbol) == merges.parts(symbol),
                      "a token of a mapped vocabulary");
            use(mapped, mapped_merges);
        }
        int refused = 0;
        for (int round = 0; round < rounds; ++round) {
            std::vector<std::uint8_t> broken = file;
            const std::size_t changes = 1 + random() % 4;
            for (std::size_t i = 0; i < changes; ++i) {
                const std::size_t at = random() % broken.size();
                const std::size_t width = std::size_t(1) << random() % 4;
                const std::uint64_t value = random() % 3 == 0 ? ~std::uint64_t(0) : random() >> random() % 64;
                std::memcpy(broken.data() + at, &value, std::min(width, broken.size() - at));
            }
            if (random() % 8 == 0) broken.resize(random() % broken.size());
            const Aligned bytes(broken);
            try {
                const SectionReader reader(bytes.view());
                const Vocabulary mapped = Vocabulary::map(reader);
                const vocab::Merges mapped_merges = vocab::Merges::map(reader, mapped);
                use(mapped, mapped_merges);
            } catch (const Error& error) {
                check(error.kind() == ErrorKind::snapshot,
                      std::string("a damaged snapshot gives the wrong kind of error: ") + error.what());
                ++refused;
            }
        }
        std::printf("snapshots: %d damaged, %d refused\n", rounds, refused);
    }
}

}  // namespace

int main(int argument_count, char** arguments) {
    limits();
    lookups();
    snapshots(argument_count == 3 && std::strcmp(arguments[1], "--rounds") == 0 ? std::atoi(arguments[2]) : 1000);
    if (failures == 0) std::printf("ok\n");
    return failures == 0 ? 0 : 1;
}
