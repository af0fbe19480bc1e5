#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "base/errors.hpp"
#include "formats/formats.hpp"

namespace tokmill::formats {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> kDigitValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(kNoDigit);
    for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<std::uint8_t>(kDigits[i])] = i;
    return values;
}();

[[noreturn]] void bad_line(std::size_t line, const std::string& what) {
    throw Error(ErrorKind::vocabulary, "line " + std::to_string(line) + " of the rank file: " + what + "; expected '<base64> <rank>'",
                static_cast<std::int64_t>(line));
}

bool is_blank(std::uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r'; }

class LineReader {
public:
    LineReader(const std::uint8_t* begin, const std::uint8_t* end, std::size_t line) : p_(begin), end_(end), line_(line) {}

    // Appends the token's bytes. Groups of four digits make three bytes; the last group may end in one or two '='.
    void token(std::vector<std::uint8_t>& bytes) {
        std::uint32_t bits = 0;
        std::uint32_t digits = 0;
        for (; p_ < end_ && kDigitValues[*p_] != kNoDigit; ++p_) {
            bits = bits << 6 | kDigitValues[*p_];
            if (++digits % 4 == 0) {
                bytes.push_back(static_cast<std::uint8_t>(bits >> 16));
                bytes.push_back(static_cast<std::uint8_t>(bits >> 8));
                bytes.push_back(static_cast<std::uint8_t>(bits));
            }
        }
        std::uint32_t padding = 0;
        for (; p_ < end_ && *p_ == '='; ++p_) ++padding;
        if (digits == 0 && padding == 0) bad_line(line_, "no token");
        if (digits % 4 == 1 || padding != (4 - digits % 4) % 4) bad_line(line_, "broken base64");
        if (digits % 4 >= 2) bytes.push_back(static_cast<std::uint8_t>(bits >> (digits % 4 == 2 ? 4 : 10)));
        if (digits % 4 == 3) bytes.push_back(static_cast<std::uint8_t>(bits >> 2));
    }

    void blanks() {
        if (p_ == end_ || !is_blank(*p_)) bad_line(line_, "no blank after the token");
        skip_blanks();
    }

    std::uint32_t rank() {
        std::uint64_t value = 0;
        const std::uint8_t* first = p_;
        for (; p_ < end_ && *p_ >= '0' && *p_ <= '9'; ++p_) {
            value = value * 10 + (*p_ - '0');
            if (value >= vocab::kIdLimit) bad_line(line_, "the rank is not below 2^24");
        }
        if (p_ == first) bad_line(line_, "no rank");
        skip_blanks();
        if (p_ != end_) bad_line(line_, "something after the rank");
        return static_cast<std::uint32_t>(value);
    }

private:
    void skip_blanks() {
        while (p_ < end_ && is_blank(*p_)) ++p_;
    }

    const std::uint8_t* p_;
    const std::uint8_t* end_;
    std::size_t line_;
};

// Files in rank order are the rule; any other order is sorted here.
void sort_by_rank(vocab::Spec& spec, Cancel& cancel) {
    if (std::is_sorted(spec.ids.begin(), spec.ids.end())) return;
    std::vector<std::uint32_t> order(spec.ids.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return spec.ids[a] < spec.ids[b]; });
    vocab::Spec sorted;
    sorted.offsets.push_back(0);
    for (const std::uint32_t i : order) {
        cancel.poll_at(sorted.ids.size());
        sorted.bytes.insert(sorted.bytes.end(), spec.bytes.begin() + static_cast<std::ptrdiff_t>(spec.offsets[i]),
                            spec.bytes.begin() + static_cast<std::ptrdiff_t>(spec.offsets[i + 1]));
        sorted.offsets.push_back(sorted.bytes.size());
        sorted.ids.push_back(spec.ids[i]);
    }
    spec = std::move(sorted);
}

}  // namespace

vocab::Spec read_tiktoken_ranks(std::span<const std::uint8_t> file, Cancel& cancel) {
    vocab::Spec spec;
    spec.bytes.reserve(file.size() / 2);
    spec.offsets.push_back(0);
    const std::uint8_t* const end = file.data() + file.size();
    std::size_t line = 0;
    for (const std::uint8_t* p = file.data(); p < end;) {
        cancel.poll_at(++line);
        const std::uint8_t* line_end = std::find(p, end, std::uint8_t('\n'));
        if (std::any_of(p, line_end, [](std::uint8_t byte) { return !is_blank(byte); })) {
            LineReader reader(p, line_end, line);
            reader.token(spec.bytes);
            reader.blanks();
            spec.ids.push_back(reader.rank());
            spec.offsets.push_back(spec.bytes.size());
        }
        p = line_end == end ? end : line_end + 1;
    }
    sort_by_rank(spec, cancel);
    return spec;
}

std::string write_tiktoken_ranks(const vocab::Vocabulary& vocabulary) {
    std::string file;
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) {
        const std::string_view token = vocabulary.bytes(symbol);
        for (std::size_t i = 0; i < token.size(); i += 3) {
            const std::size_t count = std::min<std::size_t>(3, token.size() - i);
            std::uint32_t bits = 0;
            for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | (k < count ? static_cast<std::uint8_t>(token[i + k]) : 0);
            for (std::size_t k = 0; k < 4; ++k) file += k <= count ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
        }
        file += ' ';
        file += std::to_string(vocabulary.id(symbol));
        file += '\n';
    }
    return file;
}

}  // namespace tokmill::formats
