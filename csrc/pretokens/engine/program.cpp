// Programs: from a regex, a literal text or a set to a machine, and from a machine to pieces.
#include <bit>
#include <ranges>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "pretokens/engine/composition.hpp"
#include "pretokens/engine/engine.hpp"
#include "pretokens/engine/machine.hpp"
#include "pretokens/engine/passes.hpp"
#include "pretokens/engine/tabulation.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::size_t kMostComposed = 4;  // steps: each may double the tree

class PieceSink {
public:
    explicit PieceSink(Pieces& pieces) noexcept : pieces_(pieces) {}

    template <class EventsAt>
    void cuts(std::uint64_t base, std::size_t count, const std::uint64_t* masks, EventsAt events_at) {
        for (std::size_t block = 0; block < count; block += 64) {
            for (std::uint64_t mask = masks[block / 64]; mask != 0; mask &= mask - 1) {
                const std::size_t i = block + static_cast<std::size_t>(std::countr_zero(mask));
                const std::uint64_t at = base + i;
                const std::uint8_t events = events_at(i);
                close(at);
                if ((events & kEmptyMatch) != 0) pieces_.list.push_back({at, at, true});
                pieces_.list.push_back({at, at, (events & kMatch) != 0});
                pieces_.open = true;
            }
        }
    }
    void close(std::uint64_t at) noexcept {
        if (pieces_.open) pieces_.list.back().end = at;
        pieces_.open = false;
    }

private:
    Pieces& pieces_;
};

class MaskSink {
public:
    explicit MaskSink(StartMasks& masks) noexcept : masks_(masks) {}

    template <class EventsAt>
    void cuts(std::uint64_t base, std::size_t count, const std::uint64_t* masks, EventsAt) {
        masks_.take(base, count, masks);
    }

private:
    StartMasks& masks_;
};

template <class Sink>
void run(const Machine& machine, Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last,
         std::span<const std::uint64_t> text_ends, Sink& sink) {
    if (machine.tabulated) {
        if (last) tabulate(machine, cursor, text, end, text_ends, sink);
    } else if (!machine.narrow_moves.empty()) {
        Passes<std::uint8_t, Sink>(machine, machine.narrow_moves.data(), sink).run(cursor, text, end, last, text_ends);
    } else {
        Passes<std::uint16_t, Sink>(machine, machine.wide_moves.data(), sink).run(cursor, text, end, last, text_ends);
    }
}

}  // namespace

std::string_view name(Dialect dialect) noexcept { return dialect == Dialect::tiktoken ? "tiktoken" : "tokenizers"; }

Program::Program(const Tree& tree, Dialect dialect, cpu::Isa isa, bool tabulated)
    : tree_(tree), machine_(make_machine(tree, dialect, isa, tabulated)) {}

Program Program::compile(std::string_view regex, Dialect dialect, cpu::Isa isa) { return Program(parse(regex, dialect), dialect, isa); }

Program Program::compile_tabulated(std::string_view regex, Dialect dialect, cpu::Isa isa) {
    return Program(parse(regex, dialect), dialect, isa, true);
}

Program Program::literal(std::string_view text) {
    std::vector<Tree> characters;
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    for (std::size_t at = 0; at < text.size(); at += unicode::utf8_length(bytes[at]))
        characters.push_back(make_set(CodePointSet::one(unicode::decode_utf8(bytes + at))));
    if (characters.empty()) characters.push_back(make_set({}));
    return Program(make_sequence(std::move(characters)), Dialect::tokenizers, cpu::active());
}

Program Program::one_of(std::span<const std::pair<std::uint32_t, std::uint32_t>> ranges, bool runs) {
    std::vector<CodePointSet::Range> members;
    for (const auto& [first, last] : ranges) members.push_back({first, last});
    Tree tree = make_set(CodePointSet(std::move(members)));
    if (runs) tree = make_repeat(std::move(tree), 1, kUnbounded, Node::Greed::greedy, 0);
    return Program(tree, Dialect::tokenizers, cpu::active());
}

std::optional<Program> Program::compose(std::span<const SplitStep> steps) {
    if (steps.empty() || steps.size() > kMostComposed) return std::nullopt;
    const SplitStep& last = steps.back();
    const Program& program = last.program;
    const bool keeps_all = last.behaviour == Behaviour::isolated || (last.behaviour == Behaviour::removed && last.invert);
    if (!keeps_all || !program.matches_everything() || program.has_empty_matches()) return std::nullopt;
    Tree tree = program.tree_;
    for (const SplitStep& step : std::views::reverse(steps.first(steps.size() - 1))) {
        std::optional<KindStep> kinds = kind_step(step.program.tree_);
        if (!kinds || (step.behaviour != Behaviour::isolated && step.behaviour != Behaviour::contiguous)) return std::nullopt;
        kinds->runs |= step.behaviour == Behaviour::contiguous;  // neighbours that both match, or both do not, are one piece
        const std::optional<Tree> composed = engine::compose(*kinds, tree);
        if (!composed) return std::nullopt;
        tree = *composed;
    }
    if (steps.size() == 1) return program;
    try {
        Program composed(tree, program.machine_->dialect, cpu::active());
        if (composed.is_tabulated() || !composed.matches_everything() || composed.has_empty_matches()) return std::nullopt;
        return composed;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::pattern) throw;
        return std::nullopt;  // too large
    }
}

void Program::find(Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last, std::span<const std::uint64_t> text_ends,
                   Pieces& pieces) const {
    PieceSink sink(pieces);
    run(*machine_, cursor, text, end, last, text_ends, sink);
    if (last) sink.close(end);
}

void Program::find_starts(Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last, StartMasks& masks) const {
    MaskSink sink(masks);
    run(*machine_, cursor, text, end, last, {}, sink);
}

bool Program::matches_everything() const noexcept { return machine_->matches_everything; }
bool Program::may_match(std::uint32_t code_point) const { return characters_of_matches(tree_).contains(code_point); }
bool Program::has_empty_matches() const noexcept { return machine_->has_empty_matches; }
bool Program::parts_behind_letters() const noexcept { return machine_->parts_behind_letters; }
bool Program::is_tabulated() const noexcept { return machine_->tabulated; }

Program::Statistics Program::statistics() const noexcept {
    return {machine_->class_count, machine_->letter_count, machine_->state_count, machine_->move_count, machine_->table_bytes()};
}

}  // namespace tokmill::pretokens::engine
