#include "pretokens/engine/passes.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kMostFollowed = 2'000'000;  // members of sets, in one search for a certain state

}  // namespace

Behind classify(const Machine& machine, const std::uint8_t* text, std::uint64_t from, std::uint64_t to, TextEnds& ends,
                std::uint32_t behind, std::uint8_t* letters) {
    const ClassTables tables{machine.ascii.data(), machine.bmp.data(), machine.pages.data(), machine.page_classes.data(),
                             machine.continuation()};
    machine.classes(tables, text + from, static_cast<std::size_t>(to - from), letters);
    const std::uint32_t classes = machine.class_count;
    std::size_t last_lead = static_cast<std::size_t>(to - from) - 1;
    while (last_lead > 0 && letters[last_lead] == machine.continuation()) --last_lead;
    if (machine.behind_count == 0) {
        const Behind result{0, static_cast<std::uint8_t>(letters[last_lead] + classes)};
        std::uint64_t next = from;
        for (std::uint64_t at; (at = ends.next_last_character(next)) < to; next = at + 1)
            letters[at - from] = static_cast<std::uint8_t>(letters[at - from] + classes);
        return result;
    }
    Behind result{behind};
    for (std::size_t i = 0; i < to - from; ++i) {
        const std::uint8_t character_class = letters[i];
        if (character_class == machine.continuation()) continue;
        const bool last = ends.next_last_character(from + i) == from + i;
        const std::uint8_t* const of_state = machine.behind_letters.data() + std::size_t(result.state) * 2 * classes;
        letters[i] = of_state[(last ? classes : 0) + character_class];
        if (i == last_lead) result.if_last = of_state[classes + character_class];
        result.state = last ? 0 : machine.behind_next[result.state * classes + character_class];
    }
    return result;
}

std::uint32_t common_state(const Machine& machine, const std::uint8_t* letters, std::size_t to, std::size_t from) noexcept {
    const std::size_t letter_count = machine.letter_count;
    std::uint32_t set = 0;
    while (from > to && machine.set_only[set] == Machine::kNoSet) {
        const std::uint8_t letter = letters[--from];
        if (letter == machine.continuation()) continue;  // a twin does what its state does
        set = machine.set_next[set * letter_count + letter];
        if (set == Machine::kNoSet) return Machine::kNoSet;
    }
    std::uint32_t state = machine.set_only[set];
    if (state == Machine::kNoSet) return Machine::kNoSet;
    while (from > to) state = machine.transitions[state + letters[--from]];
    return state;
}

Certain certain_state(const Machine& machine, const std::uint8_t* letters, std::size_t count, std::uint8_t last_if_last) {
    std::vector<std::uint32_t> states, next;
    for (std::uint32_t s = 0; s < machine.state_count / 2; ++s) states.push_back(s << machine.shift);
    std::vector<bool> seen(machine.state_count);
    const auto add = [&](std::uint32_t state) {
        if (seen[state >> machine.shift]) return;
        seen[state >> machine.shift] = true;
        next.push_back(state);
    };
    std::size_t followed = 0;
    bool at_last_character = true;
    for (std::size_t at = count; at-- > 0;) {
        if (letters[at] == machine.continuation()) continue;
        for (const std::uint32_t state : states) add(machine.transitions[state + letters[at]]);
        if (at_last_character) add(machine.transitions[last_if_last]);
        at_last_character = false;
        if (next.size() == 1) return {at, next.front()};
        followed += next.size();
        if (followed > kMostFollowed) break;
        states.swap(next);
        next.clear();
        for (const std::uint32_t state : states) seen[state >> machine.shift] = false;
    }
    return {0, 0};
}

}  // namespace tokmill::pretokens::engine
