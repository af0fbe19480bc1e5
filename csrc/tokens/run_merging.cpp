// Bytes become runs, runs merge as whole runs or at their borders, and what is left is written out. The runs stand in a short array in the
// order of the text, neighbours never with the same symbol; the least rank is found by looking at all of them.
#include "tokens/run_merging.hpp"

#include <algorithm>

namespace tokmill::tokens {

using vocab::kNoSymbol;
using vocab::Symbol;

namespace {

// The end of the run that begins at `at`.
std::size_t end_of_run(const std::uint8_t* bytes, std::size_t at, std::size_t size) noexcept {
    const std::uint64_t eight = bytes[at] * std::uint64_t(0x0101010101010101);
    ++at;
    while (size - at >= 8 && load<std::uint64_t>(bytes + at) == eight) at += 8;
    while (at < size && bytes[at] == static_cast<std::uint8_t>(eight)) ++at;
    return at;
}

}  // namespace

std::size_t RunMerger::span_of_runs(const std::uint8_t* bytes, std::size_t size, std::uint32_t run_count) noexcept {
    std::size_t at = 0;
    for (std::uint32_t run = 0; run < run_count && at < size; ++run) at = end_of_run(bytes, at, size);
    return at;
}

std::optional<std::size_t> RunMerger::merge(const vocab::Merges& merges, const std::uint8_t* bytes, std::size_t size, Symbol* symbols) {
    merges_ = &merges;
    count_ = 0;
    for (std::size_t at = 0; at < size;) {
        const std::size_t end = end_of_run(bytes, at, size);
        const auto pair_after = static_cast<std::uint16_t>(end < size ? bytes[at] | bytes[end] << 8 : 0);
        runs_[count_++] = {merges.symbol_of_byte()[bytes[at]], merges.merged_bytes(static_cast<std::uint16_t>(bytes[at] * 0x0101)),
                           end < size ? merges.merged_bytes(pair_after) : kNoSymbol, end - at};
        at = end;
    }

    for (;;) {
        Symbol least = kNoSymbol;
        std::uint32_t at = 0;
        bool is_inside = false;
        for (std::uint32_t i = 0; i < count_; ++i) {  // strictly less: the leftmost of equals, as a pair has one rank
            if (runs_[i].count > 1 && runs_[i].inside < least) {
                least = runs_[i].inside;
                at = i;
                is_inside = true;
            }
            if (runs_[i].after < least) {
                least = runs_[i].after;
                at = i;
                is_inside = false;
            }
        }
        if (least == kNoSymbol) break;
        if (!(is_inside ? merge_inside(at) : merge_after(at))) return std::nullopt;
    }

    Symbol* out = symbols;
    for (std::uint32_t i = 0; i < count_; ++i) out = std::fill_n(out, runs_[i].count, runs_[i].symbol);
    return static_cast<std::size_t>(out - symbols);
}

bool RunMerger::merge_inside(std::uint32_t at) {
    const Run run = runs_[at];
    const Symbol made = run.inside;
    if (run.count > 3) {  // further merges of the run follow the first one: does anything come before them?
        if (at != 0 && merges_->merged(runs_[at - 1].symbol, made) < made) return false;
        if (merges_->merged(made, run.symbol) < made || merges_->merged(made, made) < made) return false;
    }
    const Run with[2] = {{made, kNoSymbol, kNoSymbol, run.count / 2}, {run.symbol, kNoSymbol, kNoSymbol, run.count % 2}};
    return replace(at, at + 1, with, 2);
}

bool RunMerger::merge_after(std::uint32_t at) {
    const Run &left = runs_[at], &right = runs_[at + 1];
    const Run with[3] = {{left.symbol, kNoSymbol, kNoSymbol, left.count - 1},
                         {left.after, kNoSymbol, kNoSymbol, 1},
                         {right.symbol, kNoSymbol, kNoSymbol, right.count - 1}};
    return replace(at, at + 2, with, 3);
}

// Puts other runs in the place of [first, end): empty ones are left out, neighbours with the same symbol become one.
bool RunMerger::replace(std::uint32_t first, std::uint32_t end, const Run* with, std::uint32_t with_count) {
    Run merged[5];
    std::uint32_t count = 0;
    const auto put = [&](const Run& run) {
        if (run.count == 0) return;
        if (count != 0 && merged[count - 1].symbol == run.symbol) {
            merged[count - 1].count += run.count;
        } else {
            merged[count++] = run;
        }
    };
    if (first != 0) put(runs_[--first]);
    for (std::uint32_t i = 0; i < with_count; ++i) put(with[i]);
    if (end != count_) put(runs_[end++]);
    const std::uint32_t now = count_ - (end - first) + count;
    if (now > kRoom) return false;
    if (first + count <= end) {
        std::move(runs_ + end, runs_ + count_, runs_ + first + count);
    } else {
        std::move_backward(runs_ + end, runs_ + count_, runs_ + now);
    }
    std::copy_n(merged, count, runs_ + first);
    count_ = now;
    for (std::uint32_t i = first; i < first + count; ++i) {
        runs_[i].inside = merges_->merged(runs_[i].symbol, runs_[i].symbol);
        runs_[i].after = i + 1 < count_ ? merges_->merged(runs_[i].symbol, runs_[i + 1].symbol) : kNoSymbol;
    }
    return true;
}

}  // namespace tokmill::tokens
