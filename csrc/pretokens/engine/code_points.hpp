// Sets of code points, and what Unicode 16.0.0 says of them: a property's name in, the set of its characters out. Names are
// read loosely, as both regex engines do: case, blanks, '_' and '-' do not count.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tokmill::pretokens::engine {

inline constexpr std::uint32_t kLastCodePoint = 0x10FFFF;

// Sorted, disjoint ranges that do not touch.
class CodePointSet {
public:
    struct Range {
        std::uint32_t first;
        std::uint32_t last;
        friend bool operator==(const Range&, const Range&) = default;
        friend auto operator<=>(const Range&, const Range&) = default;
    };

    CodePointSet() = default;
    CodePointSet(std::initializer_list<Range> ranges) : CodePointSet(std::vector<Range>(ranges)) {}
    explicit CodePointSet(std::vector<Range> ranges);  // in any order
    static CodePointSet one(std::uint32_t code_point) { return {{code_point, code_point}}; }
    static CodePointSet all() { return {{0, kLastCodePoint}}; }

    bool contains(std::uint32_t code_point) const noexcept;
    bool empty() const noexcept { return ranges_.empty(); }
    std::uint32_t size() const noexcept;
    const std::vector<Range>& ranges() const noexcept { return ranges_; }

    CodePointSet operator~() const;
    CodePointSet operator|(const CodePointSet& other) const;
    CodePointSet operator&(const CodePointSet& other) const { return ~(~*this | ~other); }
    friend bool operator==(const CodePointSet&, const CodePointSet&) = default;

private:
    std::vector<Range> ranges_;
};

// A general category or a group of them, short or long name ("Lu", "L", "Letter"); nothing if there is none.
std::optional<CodePointSet> find_category(std::string_view name);
// A script, four letters or long name ("Hani", "Han").
std::optional<CodePointSet> find_script(std::string_view name);
// One of the few other properties of characters: Alphabetic, White_Space, Any.
std::optional<CodePointSet> find_binary_property(std::string_view name);

// The set and every character that differs from one of its members only in case (simple case folding).
CodePointSet with_other_cases(const CodePointSet& set);
const CodePointSet& white_space();  // the 25 characters of White_Space

}  // namespace tokmill::pretokens::engine
