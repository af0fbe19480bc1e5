// UTF-8 kernels of every instruction set against a judge made from the definition: all scalar values are encoded once,
// and their prefixes are what may stand in a text. Sources and destinations end at pages that must not be touched.
// Usage: utf8_test [seed] [rounds]; fewer rounds (say 1000) also thin out the exhaustive part, for emulators.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "unicode/unicode.hpp"

namespace {

using namespace tokmill;
using Bytes = std::vector<std::uint8_t>;

int failures = 0;

void fail(const char* what, cpu::Isa isa, const std::uint8_t* text, std::size_t count, std::size_t got, std::size_t wanted) {
    if (++failures > 20) return;
    std::printf("FAIL %s (%s): got %zu, wanted %zu, input of %zu bytes:", what, std::string(cpu::name(isa)).c_str(), got, wanted, count);
    for (std::size_t i = 0; i < count && i < 100; ++i) std::printf(" %02X", text[i]);
    std::printf("\n");
}

// Memory between two pages that must not be touched.
class Guarded {
public:
    explicit Guarded(std::size_t bytes) {
        const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes + page - 1) / page * page;
        void* all = mmap(nullptr, size_ + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) std::abort();
        begin_ = static_cast<std::uint8_t*>(all) + page;
        if (mprotect(all, page, PROT_NONE) != 0 || mprotect(begin_ + size_, page, PROT_NONE) != 0) std::abort();
    }
    std::uint8_t* front() { return begin_; }
    std::uint8_t* back(std::size_t bytes) { return begin_ + size_ - bytes; }  // `bytes` before the forbidden page

private:
    std::uint8_t* begin_;
    std::size_t size_;
};

// The plain arithmetic of the encoding form, written without the tables of the code under test.
Bytes encoded(std::uint32_t c) {
    const auto byte = [](std::uint32_t value) { return static_cast<std::uint8_t>(value); };
    if (c < 128) return {byte(c)};
    if (c < 2048) return {byte(192 + c / 64), byte(128 + c % 64)};
    if (c < 65536) return {byte(224 + c / 4096), byte(128 + c / 64 % 64), byte(128 + c % 64)};
    return {byte(240 + c / 262144), byte(128 + c / 4096 % 64), byte(128 + c / 64 % 64), byte(128 + c % 64)};
}

class Judge {
public:
    Judge() : prefix1_(256), prefix2_(65536), prefix3_(1u << 24) {
        for (std::uint32_t c = 0; c < 0x110000; ++c) {
            if (c >= 0xD800 && c < 0xE000) continue;
            const Bytes bytes = encoded(c);
            prefix1_[bytes[0]] = static_cast<char>(bytes.size());
            if (bytes.size() > 1) prefix2_[bytes[0] << 8 | bytes[1]] = 1;
            if (bytes.size() > 2) prefix3_[bytes[0] << 16 | bytes[1] << 8 | bytes[2]] = 1;
        }
    }
    // Bytes of the longest prefix of p[0, count) that a well-formed character starts with, and whether it is whole.
    std::size_t longest_prefix(const std::uint8_t* p, std::size_t count, bool& whole) const {
        const std::size_t wanted = static_cast<std::size_t>(prefix1_[p[0]]);
        std::size_t n = wanted == 0 ? 0 : 1;
        if (n == 1 && wanted > 1 && count > 1 && prefix2_[p[0] << 8 | p[1]]) n = 2;
        if (n == 2 && wanted > 2 && count > 2 && prefix3_[p[0] << 16 | p[1] << 8 | p[2]]) n = 3;
        if (n == 3 && wanted > 3 && count > 3 && p[3] >= 128 && p[3] < 192) n = 4;
        whole = n != 0 && n == wanted;
        return n;
    }
    std::size_t first_error(const std::uint8_t* p, std::size_t count) const {
        for (std::size_t i = 0; i < count;) {
            bool whole;
            const std::size_t n = longest_prefix(p + i, count - i, whole);
            if (!whole) return i;
            i += n;
        }
        return count;
    }

private:
    std::vector<char> prefix1_, prefix2_, prefix3_;
};

const Judge judge;
Guarded source_room(1 << 16), destination_room(1 << 18);

// `text` has to be what stands in source_room already.
void check_copy(cpu::Isa isa, const std::uint8_t* text, std::size_t count, std::size_t wanted) {
    std::uint8_t* const to = destination_room.back(count + 64);
    to[-1] = 0xEE;
    const std::size_t got = unicode::kernels(isa).copy_valid_utf8(to, text, count);
    if (got != wanted) fail("copy_valid_utf8", isa, text, count, got, wanted);
    if (count != 0 && std::memcmp(to, text, wanted) != 0) fail("copied bytes", isa, text, count, got, wanted);
    if (to[-1] != 0xEE) fail("byte before the destination", isa, text, count, got, wanted);
}

void check_all_short(bool thin) {
    // The bytes in question stand at places around the edges of vectors and blocks, after ASCII and after CJK, at the end
    // of the text and followed by ASCII.
    const std::size_t places[] = {0, 15, 30, 62, 63, 190};
    for (const cpu::Isa isa : cpu::supported()) {
        for (const std::size_t place : places) {
            for (const bool cjk : {false, true}) {
                if (cjk && place % 3 != 0) continue;
                for (const std::size_t after : {0, 70}) {
                    const bool every = (place == 0 || place == 30 || place == 62) && after == 0 && !cjk;
                    const unsigned step = thin ? 251 : every ? 1 : 7;
                    for (unsigned length = 1; length <= 3; ++length) {
                        const std::size_t count = place + length + after;
                        std::uint8_t* const text = source_room.back(count);
                        for (std::size_t i = 0; i < place; ++i) text[i] = cjk ? "\xE4\xB8\xAD"[i % 3] : 'a';
                        if (after != 0) std::memset(text + place + length, 'z', after);
                        for (unsigned value = 0; value < 1u << 8 * length; value += length == 3 ? step : 1) {
                            for (unsigned k = 0; k < length; ++k) text[place + k] = static_cast<std::uint8_t>(value >> 8 * k);
                            std::size_t wanted = place;
                            while (wanted < count) {
                                bool whole;
                                const std::size_t n = judge.longest_prefix(text + wanted, count - wanted, whole);
                                if (!whole) break;
                                wanted += n;
                                if (wanted >= place + length) wanted = count;  // ASCII from here
                            }
                            check_copy(isa, text, count, wanted);
                        }
                    }
                }
            }
        }
        const std::uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xFF};
        for (const std::size_t place : {0, 13, 29, 30, 31, 61, 62, 63, 64}) {
            std::uint8_t* const text = source_room.back(place + 4);
            std::memset(text, 'a', place);
            for (unsigned lead = 0xEF; lead <= 0xF5; ++lead)
                for (unsigned second = 0; second < 256; ++second)
                    for (const std::uint8_t third : edges)
                        for (const std::uint8_t fourth : edges) {
                            text[place] = static_cast<std::uint8_t>(lead);
                            text[place + 1] = static_cast<std::uint8_t>(second);
                            text[place + 2] = third;
                            text[place + 3] = fourth;
                            check_copy(isa, text, place + 4, judge.first_error(text, place + 4));
                        }
        }
    }
}

std::uint32_t random_scalar(std::mt19937_64& random) {
    static constexpr std::uint32_t kLimits[] = {0x80, 0x80, 0x100, 0x800, 0x3000, 0x10000, 0x110000};
    for (;;) {
        const std::uint32_t c = static_cast<std::uint32_t>(random()) % kLimits[random() % 7];
        if (c < 0xD800 || c >= 0xE000) return c;
    }
}

void check_random_texts(std::mt19937_64& random, unsigned rounds) {
    for (unsigned round = 0; round < rounds; ++round) {
        Bytes text;
        const std::size_t length = random() % 400;
        while (text.size() < length) {
            if (random() % 4 == 0) text.insert(text.end(), random() % 150, static_cast<std::uint8_t>('b'));
            const Bytes one = encoded(random_scalar(random));
            text.insert(text.end(), one.begin(), one.end());
        }
        for (std::size_t edits = random() % 3; edits > 0 && !text.empty(); --edits) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = static_cast<std::uint8_t>(random()); break;
                case 1: text.erase(text.begin() + static_cast<std::ptrdiff_t>(at)); break;
                default: text.resize(at);
            }
        }
        const bool front = random() % 2 == 0;
        std::uint8_t* const from = front ? source_room.front() : source_room.back(text.size());
        if (!text.empty()) std::memcpy(from, text.data(), text.size());
        const std::size_t wanted = judge.first_error(from, text.size());
        for (const cpu::Isa isa : cpu::supported()) check_copy(isa, from, text.size(), wanted);
        if (wanted < text.size()) {
            bool whole;
            std::size_t part = judge.longest_prefix(from + wanted, text.size() - wanted, whole);
            if (part == 0) part = 1;
            const std::size_t got = unicode::ill_formed_length(from + wanted, text.size() - wanted);
            if (got != part) fail("ill_formed_length", cpu::Isa::scalar, from, text.size(), got, part);
        }
    }
}

template <class Unit>
void check_units(const std::vector<Unit>& units) {
    constexpr std::size_t kBytesPerUnit = sizeof(Unit) == 1 ? 2 : sizeof(Unit) == 2 ? 3 : 4;
    constexpr std::size_t kUntouched = 987654321;
    Bytes wanted;
    std::size_t wanted_lone = kUntouched;
    for (std::size_t i = 0; i < units.size(); ++i) {
        std::uint32_t c = units[i];
        if (c >= 0xD800 && c < 0xDC00 && i + 1 < units.size() && units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000) {
            c = 0x10000 + (c - 0xD800) * 1024 + (units[i + 1] - 0xDC00u);
            ++i;
        } else if ((c >= 0xD800 && c < 0xE000) || c >= 0x110000) {
            if (wanted_lone == kUntouched) wanted_lone = i;
            c = 0xFFFD;
        }
        const Bytes one = encoded(c);
        wanted.insert(wanted.end(), one.begin(), one.end());
    }
    const std::size_t bytes = units.size() * sizeof(Unit);
    std::uint8_t* const from = source_room.back(bytes);
    if (bytes != 0) std::memcpy(from, units.data(), bytes);
    const Unit* const source = reinterpret_cast<const Unit*>(from);
    for (const cpu::Isa isa : cpu::supported()) {
        std::uint8_t* const to = destination_room.back(kBytesPerUnit * units.size() + 64);
        to[-1] = 0xEE;
        std::size_t lone = kUntouched, got;
        if constexpr (sizeof(Unit) == 1) {
            got = unicode::kernels(isa).latin1_to_utf8(to, source, units.size());
        } else if constexpr (sizeof(Unit) == 2) {
            got = unicode::kernels(isa).ucs2_to_utf8(to, source, units.size(), &lone);
        } else {
            got = unicode::kernels(isa).ucs4_to_utf8(to, source, units.size(), &lone);
        }
        if (got != wanted.size() || (got != 0 && std::memcmp(to, wanted.data(), got) != 0))
            fail("transcoding", isa, from, bytes, got, wanted.size());
        if (sizeof(Unit) > 1 && lone != wanted_lone) fail("lone surrogate", isa, from, bytes, lone, wanted_lone);
        if (to[-1] != 0xEE) fail("byte before the destination", isa, from, bytes, 0, 0);
    }
}

void check_transcoding(std::mt19937_64& random, unsigned rounds) {
    // Every unit, in runs of prime length, so that each comes by in many lanes.
    for (const std::size_t run : {1, 61}) {
        std::vector<std::uint8_t> latin1;
        for (unsigned c = 0; c < 256; ++c) {
            latin1.push_back(static_cast<std::uint8_t>(c));
            if (latin1.size() == run) check_units(latin1), latin1.clear();
        }
        std::vector<std::uint16_t> ucs2;
        for (unsigned c = 0; c < 0x10000; ++c) {
            ucs2.push_back(static_cast<std::uint16_t>(c));
            if (ucs2.size() == run) check_units(ucs2), ucs2.clear();
        }
        std::vector<std::uint32_t> ucs4;
        for (std::uint32_t c = 0; c < 0x111000; c += rounds < 10000 ? 37 : 1) {
            ucs4.push_back(c);
            if (ucs4.size() == run) check_units(ucs4), ucs4.clear();
        }
    }
    check_units<std::uint32_t>({0xFFFFFFFFu, 0x80000000u, 0x7FFFFFFFu, 0x110000u, 0x10FFFFu, 0xD800u, 0x41u, 0x42u});
    const auto random_unit = [&random](unsigned style) -> std::uint32_t {
        switch (random() % 16 < style ? random() % 6 : 0) {
            case 1: return 0x4E00 + static_cast<std::uint32_t>(random() % 0x5000);
            case 2: return 0xD800 + static_cast<std::uint32_t>(random() % 0x800);
            case 3: return static_cast<std::uint32_t>(random() % 0x800);
            case 4: return static_cast<std::uint32_t>(random() % 0x10000);
            case 5: return 0x10000 + static_cast<std::uint32_t>(random() % 0x100000);
            default: return 'a' + static_cast<std::uint32_t>(random() % 26);
        }
    };
    for (unsigned round = 0; round < rounds; ++round) {
        const std::size_t length = random() % 150;
        const unsigned style = static_cast<unsigned>(random() % 17);
        std::vector<std::uint8_t> latin1(length);
        std::vector<std::uint16_t> ucs2(length);
        std::vector<std::uint32_t> ucs4(length);
        for (std::size_t i = 0; i < length; ++i) {
            const std::uint32_t c = random_unit(style);
            latin1[i] = static_cast<std::uint8_t>(c);
            ucs2[i] = static_cast<std::uint16_t>(c);
            ucs4[i] = c;
        }
        check_units(latin1);
        check_units(ucs2);
        check_units(ucs4);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : std::random_device{}();
    const unsigned rounds = argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 50000;
    std::printf("utf8_test seed %llu rounds %u isas", static_cast<unsigned long long>(seed), rounds);
    for (const cpu::Isa isa : cpu::supported()) std::printf(" %s", std::string(cpu::name(isa)).c_str());
    std::printf("\n");
    std::mt19937_64 random(seed);
    for (std::uint32_t c = 0; c < 0x110000; ++c) {
        std::uint8_t bytes[4];
        const Bytes wanted = encoded(c);
        const std::size_t got = unicode::encode_utf8(c, bytes);
        if (got != wanted.size() || std::memcmp(bytes, wanted.data(), got) != 0) fail("encode_utf8", cpu::Isa::scalar, bytes, got, c, c);
    }
    check_all_short(rounds < 10000);
    check_random_texts(random, rounds);
    check_transcoding(random, rounds / 5);
    std::printf(failures == 0 ? "ok\n" : "%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
