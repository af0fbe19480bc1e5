// DecodeTable against the vocabulary itself, StreamDecoder against decoding the whole with replacement at the end.
// Usage: decode_test [seed] [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "tokens/decode.hpp"
#include "unicode/unicode.hpp"
#include "vocab/vocab.hpp"

namespace {

using namespace tokmill;
using tokens::DecodeTable;
using tokens::StreamDecoder;
using tokens::UnknownId;

int failures = 0;

void expect(bool holds, const char* what) {
    if (holds) return;
    if (++failures < 20) std::printf("FAIL %s\n", what);
}

// The 256 bytes, parts of characters, tokens of every length around 16, ids with gaps, special tokens among and after them.
vocab::Vocabulary make_vocabulary() {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
    for (std::size_t length = 2; length <= 40; ++length) tokens.push_back(std::string(length, 'a'));
    for (const char* text : {"\xE4\xB8", "\xB8\xAD", "\xE4\xB8\xAD", "\xF0\x9F", "\xF0\x9F\x98", "\x98\x80", "\x9F\x98", "\xC3\xA9",
                             "\xA9t", "x\xC3", " \xF0", "\xE4\xB8\xAD\xE5", "\x80\x80", "\xED\xA0", "\xF4\x90", "\xE0\x80", "word",
                             " word", "\xFF\xFE"})
        tokens.push_back(text);
    vocab::Spec spec;
    spec.pattern = "x";
    spec.offsets.push_back(0);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        spec.bytes.insert(spec.bytes.end(), tokens[i].begin(), tokens[i].end());
        spec.offsets.push_back(spec.bytes.size());
        spec.ids.push_back(static_cast<std::uint32_t>(i < 100 ? i : 2 * i));  // every other id from 200 on is free
    }
    spec.specials = {{"<|end|>", 201}, {"<|a special token of more than sixteen bytes|>", 900}, {"<|last|>", 1000}};
    return vocab::Vocabulary::build(std::move(spec));
}

std::string text_of(const Buffer<std::uint8_t>& bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes.data()), size}; }

// bytes.decode("utf-8", "replace"): well-formed characters stay, every ill-formed part becomes U+FFFD.
std::string replaced(const std::string& bytes) {
    const auto* p = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::string out;
    std::vector<std::uint8_t> copy(bytes.size() + 64);
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t valid = unicode::kernels(cpu::Isa::scalar).copy_valid_utf8(copy.data(), p + i, bytes.size() - i);
        out.append(bytes, i, valid);
        i += valid;
        if (i == bytes.size()) break;
        out += "\xEF\xBF\xBD";
        i += unicode::ill_formed_length(p + i, bytes.size() - i);
    }
    return out;
}

template <class Id>
void check_unknown(const DecodeTable& table, std::vector<Id> good, Id bad) {
    for (std::size_t at = 0; at <= good.size(); ++at) {
        std::vector<Id> ids = good;
        ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(at), bad);
        Buffer<std::uint8_t> out;
        bool refused = false;
        try {
            table.decode(ids.data(), ids.size(), UnknownId::error, false, out, 0);
        } catch (const Error& error) {
            refused = error.kind() == ErrorKind::unknown_id && error.where() == static_cast<std::int64_t>(at) &&
                      std::string(error.what()).find(std::to_string(bad)) != std::string::npos;
        }
        expect(refused, "an unknown id is refused with its index");
        const std::string all = text_of(out, table.decode(good.data(), good.size(), UnknownId::error, false, out, 0));
        expect(text_of(out, table.decode(ids.data(), ids.size(), UnknownId::skip, false, out, 0)) == all, "an unknown id is skipped");
        const std::string before = text_of(out, table.decode(good.data(), at, UnknownId::error, false, out, 0));
        expect(text_of(out, table.decode(ids.data(), ids.size(), UnknownId::replace, false, out, 0)) ==
                   before + "\xEF\xBF\xBD" + all.substr(before.size()),
               "an unknown id is replaced");
    }
}

void check_table(const vocab::Vocabulary& vocabulary, const DecodeTable& table, std::mt19937_64& random, unsigned rounds) {
    std::vector<std::uint32_t> known;
    for (std::uint32_t id = 0; id < vocabulary.id_end(); ++id) {
        const auto wanted = vocabulary.bytes_of_id(id);
        expect(table.bytes_of(id, false) == wanted, "bytes_of");
        if (wanted) known.push_back(id);
    }
    expect(vocabulary.id_end() == 1001 && known.size() > 300, "the vocabulary is as meant");
    for (const std::uint64_t id : {std::uint64_t(1001), std::uint64_t(1) << 24, std::uint64_t(1) << 32, ~std::uint64_t(0)})
        expect(!table.bytes_of(id, false), "ids beyond the end are unknown");

    check_unknown<std::int32_t>(table, {97, 1000, 98}, -1);
    check_unknown<std::int32_t>(table, {97, 1000, 98}, std::numeric_limits<std::int32_t>::min());
    check_unknown<std::int32_t>(table, {97, 98}, 203);
    check_unknown<std::uint16_t>(table, {97, 98}, 65535);
    check_unknown<std::uint32_t>(table, {97, 98}, 1001);
    check_unknown<std::uint32_t>(table, {97, 98}, 0xFFFFFFFFu);
    check_unknown<std::int64_t>(table, {97, 98}, (std::int64_t(1) << 32) + 97);
    check_unknown<std::int64_t>(table, {97, 98}, -5);
    check_unknown<std::uint64_t>(table, {97, 98}, ~std::uint64_t(0));

    for (unsigned round = 0; round < rounds; ++round) {
        std::vector<std::uint32_t> ids(random() % (round % 100 == 0 ? 20000 : 60));
        const bool skip = random() % 2 == 0;
        std::string wanted = "kept";
        for (std::uint32_t& id : ids) {
            id = known[random() % known.size()];
            if (!skip || !vocabulary.is_special_id(id)) wanted += *vocabulary.bytes_of_id(id);
        }
        const auto check_as = [&]<class Id>(Id) {
            const std::vector<Id> typed(ids.begin(), ids.end());
            Buffer<std::uint8_t> out(4);
            std::memcpy(out.data(), "kept", 4);
            const std::size_t size = table.decode(typed.data(), typed.size(), UnknownId::error, skip, out, 4);
            expect(text_of(out, size) == wanted, "decode");
        };
        check_as(std::int32_t{});
        check_as(std::uint32_t{});
        check_as(std::uint16_t{});
        check_as(std::int64_t{});
        check_as(std::uint64_t{});
    }
}

void check_stream(const vocab::Vocabulary& vocabulary, const DecodeTable& table, std::mt19937_64& random, unsigned rounds) {
    for (unsigned round = 0; round < rounds; ++round) {
        const bool skip = random() % 2 == 0;
        const UnknownId unknown = random() % 2 == 0 ? UnknownId::replace : UnknownId::skip;
        std::vector<std::string> bytes(1 + random() % 5), got(bytes.size());
        StreamDecoder decoder(table, bytes.size());
        const auto random_id = [&]() -> std::int64_t {
            // Mostly pieces of characters; some unknown ids.
            return random() % 3 != 0 ? 590 + static_cast<std::int64_t>(random() % 45) : static_cast<std::int64_t>(random() % 1100);
        };
        const auto note = [&](std::string& to, std::int64_t id) {
            const auto known = vocabulary.bytes_of_id(static_cast<std::uint32_t>(id));
            if (!known && unknown == UnknownId::replace) to += "\xEF\xBF\xBD";
            if (known && !(skip && vocabulary.is_special_id(static_cast<std::uint32_t>(id)))) to += *known;
        };
        for (std::size_t steps = random() % 30; steps > 0; --steps) {
            const std::size_t s = bytes.empty() ? 0 : random() % bytes.size();
            std::string out = "before";
            switch (random() % 12) {
                case 0: {
                    std::vector<std::size_t> sources(random() % 5);
                    std::vector<std::string> new_bytes, new_got;
                    if (bytes.empty()) sources.clear();
                    for (std::size_t& source : sources) {
                        source = random() % bytes.size();
                        new_bytes.push_back(bytes[source]);
                        new_got.push_back(got[source]);
                    }
                    decoder.reorder(sources);
                    bytes = new_bytes, got = new_got;
                    break;
                }
                case 1:
                    if (bytes.empty()) break;
                    expect(decoder.fork(s) == bytes.size(), "fork returns the new number");
                    bytes.push_back(std::string(bytes[s]));
                    got.push_back(std::string(got[s]));
                    break;
                case 2:
                    decoder.add(2);
                    bytes.resize(bytes.size() + 2);
                    got.resize(got.size() + 2);
                    break;
                case 3:
                    if (bytes.empty()) break;
                    decoder.drop(std::vector<std::size_t>{s, s});
                    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(s));
                    got.erase(got.begin() + static_cast<std::ptrdiff_t>(s));
                    break;
                case 4:
                    if (bytes.empty()) break;
                    decoder.finish(s, out);
                    expect(got[s] + out.substr(6) == replaced(bytes[s]), "finish");
                    bytes[s].clear();
                    got[s].clear();
                    break;
                case 5: {
                    if (bytes.empty()) break;
                    std::vector<std::int64_t> ids(random() % 40);
                    for (std::int64_t& id : ids) note(bytes[s], id = random_id());
                    decoder.extend(s, ids.data(), ids.size(), unknown, skip, out);
                    got[s] += out.substr(6);
                    break;
                }
                default: {
                    std::vector<std::int64_t> ids(bytes.size());
                    std::vector<std::size_t> ends(bytes.size());
                    for (std::size_t k = 0; k < ids.size(); ++k) {
                        ids[k] = random() % 8 == 0 ? -1 : random_id();
                        if (ids[k] >= 0) note(bytes[k], ids[k]);
                    }
                    decoder.step(ids.data(), unknown, skip, out, ends.data());
                    std::size_t begin = 6;
                    for (std::size_t k = 0; k < ids.size(); ++k) {
                        got[k] += out.substr(begin, ends[k] - begin);
                        begin = ends[k];
                    }
                    expect(begin == out.size(), "the ends cover the text");
                }
            }
            expect(decoder.sequences() == bytes.size(), "the number of sequences");
            for (std::size_t k = 0; k < bytes.size(); ++k) {
                // Out is all of the text but the one or two replacements that what is held would become now.
                const std::string whole = replaced(bytes[k]);
                const std::string held = whole.substr(std::min(got[k].size(), whole.size()));
                expect(got[k] + held == whole && (held.empty() || held == "\xEF\xBF\xBD" || held == "\xEF\xBF\xBD\xEF\xBF\xBD"),
                       "text comes out as soon as it is certain");
            }
        }
        for (std::size_t k = 0; k < bytes.size(); ++k) {
            decoder.finish(k, got[k]);
            expect(got[k] == replaced(bytes[k]), "the whole text");
        }
    }
}

void check_stream_literals(const DecodeTable& table) {
    StreamDecoder decoder(table, 3);
    const auto id_of_byte = [](unsigned byte) { return static_cast<std::int64_t>(byte < 100 ? byte : 2 * byte); };
    const auto one = [&](unsigned byte) {
        std::string out;
        const std::int64_t id = id_of_byte(byte);
        decoder.extend(0, &id, 1, UnknownId::error, false, out);
        return out;
    };
    expect(one(0xF0).empty() && one(0x9F).empty() && one(0x98).empty() && one(0x80) == "\xF0\x9F\x98\x80", "a character byte by byte");
    expect(one(0xE4).empty() && one('A') == "\xEF\xBF\xBD" "A", "a start that is cut short");
    expect(one(0xE4).empty() && one(0xB8).empty() && one(0xE4) == "\xEF\xBF\xBD" && one(0xB8).empty() && one(0xAD) == "\xE4\xB8\xAD",
           "a new start");
    expect(one(0xED).empty() && one(0xA0).empty() && one('A') == "\xEF\xBF\xBD\xEF\xBF\xBD" "A",
           "a surrogate, held for the third byte as Python does");
    for (const unsigned byte : {0x80, 0xC0, 0xF5, 0xFF}) expect(one(byte) == "\xEF\xBF\xBD", "a byte that starts nothing");
    // An unknown id changes nothing, in no sequence.
    std::string out;
    const std::int64_t starts[] = {id_of_byte(0xE4), -1, id_of_byte('b')};
    std::size_t ends[3];
    decoder.step(starts, UnknownId::error, false, out, ends);
    expect(out == "b" && ends[0] == 0 && ends[1] == 0 && ends[2] == 1, "a step");
    const std::int64_t bad[] = {id_of_byte(0xB8), id_of_byte('x'), 203};
    std::int64_t where = -1;
    try {
        decoder.step(bad, UnknownId::error, false, out, ends);
    } catch (const Error& error) {
        where = error.where();
    }
    expect(where == 2 && out == "b", "an unknown id is refused before anything has changed");
    expect(one(0xB8).empty() && one(0xAD) == "\xE4\xB8\xAD", "the state is as before");
    for (const auto& wrong : {std::vector<std::size_t>{3}, std::vector<std::size_t>{~std::size_t(0)}}) {
        int refused = 0;
        const auto count_refusal = [&](auto call) {
            try {
                call();
            } catch (const Error& error) {
                refused += error.kind() == ErrorKind::value;
            }
        };
        count_refusal([&] { decoder.reorder(wrong); });
        count_refusal([&] { decoder.drop(wrong); });
        count_refusal([&] { decoder.fork(wrong[0]); });
        count_refusal([&] { decoder.finish(wrong[0], out); });
        count_refusal([&] { decoder.extend(wrong[0], nullptr, 0, UnknownId::error, false, out); });
        expect(refused == 5 && decoder.sequences() == 3, "sequences that are not there are refused");
    }
    // A million bytes of which none is valid: linear time.
    const std::vector<std::int64_t> invalid(1000000, id_of_byte(0xFF));
    const auto start = std::chrono::steady_clock::now();
    out.clear();
    decoder.extend(1, invalid.data(), invalid.size(), UnknownId::error, false, out);
    expect(out.size() == 3000000, "a million replacements");
    expect(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 5, "in linear time");
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : std::random_device{}();
    const unsigned rounds = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 20000;
    std::printf("decode_test seed %llu rounds %u\n", static_cast<unsigned long long>(seed), rounds);
    std::mt19937_64 random(seed);
    const vocab::Vocabulary vocabulary = make_vocabulary();
    const DecodeTable table(vocabulary);
    check_table(vocabulary, table, random, rounds);
    check_stream_literals(table);
    check_stream(vocabulary, table, random, rounds);
    std::printf(failures == 0 ? "ok\n" : "%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
