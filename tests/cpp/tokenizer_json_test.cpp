// tokenizer.json files from anywhere, under sanitizers: small files of every component are mutated byte by byte, value by value and
// member by member. A mutation is refused with an error of ours, or makes a tokenizer whose every use ends.
// Usage: tokenizer_json_test [seed [mutations]]; TOKMILL_TEST_SCALE multiplies the default of 10,000.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "formats/json.hpp"
#include "samples.hpp"
#include "tokens/tokens.hpp"

namespace {

using namespace tokmill;
using samples::below;
using samples::Random;

template <class T>
const T& any_of(Random& random, const std::vector<T>& choices) {
    return choices[below(random, choices.size())];
}

// All bytes, some merges, and one component of each kind, of the many that there are.
std::string small_file(Random& random) {
    static const std::vector<std::string> kNormalizers = {
        "null",
        R"({"type":"NFC"})",
        R"({"type":"Sequence","normalizers":[{"type":"NFKD"},{"type":"StripAccents"},{"type":"Lowercase"}]})",
        R"({"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},)"
        R"({"type":"Prepend","prepend":"a"}]})",
        R"({"type":"Sequence","normalizers":[{"type":"Strip","strip_left":true,"strip_right":true},{"type":"NFD"}]})",
        R"({"type":"Replace","pattern":{"String":"a"},"content":"bab"})"};
    static const std::vector<std::string> kSplits = {
        R"({"type":"Split","pattern":{"Regex":"(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+|."},)"
        R"("behavior":"Isolated","invert":false},)",
        R"({"type":"Split","pattern":{"Regex":"(?<=a)b+|\\w{2,5}?"},"behavior":"Removed","invert":true},)",
        R"({"type":"Split","pattern":{"String":" "},"behavior":"MergedWithNext","invert":false},)",
        R"({"type":"Digits","individual_digits":true},)",
        R"({"type":"Punctuation","behavior":"Contiguous"},)",
        R"({"type":"Whitespace"},)",
        R"({"type":"WhitespaceSplit"},)",
        ""};
    static const std::vector<std::string> kFrames = {
        "null", R"({"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":false})",
        R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],)"
        R"("pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],)"
        R"("special_tokens":{"<s>":{"id":"<s>","ids":[1,2],"tokens":["<s>","x"]}}})"};
    static const std::vector<std::string> kDecoders = {
        R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})", "null",
        R"({"type":"BPEDecoder","suffix":"</w>"})",
        R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"Regex":"a+"},"content":"aa"},{"type":"Fuse"},)"
        R"({"type":"Strip","content":"a","start":1,"stop":2}]})"};
    static const std::vector<std::string> kModels = {R"("unk_token":null,"ignore_merges":true)", R"("unk_token":"<unk>","fuse_unk":true)",
                                                     R"("end_of_word_suffix":"</w>")", R"("continuing_subword_prefix":"##")",
                                                     R"("dropout":null,"byte_fallback":false)"};
    const std::string& model = any_of(random, kModels);
    const bool whole = below(random, 4) != 0;
    std::string vocabulary, merges;
    std::uint32_t id = 0;
    const auto add = [&](const std::string& token) {
        vocabulary += (id == 0 ? "" : ",") + std::string();
        formats::write_json_string(token, vocabulary);
        vocabulary += ":" + std::to_string(id++);
    };
    std::vector<std::string> letters;
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        std::string letter;
        formats::append_spelling({&c, 1}, letter);
        if (!whole && below(random, 10) == 0) continue;
        add(letter);
        if (byte > 96 && byte < 105) letters.push_back(letter);
    }
    std::map<std::string, bool> known;
    for (int i = 0; i < 30 && !letters.empty(); ++i) {
        const std::string left = any_of(random, letters), right = any_of(random, letters);
        if (left.size() + right.size() > 12) continue;
        merges += (merges.empty() ? "" : ",") + std::string(R"([")") + left + R"(",")" + right + R"("])";
        if (!std::exchange(known[left + right], true)) {
            letters.push_back(left + right);
            add(left + right);
        }
    }
    for (const char* token : {"<unk>", "a</w>", "##b"}) add(token);
    std::string added;
    for (const char* content : {"<s>", "a b", " \\u00e9"}) {
        added += (added.empty() ? "" : ",") + std::string(R"({"id":)") + std::to_string(id++) + R"(,"content":")" + content + '"';
        for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
            added += std::string(",\"") + flag + (below(random, 3) == 0 ? "\":true" : "\":false");
        added += '}';
    }
    const std::string byte_level = R"({"type":"ByteLevel","add_prefix_space":)" + std::string(below(random, 3) == 0 ? "true" : "false") +
                                   R"(,"trim_offsets":true,"use_regex":)" + (below(random, 2) == 0 ? "true" : "false") + "}";
    return R"({"version":"1.0","truncation":null,"padding":{"strategy":{"Fixed":8}},"added_tokens":[)" + added + R"(],"normalizer":)" +
           any_of(random, kNormalizers) + R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[)" + any_of(random, kSplits) +
           any_of(random, kSplits) + byte_level + R"(]},"post_processor":)" + any_of(random, kFrames) + R"(,"decoder":)" +
           any_of(random, kDecoders) + R"(,"model":{"type":"BPE",)" + model + R"(,"vocab":{)" + vocabulary + R"(},"merges":[)" + merges +
           "]}}";
}

// Where a value may begin: behind a colon, a comma or an opening bracket. (Inside of strings, too: no harm.)
std::size_t place_of_value(Random& random, const std::string& file, std::size_t most) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        const std::size_t at = below(random, most);
        if (file[at] == ':' || file[at] == ',' || file[at] == '[') return at + 1;
    }
    return below(random, most);
}

std::string mutated(Random& random, std::string file) {
    static const std::vector<std::string> kValues = {"null",
                                                     "true",
                                                     "-1",
                                                     "0",
                                                     "16777216",
                                                     "4294967296",
                                                     "1e9",
                                                     "1.5",
                                                     "\"\"",
                                                     "\"a\"",
                                                     "[]",
                                                     "{}",
                                                     "[[[[]]]]",
                                                     R"("\ud800")",
                                                     R"("\u0000")",
                                                     R"({"type":"NFC"})",
                                                     R"({"type":"Sequence"})",
                                                     "1000000000",
                                                     R"({"Regex":"(a+)+$"})",
                                                     R"({"Regex":"a{1000}{1000}"})",
                                                     R"({"String":""})"};
    static const std::vector<std::string> kBytes = {"\"",   "{",    "}",  "[",  "]", ",", ":", "\\", "0",  "\x80",
                                                    "\xff", "\xc4", "\n", "(?", "|", "+", "*", "^",  "{2}"};
    // Most of a file is vocabulary, where nearly every change is a fault; most changes go into what stands before it.
    for (std::uint64_t changes = below(random, 4); changes != 0 && !file.empty(); --changes) {
        const std::size_t components = std::min(file.find("\"vocab\""), file.size() - 1);
        const std::size_t most = below(random, 4) == 0 || components == 0 ? file.size() : components;
        const std::size_t at = below(random, most);
        switch (below(random, 8)) {
            case 0: file[at] = static_cast<char>(random()); break;
            case 1: file.erase(at, 1 + below(random, 40)); break;
            case 2: file.insert(at, any_of(random, kBytes)); break;
            case 3: file.insert(at, file.substr(below(random, file.size()), 1 + below(random, 60))); break;
            case 4:
                if (below(random, 4) == 0) file.resize(at);
                break;
            default: {  // a value gives way to another
                const std::size_t begin = place_of_value(random, file, most);
                const std::size_t end = std::min(file.find_first_of(",]}", begin), file.size());
                if (begin <= end) file.replace(begin, end - begin, any_of(random, kValues));
            }
        }
    }
    return file;
}

documents::Document document(const std::string& text) { return {text.data(), text.size()}; }

void use(const tokens::Tokenizer& tokenizer) {
    static const std::string kText = "the end <s> ab\u00e9 \u4e2d1! aaaa<unk> abcdefgh\n  " + std::string(200, 'a');
    static const normalized::Normalizer kNone;
    std::vector<tokens::AddedTokens::Token> wanted;
    for (const formats::AddedToken& token : tokenizer.preprocessing()->components().added_tokens) wanted.push_back({token, true});
    const tokens::AddedTokens added(std::move(wanted), tokenizer.preprocessing()->normalizer());
    Cancel cancel;
    const documents::Document text = document(kText);
    for (const bool parses : {false, true}) {
        tokens::EncodeOptions options;
        if (parses) options.added = &added;
        tokens::IdArray ids;
        tokenizer.encode({&text, 1}, options, 1, ids, nullptr, cancel);
        const auto* const numbers = static_cast<const std::int32_t*>(ids.data());
        Buffer<std::uint8_t> out;
        if (tokenizer.has_chain()) {
            tokenizer.decode_chain().decode(numbers, ids.size(), tokens::UnknownId::skip, parses, out, 0, &cancel);
        } else {
            tokenizer.decode_table().decode(numbers, ids.size(), tokens::UnknownId::skip, parses, out, 0, &cancel);
        }
    }
    SectionWriter writer;
    tokenizer.save(writer);
    const std::vector<std::uint8_t> snapshot = writer.finish();
    Buffer<std::uint8_t> aligned(snapshot.size() + 1);
    std::copy(snapshot.begin(), snapshot.end(), aligned.data());
    const SectionReader reader({aligned.data(), snapshot.size()});
    const tokens::Tokenizer restored(reader, cpu::active());
    tokens::IdArray ids;
    restored.encode({&text, 1}, {}, 1, ids, nullptr, cancel);
}

}  // namespace

int main(int argument_count, char** arguments) {
    const char* const scale = std::getenv("TOKMILL_TEST_SCALE");
    const std::uint64_t seed = argument_count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 20251126;
    const std::uint64_t mutations = argument_count > 2 ? std::strtoull(arguments[2], nullptr, 10)
                                                       : static_cast<std::uint64_t>(10'000 * (scale != nullptr ? std::atof(scale) : 1));
    std::uint64_t loaded = 0;
    std::map<ErrorKind, std::uint64_t> refused, refused_in_use;
    for (std::uint64_t number = 0; number < mutations; ++number) {
        Random random(seed * 1'000'003 + number);
        const std::string file = mutated(random, small_file(random));
        try {
            Cancel never;
            const tokens::Tokenizer tokenizer(
                formats::read_tokenizer_json({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, false, never),
                cpu::active(), never);
            ++loaded;
            try {
                use(tokenizer);
            } catch (const Error& error) {
                ++refused_in_use[error.kind()];
            }
        } catch (const Error& error) {
            ++refused[error.kind()];
        } catch (const std::exception& error) {
            std::printf("FAILED mutation %llu of seed %llu: %s\n%s\n", static_cast<unsigned long long>(number),
                        static_cast<unsigned long long>(seed), error.what(), file.c_str());
            return 1;
        }
    }
    const auto sum = [](const std::map<ErrorKind, std::uint64_t>& counts) {
        std::uint64_t all = 0;
        for (const auto& [kind, count] : counts) all += count;
        return static_cast<unsigned long long>(all);
    };
    std::printf(
        "seed %llu: %llu mutations, %llu loaded, %llu refused (%llu of them as unsupported, %llu for a regex), %llu refused in use\nok\n",
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(mutations), static_cast<unsigned long long>(loaded),
        sum(refused), static_cast<unsigned long long>(refused[ErrorKind::unsupported]),
        static_cast<unsigned long long>(refused[ErrorKind::pattern]), sum(refused_in_use));
    return 0;
}
