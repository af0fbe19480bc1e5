// Strict JSON (RFC 8259) out of files that nobody vouches for: bytes in, values out, an Error(vocabulary) with the byte position for
// anything else. Two ways of reading: a JsonCursor goes through a large file value by value and keeps nothing; a
// JsonValue is one small value as a tree. Invariants: input is valid UTF-8 before a cursor sees it, nesting is bounded by
// kMaxJsonDepth (so that recursion is), an object has each key once, and a tree has a bounded number of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.hpp"

namespace tokmill::formats {

inline constexpr std::size_t kMaxJsonBytes = std::size_t(512) << 20;
inline constexpr std::uint32_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxTreeValues = std::size_t(1) << 20;

// Error(vocabulary) with the position as `where`.
[[noreturn]] void refuse_json(const std::string& what, std::size_t position);

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };
std::string_view name(JsonKind kind) noexcept;

// Strings that had escapes, unescaped; they stay where they are for as long as the arena lives.
class StringArena {
public:
    char* allocate(std::size_t byte_count);
    void give_back(std::size_t byte_count) noexcept { used_ -= byte_count; }  // of the last allocation

private:
    static constexpr std::size_t kBlockBytes = std::size_t(1) << 16;

    std::vector<std::unique_ptr<char[]>> blocks_;
    std::size_t used_ = 0, size_ = 0;  // of the last block
};

// Reads a file from front to back. An array is read as
//     cursor.enter_array();
//     while (cursor.next_item()) ...read one value...
// and an object as
//     cursor.enter_object();
//     while (cursor.next_key(key)) ...read one value...
// Strings lie in the file, or in the arena if they hold escapes: both have to outlive them.
class JsonCursor {
public:
    // Error(vocabulary) if the file is too large or not UTF-8.
    JsonCursor(std::span<const std::uint8_t> file, StringArena& arena);

    // The kind of the value that comes next, and where it begins.
    JsonKind peek();
    std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

    void enter_array() { enter(JsonKind::array); }
    bool next_item();
    void enter_object() { enter(JsonKind::object); }
    bool next_key(std::string_view& key);  // duplicates are for the caller to find

    std::string_view string();
    std::string_view number();  // as it is spelt; well-formed
    bool boolean();
    void null();
    void skip();    // one value, checked as any other
    void finish();  // nothing but white space may be left

private:
    void skip_white_space() noexcept;
    void enter(JsonKind kind);
    bool next(char close);
    void literal(std::string_view word);
    void expect(JsonKind kind);
    std::string_view unescape(const std::uint8_t* first);
    std::uint32_t hex4();

    const std::uint8_t* begin_;
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    StringArena& arena_;
    std::uint32_t depth_ = 0;
    bool fresh_ = false;  // an array or object was entered and nothing of it has been read
};

// One value as a tree.
class JsonValue {
public:
    // Error(vocabulary) for a duplicate key or more than kMaxTreeValues values.
    static JsonValue read(JsonCursor& cursor);

    JsonKind kind() const noexcept { return kind_; }
    bool is_null() const noexcept { return kind_ == JsonKind::null; }
    std::size_t position() const noexcept { return position_; }

    // The value as what the caller needs; Error(vocabulary) naming `what` if it is of another kind, or no such number.
    const std::string& string(std::string_view what) const;
    bool boolean(std::string_view what) const;
    std::uint64_t integer(std::string_view what, std::uint64_t most) const;
    double number(std::string_view what) const;
    const std::vector<JsonValue>& items(std::string_view what) const;
    const std::vector<std::pair<std::string, JsonValue>>& members(std::string_view what) const;

    // A member of an object, null if there is none (or this is no object).
    const JsonValue* find(std::string_view key) const noexcept;

    // Compact, members in the order of the file: the same for any white space, escapes and number of digits kept as they were.
    void write(std::string& out) const;

private:
    static JsonValue read_bounded(JsonCursor& cursor, std::size_t& values_left);
    void expect(JsonKind kind, std::string_view what) const;

    JsonKind kind_ = JsonKind::null;
    bool boolean_ = false;
    std::size_t position_ = 0;
    std::string text_;  // of a string, or the spelling of a number
    std::vector<JsonValue> items_;
    std::vector<std::pair<std::string, JsonValue>> members_;
};

// A string as JSON writes it, quotes included.
void write_json_string(std::string_view text, std::string& out);

}  // namespace tokmill::formats
