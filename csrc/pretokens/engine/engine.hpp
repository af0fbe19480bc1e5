// The door of the folder: a split regex in, the borders of its matches in a text out, exactly as the owner of the regex finds
// them and in time linear in the text, whatever the regex.
//
// A regex becomes a bimachine. From right to left, an automaton whose state says which states of a backtracking matcher could
// still succeed here, so that its transition fixes, for each of them, the first choice that leads to a match. From left to
// right those choices are followed, one load a byte. Nothing is tried twice. Why this is exact stands in DESIGN.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "cpu/isa.hpp"

namespace tokmill::pretokens::engine {

// Whose regex it is: the same text may mean two patterns.
enum class Dialect : std::uint8_t {
    tiktoken,    // fancy-regex, as in tiktoken 0.14
    tokenizers,  // Oniguruma in its Ruby syntax, as in tokenizers 0.23
};

std::string_view name(Dialect dialect) noexcept;

struct Span {
    std::uint64_t begin;
    std::uint64_t end;
    friend bool operator==(const Span&, const Span&) = default;
};

// A stretch of the text: a match, or what stands between two of them.
struct Piece {
    std::uint64_t begin;
    std::uint64_t end;
    bool is_match;
};

// Pieces in order, without gaps between them. An empty match is a piece of its own, in front of the one that begins there
// (not reported at the end of a text: it would part nothing).
struct Pieces {
    std::vector<Piece> list;
    bool open = false;  // the end of the last one is not known yet
};

// Where the passes over one text have got to: everything before `at` is decided. A text begins with Cursor{}, wherever its
// first byte stands (`at`); the caller may move the text and `at` along with it.
struct Cursor {
    std::uint64_t at = 0;
    std::uint32_t forward = 0;  // state of the pass from left to right
    std::uint32_t behind = 0;   // state of the automaton for look-behinds
};

// What takes the starts of pieces: bit i % 64 of masks[i / 64] says that one begins at byte base + i of the text, for i < count; later
// bits are 0. Stretches come in rising order, with no start between them.
class StartMasks {
public:
    virtual void take(std::uint64_t base, std::size_t count, const std::uint64_t* masks) = 0;

protected:
    ~StartMasks() = default;
};

struct Machine;
struct Node;
struct SplitStep;

// A compiled pattern: immutable, cheap to copy, used from any number of threads.
class Program {
public:
    // Error(pattern) with the construct and its byte if this regex cannot be matched exactly.
    static Program compile(std::string_view regex, Dialect dialect, cpu::Isa isa = cpu::active());
    // The same without an automaton, for tests.
    static Program compile_tabulated(std::string_view regex, Dialect dialect, cpu::Isa isa = cpu::active());
    // Matches this text (never, if it is empty).
    static Program literal(std::string_view text);
    // Matches one character of a set of inclusive ranges; runs of them with `runs`.
    static Program one_of(std::span<const std::pair<std::uint32_t, std::uint32_t>> ranges, bool runs);
    // The program whose matches are the pieces that all of these steps leave, where that is known to be so (composition.hpp) and there is
    // an automaton for it; nothing otherwise.
    static std::optional<Program> compose(std::span<const SplitStep> steps);

    // Decides what can be decided of text[cursor.at, end), which is valid UTF-8 of whole characters, and appends where its
    // pieces begin and end. With `last` the text ends at `end` and all of it is decided. With `text_ends` (rising; needs `last`)
    // these are several texts, each ending where the next one begins; `end` itself may be left out.
    void find(Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last, std::span<const std::uint64_t> text_ends,
              Pieces& pieces) const;

    // As find(), but only where pieces begin.
    void find_starts(Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last, StartMasks& masks) const;

    bool matches_everything() const noexcept;  // no text has a stretch outside of all matches
    bool has_empty_matches() const noexcept;   // some text has a match of no characters
    // May a match hold this character? (True also for some that none does.)
    bool may_match(std::uint32_t code_point) const;
    // Is a text cut in front of every blank or newline behind a letter, with the same pieces on both sides if these are texts of their own?
    bool parts_behind_letters() const noexcept;
    bool is_tabulated() const noexcept;  // no automaton: exact and linear, but hundreds of times slower, and undecided until `last`

    struct Statistics {
        std::size_t classes, letters, states, moves, table_bytes;
    };
    Statistics statistics() const noexcept;

private:
    Program(const std::shared_ptr<const Node>& tree, Dialect dialect, cpu::Isa isa, bool tabulated = false);
    std::shared_ptr<const Node> tree_;
    std::shared_ptr<const Machine> machine_;
};

// What a Split step of a tokenizer file does with matches.
enum class Behaviour : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct SplitStep {
    Program program;
    Behaviour behaviour = Behaviour::isolated;
    bool invert = false;  // what stands between matches counts as the match
};

// Memory that splits use, one behind the other.
struct SplitMemory {
    Pieces pieces;
    std::vector<Span> texts, next, folded;
    std::vector<std::uint64_t> ends;
};

// Steps one behind the other, each applied to every piece that the one before left. Appends the pieces of the whole text that
// remain, in order; empty ones are dropped, as in tokenizers.
void split(std::span<const SplitStep> steps, const std::uint8_t* text, std::uint64_t size, SplitMemory& memory, std::vector<Span>& pieces,
           Cancel& cancel);
// The same for several texts, rising stretches of one: their pieces take their place.
void split_each(std::span<const SplitStep> steps, const std::uint8_t* text, SplitMemory& memory, std::vector<Span>& texts, Cancel& cancel);

// The pieces of a whole text, some at a time; `pieces` is memory to use.
void find_pieces(const Program& program, const std::uint8_t* text, std::uint64_t size, Pieces& pieces,
                 const std::function<void(std::span<const Piece>)>& take, Cancel& cancel);

}  // namespace tokmill::pretokens::engine
