#include "pretokens/engine/code_points.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <utility>

namespace tokmill::pretokens::engine {

namespace {

#include "pretokens/engine/tables/properties_16.inc"

// Long names of categories and of their groups, as in PropertyValueAliases.txt.
constexpr std::array<std::pair<std::string_view, std::string_view>, 41> kCategoryNames{{
    {"other", "C"},
    {"control", "Cc"},
    {"cntrl", "Cc"},
    {"format", "Cf"},
    {"unassigned", "Cn"},
    {"privateuse", "Co"},
    {"surrogate", "Cs"},
    {"letter", "L"},
    {"casedletter", "LC"},
    {"lowercaseletter", "Ll"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"titlecaseletter", "Lt"},
    {"uppercaseletter", "Lu"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"nonspacingmark", "Mn"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"punct", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"closepunctuation", "Pe"},
    {"finalpunctuation", "Pf"},
    {"initialpunctuation", "Pi"},
    {"otherpunctuation", "Po"},
    {"openpunctuation", "Ps"},
    {"symbol", "S"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"mathsymbol", "Sm"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"spaceseparator", "Zs"},
}};

std::string loose(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        if (c == ' ' || c == '_' || c == '-') continue;
        plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return plain;
}

template <class Wanted>
CodePointSet from_runs(std::span<const std::uint32_t> runs, Wanted wanted) {
    std::vector<CodePointSet::Range> ranges;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (!wanted(runs[i] & 0xFF)) continue;
        const std::uint32_t end = i + 1 < runs.size() ? runs[i + 1] >> 8 : kLastCodePoint + 1;
        ranges.push_back({runs[i] >> 8, end - 1});
    }
    return CodePointSet(std::move(ranges));
}

}  // namespace

CodePointSet::CodePointSet(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end());
    for (const Range& range : ranges) {
        if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
            ranges_.back().last = std::max(ranges_.back().last, range.last);
        } else {
            ranges_.push_back(range);
        }
    }
}

bool CodePointSet::contains(std::uint32_t code_point) const noexcept {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), Range{code_point, UINT32_MAX});
    return after != ranges_.begin() && std::prev(after)->last >= code_point;
}

std::uint32_t CodePointSet::size() const noexcept {
    std::uint32_t count = 0;
    for (const Range& range : ranges_) count += range.last - range.first + 1;
    return count;
}

CodePointSet CodePointSet::operator~() const {
    CodePointSet rest;
    std::uint32_t next = 0;
    for (const Range& range : ranges_) {
        if (range.first > next) rest.ranges_.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    if (next <= kLastCodePoint) rest.ranges_.push_back({next, kLastCodePoint});
    return rest;
}

CodePointSet CodePointSet::operator|(const CodePointSet& other) const {
    std::vector<Range> ranges = ranges_;
    ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
    return CodePointSet(std::move(ranges));
}

std::optional<CodePointSet> find_category(std::string_view name) {
    std::string wanted = loose(name);
    for (const auto& [long_name, category] : kCategoryNames) {
        if (long_name == wanted) wanted = loose(category);
    }
    std::array<bool, std::size(kCategories)> chosen{};
    bool found = false;
    for (std::size_t i = 0; i < std::size(kCategories); ++i) {
        const std::string category = loose(kCategories[i]);
        const bool cased = category == "lu" || category == "ll" || category == "lt";
        chosen[i] = category == wanted || category.substr(0, 1) == wanted || (wanted == "lc" && cased);
        found = found || chosen[i];
    }
    if (!found) return std::nullopt;
    return from_runs(kCategoryRuns, [&](std::uint32_t category) { return chosen[category]; });
}

std::optional<CodePointSet> find_script(std::string_view name) {
    const std::string wanted = loose(name);
    for (std::uint32_t i = 0; i < std::size(kScripts); ++i) {
        if (loose(kScripts[i][0]) == wanted || loose(kScripts[i][1]) == wanted)
            return from_runs(kScriptRuns, [&](std::uint32_t script) { return script == i; });
    }
    return std::nullopt;
}

std::optional<CodePointSet> find_binary_property(std::string_view name) {
    const std::string wanted = loose(name);
    if (wanted == "any") return CodePointSet::all();
    if (wanted == "alphabetic" || wanted == "alpha") return from_runs(kAlphabeticRuns, [](std::uint32_t value) { return value == 1; });
    if (wanted == "whitespace") return white_space();
    return std::nullopt;
}

const CodePointSet& white_space() {
    static const CodePointSet set{{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
                                  {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
    return set;
}

CodePointSet with_other_cases(const CodePointSet& set) {
    std::vector<CodePointSet::Range> ranges = set.ranges();
    for (std::size_t i = 0; i < std::size(kCaseOrbits); i += kCaseOrbits[i] + 1) {
        const std::span<const std::uint32_t> orbit(kCaseOrbits + i + 1, kCaseOrbits[i]);
        if (std::none_of(orbit.begin(), orbit.end(), [&](std::uint32_t code_point) { return set.contains(code_point); })) continue;
        for (const std::uint32_t code_point : orbit) ranges.push_back({code_point, code_point});
    }
    return CodePointSet(std::move(ranges));
}

}  // namespace tokmill::pretokens::engine
