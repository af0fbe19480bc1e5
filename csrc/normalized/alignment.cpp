// The list of runs behind an alignment: few for a text of which little changes, whatever its length.
#include <algorithm>

#include "normalized/normalized.hpp"

namespace tokmill::normalized {

void Alignment::append_same(std::uint32_t begin, std::uint32_t source, std::uint32_t count) {
    if (count == 0) return;
    if (!runs_.empty() && runs_.back().same && runs_.back().source.end == source) {
        runs_.back().source.end += count;
        return;
    }
    runs_.push_back({begin, {source, source + count}, true});
}

void Alignment::append(std::uint32_t begin, Span source) {
    if (!runs_.empty() && !runs_.back().same && runs_.back().source == source) return;
    runs_.push_back({begin, source, false});
}

Span Alignment::in_run(std::string_view text, std::size_t position, const Run& run) const noexcept {
    if (!run.same) return run.source;
    std::size_t first = position;
    while (first > run.begin && (static_cast<std::uint8_t>(text[first]) & 0xC0) == 0x80) --first;
    const auto begin = run.source.begin + static_cast<std::uint32_t>(first - run.begin);
    return {begin, begin + unicode::utf8_length(static_cast<std::uint8_t>(text[first]))};
}

Span Alignment::at(std::string_view text, std::size_t position) const noexcept {
    const auto next = std::ranges::upper_bound(runs_, position, {}, &Run::begin);
    return in_run(text, position, *(next - 1));
}

Span Alignment::at(std::string_view text, std::size_t position, std::size_t& run) const noexcept {
    while (run + 1 < runs_.size() && runs_[run + 1].begin <= position) ++run;
    return in_run(text, position, runs_[run]);
}

}  // namespace tokmill::normalized
