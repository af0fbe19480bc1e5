#include "formats/json.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/memory.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::formats {

namespace {

bool is_white_space(std::uint8_t byte) noexcept { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }
bool is_digit(std::uint8_t byte) noexcept { return byte >= '0' && byte <= '9'; }

// The first byte that ends the plain part of a string: a quote, a backslash or a control character. Eight at a time:
// in x - 0x01.. the high bit of a byte comes up where x was 0 (and perhaps in the byte above, after the one we look for); so equal bytes
// are found by xor, and bytes below 0x20 by subtracting 0x20, both only where the high bit was clear before.
const std::uint8_t* plain_end(const std::uint8_t* at, const std::uint8_t* end) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
    for (; end - at >= 8; at += 8) {
        const std::uint64_t word = load<std::uint64_t>(at);
        const std::uint64_t quote = word ^ (kOnes * '"'), backslash = word ^ (kOnes * '\\');
        const std::uint64_t stop =
            (((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) | ((word - kOnes * 0x20) & ~word)) & kHigh;
        if (stop != 0) return at + std::countr_zero(stop) / 8;
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) ++at;
    return at;
}

}  // namespace

void refuse_json(const std::string& what, std::size_t position) {
    throw Error(ErrorKind::vocabulary, what + " at byte " + std::to_string(position), static_cast<std::int64_t>(position));
}

std::string_view name(JsonKind kind) noexcept {
    switch (kind) {
        case JsonKind::null: return "null";
        case JsonKind::boolean: return "true or false";
        case JsonKind::number: return "a number";
        case JsonKind::string: return "a string";
        case JsonKind::array: return "an array";
        case JsonKind::object: return "an object";
    }
    return "a value";
}

char* StringArena::allocate(std::size_t byte_count) {
    if (byte_count > size_ - used_) {
        const std::size_t size = std::max(byte_count, kBlockBytes);
        blocks_.push_back(std::make_unique<char[]>(size));
        size_ = size;
        used_ = 0;
    }
    char* const bytes = blocks_.empty() ? nullptr : blocks_.back().get() + used_;
    used_ += byte_count;
    return bytes;
}

JsonCursor::JsonCursor(std::span<const std::uint8_t> file, StringArena& arena)
    : begin_(file.data()), at_(file.data()), end_(file.data() + file.size()), arena_(arena) {
    if (file.size() > kMaxJsonBytes)
        refuse_json(
            "the file has " + std::to_string(file.size()) + " bytes; at most " + std::to_string(kMaxJsonBytes) + " are read, it ends",
            file.size());
    const std::size_t valid = unicode::kernels(cpu::active()).valid_utf8(file.data(), file.size());
    if (valid != file.size()) refuse_json("the file is not UTF-8", valid);
    if (file.size() >= 3 && std::memcmp(file.data(), "\xEF\xBB\xBF", 3) == 0) at_ += 3;  // some editors leave a byte order mark
}

void JsonCursor::skip_white_space() noexcept {
    while (at_ < end_ && is_white_space(*at_)) ++at_;
}

JsonKind JsonCursor::peek() {
    skip_white_space();
    if (at_ == end_) refuse_json("the file is cut short: a value is missing", position());
    switch (*at_) {
        case '{': return JsonKind::object;
        case '[': return JsonKind::array;
        case '"': return JsonKind::string;
        case 't':
        case 'f': return JsonKind::boolean;
        case 'n': return JsonKind::null;
        default: break;
    }
    if (*at_ == '-' || is_digit(*at_)) return JsonKind::number;
    refuse_json("no JSON value", position());
}

void JsonCursor::expect(JsonKind kind) {
    const JsonKind found = peek();
    if (found != kind) refuse_json("expected " + std::string(name(kind)) + ", found " + std::string(name(found)), position());
}

void JsonCursor::enter(JsonKind kind) {
    expect(kind);
    if (++depth_ > kMaxJsonDepth) refuse_json("nested deeper than " + std::to_string(kMaxJsonDepth), position());
    ++at_;
    fresh_ = true;
}

// Before an element: takes the comma. False, and out of the array or object, if there is none.
bool JsonCursor::next(char close) {
    skip_white_space();
    if (at_ == end_) refuse_json("the file is cut short inside of an array or object", position());
    const bool first = std::exchange(fresh_, false);
    if (*at_ == static_cast<std::uint8_t>(close)) {
        ++at_;
        --depth_;
        return false;
    }
    if (first) return true;
    if (*at_ != ',') refuse_json(std::string("expected ',' or '") + close + "'", position());
    ++at_;
    return true;
}

bool JsonCursor::next_item() { return next(']'); }

bool JsonCursor::next_key(std::string_view& key) {
    if (!next('}')) return false;
    key = string();
    skip_white_space();
    if (at_ == end_ || *at_ != ':') refuse_json("expected ':' after a key", position());
    ++at_;
    return true;
}

std::string_view JsonCursor::string() {
    expect(JsonKind::string);
    const std::uint8_t* const first = ++at_;
    at_ = plain_end(at_, end_);
    if (at_ < end_ && *at_ == '"') {
        const auto length = static_cast<std::size_t>(at_ - first);
        ++at_;
        return {reinterpret_cast<const char*>(first), length};
    }
    return unescape(first);
}

std::uint32_t JsonCursor::hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
        if (at_ == end_) refuse_json("the file is cut short inside of a string", position());
        const std::uint8_t digit = *at_;
        if (is_digit(digit)) {
            value = value << 4 | (digit - '0');
        } else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f') {
            value = value << 4 | ((digit | 0x20) - 'a' + 10);
        } else {
            refuse_json("an escape with something else than four hexadecimal digits", position());
        }
    }
    return value;
}

// The rest of a string whose plain beginning is [first, at_). What it becomes is never longer than what it is written as.
std::string_view JsonCursor::unescape(const std::uint8_t* first) {
    const std::uint8_t* last = at_;
    while (last < end_ && *last != '"') last = plain_end(*last == '\\' ? last + std::min<std::ptrdiff_t>(2, end_ - last) : last + 1, end_);
    const auto room = static_cast<std::size_t>(last - first);
    char* const text = arena_.allocate(room);
    auto* out = reinterpret_cast<std::uint8_t*>(text);
    const auto append = [&](const std::uint8_t* from, const std::uint8_t* to) {
        if (from != to) std::memcpy(out, from, static_cast<std::size_t>(to - from));
        out += to - from;
    };
    append(first, at_);
    for (;;) {
        if (at_ == end_) refuse_json("the file is cut short inside of a string", position());
        if (*at_ == '"') break;
        if (*at_ < 0x20) refuse_json("a control character inside of a string", position());
        if (*at_ == '\\') {
            const std::size_t escape = position();
            if (++at_ == end_) refuse_json("the file is cut short inside of a string", position());
            const std::uint8_t letter = *at_++;
            switch (letter) {
                case '"':
                case '\\':
                case '/': *out++ = letter; break;
                case 'b': *out++ = '\b'; break;
                case 'f': *out++ = '\f'; break;
                case 'n': *out++ = '\n'; break;
                case 'r': *out++ = '\r'; break;
                case 't': *out++ = '\t'; break;
                case 'u': {
                    std::uint32_t code_point = hex4();
                    if ((code_point & 0xFC00) == 0xD800 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u') {
                        at_ += 2;
                        const std::uint32_t low = hex4();
                        if ((low & 0xFC00) != 0xDC00) refuse_json("half of a surrogate pair", escape);
                        code_point = 0x10000 + ((code_point & 0x3FF) << 10) + (low & 0x3FF);
                    }
                    if ((code_point & 0xFFFFF800) == 0xD800) refuse_json("half of a surrogate pair", escape);
                    out += unicode::encode_utf8(code_point, out);
                    break;
                }
                default: refuse_json("an unknown escape", escape);
            }
        }
        const std::uint8_t* const plain = at_;
        at_ = plain_end(at_, end_);
        append(plain, at_);
    }
    ++at_;
    const auto length = static_cast<std::size_t>(out - reinterpret_cast<std::uint8_t*>(text));
    arena_.give_back(room - length);
    return {text, length};
}

std::string_view JsonCursor::number() {
    expect(JsonKind::number);
    const std::uint8_t* const first = at_;
    const auto digits = [&] {
        const std::uint8_t* const begin = at_;
        while (at_ < end_ && is_digit(*at_)) ++at_;
        if (at_ == begin) refuse_json("a number without digits", position());
    };
    if (*at_ == '-') ++at_;
    const bool zero = at_ < end_ && *at_ == '0';
    const std::uint8_t* const whole = at_;
    digits();
    if (zero && at_ - whole > 1) refuse_json("a number with a leading zero", static_cast<std::size_t>(whole - begin_));
    if (at_ < end_ && *at_ == '.') {
        ++at_;
        digits();
    }
    if (at_ < end_ && (*at_ | 0x20) == 'e') {
        ++at_;
        if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
        digits();
    }
    return {reinterpret_cast<const char*>(first), static_cast<std::size_t>(at_ - first)};
}

void JsonCursor::literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
        refuse_json("no JSON value", position());
    at_ += word.size();
}

bool JsonCursor::boolean() {
    expect(JsonKind::boolean);
    const bool value = *at_ == 't';
    literal(value ? "true" : "false");
    return value;
}

void JsonCursor::null() {
    expect(JsonKind::null);
    literal("null");
}

void JsonCursor::skip() {
    switch (peek()) {
        case JsonKind::null: null(); return;
        case JsonKind::boolean: boolean(); return;
        case JsonKind::number: number(); return;
        case JsonKind::string: string(); return;
        case JsonKind::array:
            enter_array();
            while (next_item()) skip();
            return;
        case JsonKind::object: {
            enter_object();
            std::string_view key;
            while (next_key(key)) skip();
            return;
        }
    }
}

void JsonCursor::finish() {
    skip_white_space();
    if (at_ != end_) refuse_json("something after the end of the JSON value", position());
}

JsonValue JsonValue::read(JsonCursor& cursor) {
    std::size_t values_left = kMaxTreeValues;
    return read_bounded(cursor, values_left);
}

JsonValue JsonValue::read_bounded(JsonCursor& cursor, std::size_t& values_left) {
    JsonValue value;
    value.kind_ = cursor.peek();
    value.position_ = cursor.position();
    if (values_left-- == 0) refuse_json("more than " + std::to_string(kMaxTreeValues) + " values in one component", value.position_);
    switch (value.kind_) {
        case JsonKind::null: cursor.null(); break;
        case JsonKind::boolean: value.boolean_ = cursor.boolean(); break;
        case JsonKind::number: value.text_ = cursor.number(); break;
        case JsonKind::string: value.text_ = cursor.string(); break;
        case JsonKind::array:
            cursor.enter_array();
            while (cursor.next_item()) value.items_.push_back(read_bounded(cursor, values_left));
            break;
        case JsonKind::object: {
            cursor.enter_object();
            std::string_view key;
            while (cursor.next_key(key)) {
                std::string owned(key);
                value.members_.emplace_back(std::move(owned), read_bounded(cursor, values_left));
            }
            std::vector<std::pair<std::string_view, std::size_t>> keys;
            keys.reserve(value.members_.size());
            for (const auto& [member, child] : value.members_) keys.emplace_back(member, child.position_);
            std::sort(keys.begin(), keys.end());
            const auto twice =
                std::adjacent_find(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
            if (twice != keys.end()) refuse_json("the key '" + std::string(twice->first) + "' stands twice, again", twice[1].second);
            break;
        }
    }
    return value;
}

void JsonValue::expect(JsonKind kind, std::string_view what) const {
    if (kind_ != kind)
        refuse_json(std::string(what) + " has to be " + std::string(name(kind)) + ", not " + std::string(name(kind_)) + ",", position_);
}

const std::string& JsonValue::string(std::string_view what) const {
    expect(JsonKind::string, what);
    return text_;
}

bool JsonValue::boolean(std::string_view what) const {
    expect(JsonKind::boolean, what);
    return boolean_;
}

std::uint64_t JsonValue::integer(std::string_view what, std::uint64_t most) const {
    expect(JsonKind::number, what);
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (failure != std::errc() || end != text_.data() + text_.size() || value > most)
        refuse_json(std::string(what) + " is " + text_.substr(0, 32) + ", not a whole number of at most " + std::to_string(most) + ",",
                    position_);
    return value;
}

double JsonValue::number(std::string_view what) const {
    expect(JsonKind::number, what);
    double value = 0;
    const auto [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (failure != std::errc() || end != text_.data() + text_.size())
        refuse_json(std::string(what) + " is out of the range of numbers,", position_);
    return value;
}

const std::vector<JsonValue>& JsonValue::items(std::string_view what) const {
    expect(JsonKind::array, what);
    return items_;
}

const std::vector<std::pair<std::string, JsonValue>>& JsonValue::members(std::string_view what) const {
    expect(JsonKind::object, what);
    return members_;
}

const JsonValue* JsonValue::find(std::string_view key) const noexcept {
    for (const auto& [member, value] : members_)
        if (member == key) return &value;
    return nullptr;
}

void JsonValue::write(std::string& out) const {
    switch (kind_) {
        case JsonKind::null: out += "null"; break;
        case JsonKind::boolean: out += boolean_ ? "true" : "false"; break;
        case JsonKind::number: out += text_; break;
        case JsonKind::string: write_json_string(text_, out); break;
        case JsonKind::array:
            out += '[';
            for (const JsonValue& item : items_) {
                if (&item != &items_.front()) out += ',';
                item.write(out);
            }
            out += ']';
            break;
        case JsonKind::object:
            out += '{';
            for (const auto& member : members_) {
                if (&member != &members_.front()) out += ',';
                write_json_string(member.first, out);
                out += ':';
                member.second.write(out);
            }
            out += '}';
            break;
    }
}

void write_json_string(std::string_view text, std::string& out) {
    static constexpr char kHexDigits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kHexDigits[byte >> 4];
            out += kHexDigits[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace tokmill::formats
