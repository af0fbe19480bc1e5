// Normalizers on random texts under the sanitizers: laws of the normal forms, matches from outside, alignments, interrupts.
// Texts lie in memory of their exact size, so that a read past the end shows.
// Usage: normalized_test [seed] [rounds]
#include "normalized/normalized.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tokmill;
using normalized::Normalizer;
using normalized::Span;
using normalized::Steps;
using unicode::Form;
using unicode::NormalizationData;

int failures = 0;

void expect(bool holds, const char* what, std::string_view text) {
    if (holds || ++failures > 10) return;
    std::printf("FAIL %s:", what);
    for (const char byte : text) std::printf(" %02X", static_cast<unsigned char>(byte));
    std::printf("\n");
}

std::string random_text(std::mt19937_64& random) {
    static const std::vector<std::pair<std::uint32_t, std::uint32_t>> kRanges = {
        {0x00, 0x7F},       {0x41, 0x5A},       {0xC0, 0x24F},      {0x300, 0x345},      {0x300, 0x345},   {0x390, 0x3CE},
        {0x5B0, 0x5C7},     {0x93C, 0x94D},     {0x9C7, 0x9D7},     {0xF71, 0xF84},      {0x1100, 0x11C4}, {0x1E00, 0x1EFF},
        {0x2460, 0x24FF},   {0x3040, 0x30FF},   {0xAC00, 0xAC40},   {0xF900, 0xFB1F},    {0xFDFA, 0xFDFB}, {0xFF00, 0xFFEF},
        {0x11930, 0x11938}, {0x1D15E, 0x1D172}, {0x1F100, 0x1F1FF}, {0x10FFF0, 0x10FFFF}};
    std::string text;
    for (std::uint64_t left = random() % 40; left > 0; --left) {
        const auto [first, last] = kRanges[random() % kRanges.size()];
        std::uint8_t bytes[4];
        const std::size_t count = unicode::encode_utf8(first + static_cast<std::uint32_t>(random() % (last - first + 1)), bytes);
        text.append(reinterpret_cast<const char*>(bytes), count);
    }
    return text;
}

// The text after the steps, with and without alignment, which is checked as far as it can be without knowing the answer.
std::string normalize(const Normalizer& normalizer, const std::string& text, normalized::Workspace& workspace) {
    const std::unique_ptr<char[]> exact(new char[text.size()]);
    std::copy(text.begin(), text.end(), exact.get());
    const std::string_view in(exact.get(), text.size());
    Cancel cancel;
    const normalized::Result plain = normalizer.normalize(in, workspace, false, cancel);
    expect(plain.alignment == nullptr && plain.unchanged == (plain.text.data() == in.data()), "unchanged texts are not copied", text);
    const std::string made(plain.text);
    const normalized::Result aligned = normalizer.normalize(in, workspace, true, cancel);
    expect(aligned.text == made, "the alignment changes the text", text);
    if (aligned.alignment == nullptr) return made;
    std::size_t run = 0;
    std::uint32_t last = 0;
    for (std::size_t i = 0; i < aligned.text.size(); ++i) {
        const Span span = aligned.alignment->at(aligned.text, i);
        expect(span == aligned.alignment->at(aligned.text, i, run), "the cursor finds another span", text);
        expect(span.begin >= last && span.end <= text.size() && span.begin <= span.end, "spans ascend inside of the text", text);
        last = span.begin;
        if (span.begin == span.end) continue;
        const auto lead = static_cast<std::uint8_t>(text[span.begin]);
        expect((lead & 0xC0) != 0x80 && span.end - span.begin == unicode::utf8_length(lead), "a span is a character", text);
    }
    return made;
}

void check_laws(std::mt19937_64& random, unsigned rounds) {
    normalized::Workspace workspace;
    for (const NormalizationData data : {NormalizationData::unicode_16, NormalizationData::tokenizers}) {
        const Normalizer nfc(Steps().form(Form::nfc).take(), data);
        const Normalizer nfd(Steps().form(Form::nfd).take(), data);
        const Normalizer nfkc(Steps().form(Form::nfkc).take(), data);
        const Normalizer nfkd(Steps().form(Form::nfkd).take(), data);
        const Normalizer all(Steps().nmt().bert({}).form(Form::nfkc).strip(true, true).strip_accents().byte_level().take(), data);
        for (unsigned round = 0; round < rounds; ++round) {
            const std::string text = random_text(random);
            const std::string c = normalize(nfc, text, workspace);
            const std::string d = normalize(nfd, text, workspace);
            const std::string kc = normalize(nfkc, text, workspace);
            const std::string kd = normalize(nfkd, text, workspace);
            expect(normalize(nfc, c, workspace) == c && normalize(nfd, d, workspace) == d, "NFC or NFD twice", text);
            expect(normalize(nfkc, kc, workspace) == kc && normalize(nfkd, kd, workspace) == kd, "NFKC or NFKD twice", text);
            expect(normalize(nfc, d, workspace) == c && normalize(nfd, c, workspace) == d, "NFC by NFD", text);
            expect(normalize(nfkc, kd, workspace) == kc && normalize(nfkd, kc, workspace) == kd, "NFKC by NFKD", text);
            expect(normalize(nfkd, c, workspace) == kd, "NFKD by NFC", text);
            normalize(all, text, workspace);
        }
    }
}

// Matches that a pattern engine finds: here runs of a's.
void check_matches() {
    const auto runs = [](std::string_view text, std::vector<Span>& matches, Cancel&) {
        for (std::uint32_t i = 0; i < text.size();) {
            std::uint32_t end = i;
            while (end < text.size() && text[end] == 'a') ++end;
            if (end > i) matches.push_back({i, end});
            i = end + 1;
        }
    };
    normalized::Workspace workspace;
    const Normalizer normalizer(Steps().replace_matches(runs, "<>").take(), NormalizationData::unicode_16);
    expect(normalize(normalizer, "aab aaa", workspace) == "<>b <>", "matches from outside", "aab aaa");
    const auto start = [](std::string_view, std::vector<Span>& matches, Cancel&) { matches.push_back({0, 0}); };
    const Normalizer rootless(Steps().replace_matches(start, "xy").take(), NormalizationData::unicode_16);
    expect(normalize(rootless, "ab", workspace) == "xyab", "a match of nothing at the start", "ab");
    Cancel cancel;
    const normalized::Result aligned = rootless.normalize("ab", workspace, true, cancel);
    expect(aligned.alignment->at(aligned.text, 1) == Span{0, 0} && aligned.alignment->at(aligned.text, 2) == Span{0, 1}, "its spans", "ab");
    const Normalizer then_form(Steps().replace_matches(start, "xy").form(Form::nfc).take(), NormalizationData::unicode_16);
    try {
        then_form.normalize("ab", workspace, false, cancel);
        expect(false, "a form behind it has to fail", "ab");
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::value, "a form behind it fails in another way", "ab");
    }
}

void check_interrupt() {
    const std::string text(1 << 20, 'A');
    normalized::Workspace workspace;
    for (const Form form : {Form::nfc, Form::nfkd}) {
        const Normalizer normalizer(Steps().form(form).lowercase().take(), NormalizationData::unicode_16);
        Cancel cancel;
        cancel.request();
        try {
            normalizer.normalize(text, workspace, false, cancel);
            expect(false, "a request to stop goes unheard", "");
        } catch (const Error& error) {
            expect(error.kind() == ErrorKind::interrupted, "a request to stop is another error", "");
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const char* const scale = std::getenv("TOKMILL_TEST_SCALE");
    std::mt19937_64 random(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
    const auto rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : static_cast<unsigned long>(5000 * (scale ? std::atof(scale) : 1.0));
    check_laws(random, static_cast<unsigned>(rounds));
    check_matches();
    check_interrupt();
    std::printf(failures == 0 ? "normalized_test: all good\n" : "normalized_test: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
