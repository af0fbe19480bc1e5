// A compiled pattern: tables that the passes over a text follow. Made once from the nondeterministic automaton, then read-only.
//
// Letters. Each byte of a text becomes a letter: the class of the character that begins there (classes are as coarse as the
// sets of the pattern allow), made distinct where the character is the last one of its text and by what the look-behinds say
// before it; or kContinuation's for the further bytes of a character, which change nothing.
//
// From right to left. A state says which core states of the nondeterministic automaton can succeed in the text from here on, and
// which way each of them goes. A byte within a character has a twin of the state behind it, in which everything stays.
//
// From left to right. A move says where a match has got to (or that none has begun) and what happened at this byte: events. The
// state at a byte and the last move fix the next move. One number, state << shift, indexes both tables, so that both passes cost
// one load a byte and next to no arithmetic.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pretokens/engine/kernels/classes.hpp"
#include "pretokens/engine/nfa.hpp"

namespace tokmill::pretokens::engine {

enum Event : std::uint8_t {
    kCut = 1,         // a piece begins
    kMatch = 2,       // ... and it is a match
    kEmptyMatch = 4,  // an empty match stands before this byte (and a piece begins that is none)
};

// A move of the pass from left to right: 0 is the one before a text.
inline constexpr std::uint32_t kFirstMove = 0;
template <class Number>
inline constexpr Number kDeadMove = static_cast<Number>(-1);

struct Machine {
    Dialect dialect = Dialect::tiktoken;

    // Classes of characters. class_of() of any code point: page_classes[pages[c >> 8] * 256 + (c & 255)].
    std::uint32_t class_count = 0;
    std::array<std::uint8_t, 128> ascii{};
    std::vector<std::uint16_t> pages;
    std::vector<std::uint8_t> page_classes;
    std::vector<std::uint8_t> bmp;  // the same for U+0000-FFFF, one byte each, and 3 more
    ClassesFunction classes = classes_scalar;
    CutsFunction cuts = cuts_scalar;

    // Letters. Without look-behinds: the class, plus class_count if the character is the last one of its text.
    std::uint32_t letter_count = 0;  // without the continuation's, which is letter_count itself
    std::uint8_t continuation() const noexcept { return static_cast<std::uint8_t>(letter_count); }

    // Look-behinds: an automaton over classes whose state fixes their truth. Letter: behind_letters[(state * 2 + last) * class_count +
    // class].
    std::uint32_t behind_count = 0;  // 0: the pattern has none
    std::vector<std::uint8_t> behind_letters;
    std::vector<std::uint16_t> behind_next;  // [state * class_count + class]

    // transitions[(state << shift) + letter] = state one byte to the left << shift. Twins are the second half of the states.
    std::uint32_t shift = 0;
    std::uint32_t state_count = 0;
    std::vector<std::uint32_t> transitions;

    // moves[(state << shift) + move] = next move, if they are narrow; else with the wider stride of 1 << move_shift a state.
    std::uint32_t move_count = 0;
    std::uint32_t first_cut = 0;  // the moves from this one on begin a piece
    std::uint32_t move_shift = 0;
    std::vector<std::uint8_t> events_of;  // by move
    std::vector<std::uint8_t> narrow_moves;
    std::vector<std::uint16_t> wide_moves;

    // An automaton over sets of states that are no twins; set 0 holds all. set_next[set * letter_count + letter], kNoSet where it
    // was not built; set_only[set]: its one member (shifted), or kNoSet.
    static constexpr std::uint32_t kNoSet = UINT32_MAX;
    std::vector<std::uint32_t> set_next;
    std::vector<std::uint32_t> set_only;

    bool matches_everything = false;
    bool has_empty_matches = false;
    bool parts_behind_letters = false;

    // Where no automaton of a sane size exists: every state is evaluated at every character.
    bool tabulated = false;
    Nfa nfa;
    struct Letter {
        std::uint32_t character_class;
        std::uint32_t truths;        // of the look-behinds before the character
        std::uint32_t truths_after;  // ... and behind it, if it is the last one
        bool last;
    };
    std::vector<Letter> letters;
    std::vector<std::uint8_t> set_has_class;  // [set * class_count + class]

    std::uint32_t class_of(std::uint32_t code_point) const noexcept {
        return page_classes[pages[code_point >> 8] * 256u + (code_point & 255)];
    }
    std::size_t table_bytes() const noexcept;
};

std::shared_ptr<const Machine> make_machine(const Tree& tree, Dialect dialect, cpu::Isa isa, bool tabulate = false);

}  // namespace tokmill::pretokens::engine
