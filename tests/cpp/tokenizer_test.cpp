// Whole tokenizers against the book, on every instruction set: any number of threads, any cut of a stream, many callers at
// once, special tokens across the borders of chunks and parts, documents of every size. TOKMILL_TEST_SCALE makes the
// random texts longer.
// Usage: tokenizer_test [seed [callers]]   with a second argument only the many callers, for the thread sanitizer
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "samples.hpp"
#include "tokens/tokens.hpp"

using namespace tokmill;
using samples::Ids;
using samples::Random;
using tokens::EncodeOptions;
using tokens::IdArray;
using tokens::IdType;
using tokens::Tokenizer;

namespace {

std::atomic<int> failures{0};
double scale = 1;

void check(bool holds, const std::string& what) {
    if (!holds && ++failures <= 10) std::printf("FAILED %s\n", what.c_str());
}

const std::vector<vocab::SpecialToken> kSpecials = {
    {"<|endoftext|>", 5000}, {"<|im_start|>", 5001}, {"<|im_start|><|x|>", 5002}, {"\u2581<mask>", 5003}, {"</s>", 5004}};

std::size_t scaled(std::size_t bytes) { return static_cast<std::size_t>(static_cast<double>(bytes) * scale); }

documents::Document document(std::string_view text) { return {text.data(), text.size()}; }

Ids numbers(const IdArray& ids) {
    const auto* first = static_cast<const std::uint32_t*>(ids.data());
    return Ids(first, first + ids.size());
}

std::string text_with_specials(Random& random, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) {
        text += samples::text(random, samples::below(random, 300));
        const std::string& special = kSpecials[samples::below(random, kSpecials.size())].text;
        text += special.substr(0, samples::below(random, 3) == 0 ? samples::below(random, special.size()) : special.size());
        while ((static_cast<std::uint8_t>(text.back()) & 0xC0) == 0x80 || static_cast<std::uint8_t>(text.back()) >= 0xC0) text.pop_back();
    }
    return text;
}

struct Subject {
    const Tokenizer& tokenizer;
    samples::Book& book;
    vocab::SpecialMatcher matcher;
    std::string tag;

    EncodeOptions options(bool parse) const {
        EncodeOptions options;
        if (parse) options.specials = &matcher;
        return options;
    }
    Ids encode(std::string_view text, bool parse, std::size_t threads = 1) const {
        IdArray ids;
        Cancel cancel;
        const documents::Document one = document(text);
        tokenizer.encode({&one, 1}, options(parse), threads, ids, nullptr, cancel);
        return numbers(ids);
    }
};

// Documents of every size at once: none of it, some bytes, more than a chunk, more than a part.
void check_threads(const Subject& subject, Random& random) {
    std::vector<std::string> texts;
    for (const std::size_t bytes : {std::size_t(0), std::size_t(1), scaled(700000), std::size_t(0), scaled(40000), std::size_t(90)})
        texts.push_back(text_with_specials(random, bytes));
    for (int i = 0; i < 300; ++i) texts.push_back(samples::text(random, samples::below(random, 200)));
    texts.push_back(std::string(scaled(300000), 'a'));
    texts.emplace_back();
    std::vector<documents::Document> documents;
    for (const std::string& text : texts) documents.push_back(document(text));
    for (const bool parse : {false, true}) {
        const EncodeOptions options = subject.options(parse);
        Ids wanted;
        std::vector<std::uint64_t> wanted_ends;
        for (const std::string& text : texts) {
            // The book is slow on a run of 300,000 letters: that one is judged by its decoded length below.
            if (text.size() >= scaled(300000) && text[0] == 'a' && text[1] == 'a') {
                const Ids run = subject.encode(text, parse);
                std::size_t bytes = 0;
                for (const std::uint32_t id : run) bytes += subject.tokenizer.vocabulary().bytes(id).size();
                check(bytes == text.size(), "a long run keeps its length" + subject.tag);
                wanted.insert(wanted.end(), run.begin(), run.end());
            } else {
                const Ids ids = subject.book.ids(text, parse);
                wanted.insert(wanted.end(), ids.begin(), ids.end());
            }
            wanted_ends.push_back(wanted.size());
        }
        for (const std::size_t threads : {1, 2, 3, 8}) {
            const std::string tag = ", " + std::to_string(threads) + " threads" + (parse ? ", specials" : "") + subject.tag;
            IdArray ids;
            std::vector<std::uint64_t> ends, count_ends;
            Cancel cancel;
            subject.tokenizer.encode(documents, options, threads, ids, &ends, cancel);
            check(numbers(ids) == wanted, "ids of a batch" + tag);
            check(ends == wanted_ends, "ends of a batch" + tag);
            check(subject.tokenizer.count(documents, options, threads, &count_ends, cancel) == wanted.size(), "count of a batch" + tag);
            check(count_ends == wanted_ends, "ends of a counted batch" + tag);
        }
    }
}

void check_many_empty_documents(const Subject& subject) {
    const std::vector<documents::Document> documents(100000, document(""));
    for (const std::size_t threads : {1, 2}) {
        IdArray ids;
        std::vector<std::uint64_t> ends;
        Cancel cancel;
        subject.tokenizer.encode(documents, subject.options(true), threads, ids, &ends, cancel);
        check(ids.size() == 0 && ends == std::vector<std::uint64_t>(documents.size(), 0), "100,000 empty documents" + subject.tag);
    }
}

// Each special token, whole, so that the border of the first chunk falls on each of its bytes and beside it.
void check_borders(const Subject& subject, Random& random) {
    // What stands before a special token is encoded by itself, so the book has to be asked about the long part only once.
    const std::string filler = samples::text(random, pretokens::kChunkBytes - 2000) + "</s>";
    std::string tail = samples::text(random, 3000);
    for (char& c : tail)
        if ((c & 0x80) != 0) c = 'x';  // may be cut anywhere
    const Ids filler_ids = subject.book.ids(filler, true);
    for (const vocab::SpecialToken& special : kSpecials) {
        for (std::size_t before = 0; before < special.text.size() + 70; before += 1 + before / 20) {
            const std::size_t length = pretokens::kChunkBytes - before - filler.size();
            const std::string end = tail.substr(0, length) + special.text + tail.substr(length, 300);
            Ids wanted = filler_ids;
            const Ids end_ids = subject.book.ids(end, true);
            wanted.insert(wanted.end(), end_ids.begin(), end_ids.end());
            check(subject.encode(filler + end, true) == wanted, special.text + " across a chunk's border" + subject.tag);
        }
    }
}

Ids stream(const Subject& subject, bool parse, const std::vector<std::string_view>& feeds) {
    tokens::StreamEncoder stream(subject.tokenizer, subject.options(parse));
    IdArray ids;
    Cancel cancel;
    for (const std::string_view feed : feeds) stream.feed({reinterpret_cast<const std::uint8_t*>(feed.data()), feed.size()}, ids, cancel);
    stream.finish(ids, cancel);
    return numbers(ids);
}

void check_streams(const Subject& subject, Random& random) {
    const std::vector<std::string> texts = {"", "Hello, we'll  see\u4e2d\u6587 12345\r\n\n  x \u00e9\U0001f600!",
                                            "<|im_start|>user<|im_start|><|x|>a\u2581<mask>b</s></s <|im_start|><|x</s>",
                                            samples::text(random, 60), std::string(70, ' ') + "a"};
    for (const std::string& text : texts) {
        const std::string_view view = text;
        for (const bool parse : {false, true}) {
            const Ids wanted = subject.book.ids(text, parse);
            check(subject.encode(text, parse) == wanted, "one shot" + subject.tag);
            for (std::size_t cut = 0; cut <= text.size(); ++cut)
                check(stream(subject, parse, {view.substr(0, cut), view.substr(cut)}) == wanted, "a stream cut in two" + subject.tag);
            std::vector<std::string_view> bytes;
            for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(view.substr(i, 1));
            check(stream(subject, parse, bytes) == wanted, "a stream byte by byte" + subject.tag);
        }
    }
    const std::string text = text_with_specials(random, scaled(150000));
    const std::string_view view = text;
    const Ids wanted = subject.book.ids(text, true);
    for (int round = 0; round < 4; ++round) {
        std::vector<std::string_view> feeds;
        for (std::size_t at = 0; at < text.size(); at += feeds.back().size())
            feeds.push_back(view.substr(at, 1 + samples::below(random, 30000)));
        check(stream(subject, true, feeds) == wanted, "a long stream" + subject.tag);
    }
}

void check_other_ways(const Subject& subject, Random& random) {
    const std::string text = text_with_specials(random, 5000);
    const documents::Document one = document(text);
    const Ids wanted = subject.book.ids(text, true);
    const EncodeOptions options = subject.options(true);
    Cancel cancel;

    Ids exact(wanted.size());
    IdArray borrowed(IdType::uint32, exact.data(), exact.size());
    subject.tokenizer.encode({&one, 1}, options, 1, borrowed, nullptr, cancel);
    check(exact == wanted, "into memory of exactly the right size" + subject.tag);
    IdArray short_by_one(IdType::uint32, exact.data(), exact.size() - 1);
    try {
        subject.tokenizer.encode({&one, 1}, options, 1, short_by_one, nullptr, cancel);
        check(false, "memory that is too small is refused" + subject.tag);
    } catch (const Error& error) {
        check(error.kind() == ErrorKind::value, "memory that is too small: the kind of the error" + subject.tag);
    }
    IdArray narrow(IdType::uint16), wide(IdType::int64);
    subject.tokenizer.encode({&one, 1}, options, 1, narrow, nullptr, cancel);
    subject.tokenizer.encode({&one, 1}, options, 1, wide, nullptr, cancel);
    bool same = narrow.size() == wanted.size() && wide.size() == wanted.size();
    for (std::size_t i = 0; same && i < wanted.size(); ++i)
        same = static_cast<const std::uint16_t*>(narrow.data())[i] == wanted[i] &&
               static_cast<const std::int64_t*>(wide.data())[i] == wanted[i];
    check(same, "ids of 16 and of 64 bits" + subject.tag);

    IdArray first;
    subject.tokenizer.encode_until(one, options, 100, first, cancel);
    const Ids begun = numbers(first);
    check(begun.size() >= 100 && begun.size() <= wanted.size() && std::equal(begun.begin(), begun.end(), wanted.begin()),
          "encode_until gives a prefix" + subject.tag);
    tokens::Sink counter;
    check(subject.tokenizer.try_encode(one, options, counter, cancel) && counter.id_count == wanted.size(), "try_encode" + subject.tag);

    SectionWriter writer;
    subject.tokenizer.save(writer);
    const std::vector<std::uint8_t> file = writer.finish();
    Buffer<std::uint8_t> aligned(file.size());
    std::memcpy(aligned.data(), file.data(), file.size());
    const Tokenizer mapped(SectionReader({aligned.data(), file.size()}), subject.tokenizer.isa());
    IdArray again;
    mapped.encode({&one, 1}, options, 1, again, nullptr, cancel);
    check(numbers(again) == wanted, "from a snapshot" + subject.tag);
}

// An error in one call must not be seen by the others, nor by the next call on the same slot.
void check_many_callers(const Subject& subject, Random& random) {
    constexpr int kCallers = 4;
    std::vector<std::string> texts;
    std::vector<Ids> wanted;
    for (int i = 0; i < kCallers; ++i) {
        texts.push_back(text_with_specials(random, i == 0 ? scaled(600000) : 3000 * static_cast<std::size_t>(i)));
        wanted.push_back(subject.book.ids(texts.back(), true));
    }
    std::vector<std::thread> callers;
    for (std::size_t i = 0; i < kCallers; ++i) {
        callers.emplace_back([&, i] {
            for (int round = 0; round < (i == 0 ? 3 : 40); ++round) {
                check(subject.encode(texts[i], true, 2) == wanted[i], "many callers" + subject.tag);
                const std::string broken = texts[i].substr(0, texts[i].size() / 2) + "\xFF";
                try {
                    subject.encode(broken, true, 2);
                    check(false, "bytes that are not UTF-8 are refused" + subject.tag);
                } catch (const Error& error) {
                    check(error.where() == static_cast<std::int64_t>(broken.size()) - 1 ||
                              (static_cast<std::uint8_t>(broken.end()[-2]) & 0x80) != 0,
                          "where the bytes stop being UTF-8" + subject.tag);
                }
                const Ids first(wanted[i].begin(), wanted[i].begin() + 50);
                Buffer<std::uint8_t> bytes;
                check(subject.tokenizer.decode_table().decode(first.data(), first.size(), tokens::UnknownId::error, false, bytes, 0) != 0,
                      "decode beside encode" + subject.tag);
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20251125;
    if (const char* const wanted = std::getenv("TOKMILL_TEST_SCALE")) scale = std::clamp(std::atof(wanted), 0.5, 10.0);
    std::printf("tokenizer_test, seed %llu\n", static_cast<unsigned long long>(seed));
    Random random(seed);
    for (const pretokens::Pattern pattern : {pretokens::Pattern::gpt2, pretokens::Pattern::cl100k, pretokens::Pattern::o200k}) {
        const std::uint64_t vocabulary_seed = random();
        for (const cpu::Isa isa : cpu::supported()) {
            Random same(vocabulary_seed);
            Cancel never;
            const Tokenizer tokenizer(samples::spec(same, 600, pattern, kSpecials), isa, never);
            samples::Book book(tokenizer.vocabulary());
            const Subject subject{tokenizer, book, vocab::SpecialMatcher(kSpecials),
                                  ", " + std::string(pretokens::name(pattern)) + ", " + std::string(cpu::name(isa))};
            check_many_callers(subject, random);
            if (argc > 2) continue;
            check_threads(subject, random);
            check_many_empty_documents(subject);
            check_borders(subject, random);
            check_streams(subject, random);
            check_other_ways(subject, random);
        }
    }
    std::printf(failures.load() == 0 ? "ok\n" : "%d failures\n", failures.load());
    return failures.load() == 0 ? 0 : 1;
}
