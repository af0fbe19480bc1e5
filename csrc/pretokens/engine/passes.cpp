#include "pretokens/engine/passes.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::uint64_t kNotAscii = 0x8080808080808080u;
constexpr std::size_t kMostFollowed = 2'000'000;  // members of sets, in one search for a certain state

// Classes of text[from, to), one a byte.
void write_classes(const Machine& machine, const std::uint8_t* text, std::uint64_t from, std::uint64_t to, std::uint8_t* out) {
    const std::uint8_t* const ascii = machine.ascii.data();
    const std::uint8_t* const page_classes = machine.page_classes.data();
    const std::uint16_t* const pages = machine.pages.data();
    const std::uint32_t continuation = machine.continuation();
    const std::uint32_t filler = continuation * 0x01010100u;
    std::uint64_t at = from;
    for (; at < to && is_continuation(text[at]); ++at) *out++ = machine.continuation();
    while (at < to) {
        if (at + 8 <= to && (load<std::uint64_t>(text + at) & kNotAscii) == 0) {
            for (std::size_t i = 0; i < 8; ++i) out[i] = ascii[text[at + i]];
            at += 8;
            out += 8;
            continue;
        }
        const std::uint8_t lead = text[at];
        std::uint32_t letter, length;
        if (lead < 0x80) {
            letter = ascii[lead];
            length = 1;
        } else if (lead < 0xE0) {
            const std::uint32_t code = (lead & 0x1Fu) << 6 | (text[at + 1] & 0x3Fu);
            letter = page_classes[pages[code >> 8] * 256u + (code & 255)];
            length = 2;
        } else if (lead < 0xF0) {
            const std::uint32_t code = (lead & 0x0Fu) << 12 | (text[at + 1] & 0x3Fu) << 6 | (text[at + 2] & 0x3Fu);
            letter = page_classes[pages[code >> 8] * 256u + (code & 255)];
            length = 3;
        } else {
            letter = machine.class_of(unicode::decode_utf8(text + at));
            length = 4;
        }
        const std::uint32_t four = letter | filler;
        for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(four >> (8 * i));
        out += length;
        at += length;
    }
}

}  // namespace

Behind classify(const Machine& machine, const std::uint8_t* text, std::uint64_t from, std::uint64_t to, TextEnds& ends,
                std::uint32_t behind, std::uint8_t* letters) {
    write_classes(machine, text, from, to, letters);
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
    const std::size_t columns = machine.letter_count + 1;
    std::uint32_t set = 0;
    while (from > to && machine.set_only[set] == Machine::kNoSet) {
        set = machine.set_next[set * columns + letters[--from]];
        if (set == Machine::kNoSet) return Machine::kNoSet;
    }
    std::uint32_t state = machine.set_only[set];
    if (state == Machine::kNoSet) return Machine::kNoSet;
    while (from > to) state = static_cast<std::uint32_t>(machine.transitions[state + letters[--from]]);
    return state;
}

Certain certain_state(const Machine& machine, const std::uint8_t* letters, std::size_t count, std::uint8_t last_if_last) {
    std::vector<std::uint32_t> states, next;
    for (std::uint32_t s = 0; s < machine.state_count; ++s) states.push_back(s << machine.shift);
    std::vector<bool> seen(machine.state_count);
    const auto add = [&](std::uint64_t transition) {
        const auto state = static_cast<std::uint32_t>(transition);
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
