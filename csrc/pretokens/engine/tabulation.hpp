// The way for patterns that have no automaton of a sane size: from right to left, where the match from each state ends, at every
// character. Linear in the text (characters times states), whatever the pattern; some hundred times slower than the automaton.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pretokens/engine/machine.hpp"
#include "pretokens/engine/passes.hpp"

namespace tokmill::pretokens::engine {

// The events of one text (letters[0, count), the last character's letter being a last one), one byte of them a byte.
std::vector<std::uint8_t> tabulate_events(const Machine& machine, const std::uint8_t* letters, std::size_t count);

// All texts of text[cursor.at, end), the last of which ends there.
template <class Sink>
void tabulate(const Machine& machine, Cursor& cursor, const std::uint8_t* text, std::uint64_t end, std::span<const std::uint64_t> text_ends,
              Sink& sink) {
    std::size_t next_end = 0;
    while (cursor.at < end) {
        while (next_end < text_ends.size() && text_ends[next_end] <= cursor.at) ++next_end;
        const std::uint64_t text_end = next_end < text_ends.size() ? text_ends[next_end] : end;
        const auto count = static_cast<std::size_t>(text_end - cursor.at);
        std::vector<std::uint8_t> letters(count + kLetterSlack);
        TextEnds ends(text, {}, text_end, true);
        classify(machine, text, cursor.at, text_end, ends, 0, letters.data());
        const std::vector<std::uint8_t> events = tabulate_events(machine, letters.data(), count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t mask = 1;
            if ((events[i] & kCut) != 0) sink.cuts(cursor.at + i, 1, &mask, [&](std::size_t) { return events[i]; });
        }
        cursor.at = text_end;
    }
}

}  // namespace tokmill::pretokens::engine
