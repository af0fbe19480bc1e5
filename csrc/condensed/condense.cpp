#include "condensed/condense.hpp"

#include <algorithm>
#include <memory>

#include "condensed/lru.hpp"
#include "condensed/parts.hpp"
#include "condensed/zip2zip.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kStepIds = std::size_t(1) << 12;  // between two looks for Ctrl-C, and for where a part stays: some 40 us

// How many phrases a book will hold at most.
std::size_t most_ids(std::span<const std::int64_t> offsets, bool carry) {
    if (carry) return static_cast<std::size_t>(offsets.back());
    std::int64_t most = 0;
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) most = std::max(most, offsets[d + 1] - offsets[d]);
    return static_cast<std::size_t>(most);
}

template <class Writer>
void write_part(Writer& writer, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, const Part& part,
                const CondenseOptions& options, Assembly::Writing& out, std::uint64_t* ends, Cancel& cancel) {
    auto barrier = std::lower_bound(options.barriers.begin(), options.barriers.end(), offsets[part.first_document]);
    for (std::size_t d = part.first_document; d < part.document_end; ++d) {
        if (!options.carry) writer.clear();
        for (std::int64_t at = offsets[d]; at < offsets[d + 1];) {
            while (barrier != options.barriers.end() && *barrier <= at) ++barrier;
            std::int64_t end = std::min(offsets[d + 1], at + static_cast<std::int64_t>(kStepIds));
            if (barrier != options.barriers.end()) end = std::min(end, *barrier);
            // One more than there are base ids: the phrase that was kept. For the whole part two, as that phrase may be out before the last
            // step asks for it once more.
            out.settle(static_cast<std::size_t>(offsets[part.document_end] - at) + 2);
            append(out.arrays(), static_cast<std::size_t>(end - at) + 1, [&](CondensedSink& sink) {
                writer.take(ids.data() + at, static_cast<std::size_t>(end - at), at, sink);
                if (end == offsets[d + 1] || (barrier != options.barriers.end() && *barrier == end)) writer.cut(sink);
            });
            at = end;
            cancel.poll();
        }
        ends[d] = out.arrays()[0].size();
    }
}

// Appends the base ids of codes [at, end), each of which stands for `most` at most.
template <class Reader>
void read_step(Reader& reader, const std::int32_t* ids, std::int64_t at, std::int64_t end, Reading reading, std::size_t most,
               tokens::IdArray& out) {
    std::size_t size = out.size();
    for (; at < end; ++at) {
        out.prepare(most);
        size += reader.read(ids[at], reading, at, static_cast<std::int32_t*>(out.data()) + size);
        out.set_size(size);
    }
}

template <class Reader>
void read_part(Reader& reader, const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
               const Part& part, Reading reading, bool carry, Assembly::Writing& writing, std::uint64_t* ends, Cancel& cancel) {
    const auto most = static_cast<std::size_t>(rules.max_subtokens());
    for (std::size_t d = part.first_document; d < part.document_end; ++d) {
        if (!carry) reader.clear();
        for (std::int64_t at = offsets[d]; at < offsets[d + 1];) {
            const std::int64_t end = std::min(offsets[d + 1], at + static_cast<std::int64_t>(kStepIds));
            writing.settle(static_cast<std::size_t>(offsets[part.document_end] - at) * most);
            read_step(reader, ids.data(), at, end, reading, most, writing.arrays()[0]);
            at = end;
            cancel.poll();
        }
        ends[d] = writing.arrays()[0].size();
    }
}

// Adds the places of the parts to the ends that each has counted from its own start.
void shift_ends(std::span<const Part> parts, const std::vector<std::size_t>& starts, std::vector<std::uint64_t>& ends) {
    for (std::size_t i = 0; i < parts.size(); ++i)
        for (std::size_t d = parts[i].first_document; d < parts[i].document_end; ++d) ends[d] += starts[i];
}

template <class Writer>
Condensed condense_with(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                        const CondenseOptions& options, std::size_t threads, Cancel& cancel) {
    Condensed out;
    out.ends.resize(offsets.size() - 1);
    const std::vector<Part> parts = divide(offsets, options.carry || threads == 1);
    const std::size_t phrases = most_ids(offsets, options.carry);
    Spares<Writer> writers;
    Gathered made =
        gather(parts.size(), options.installed ? 3 : 2, ids.size() + 1, threads, cancel, [&](std::size_t i, Assembly::Writing& writing) {
            std::unique_ptr<Writer> writer = writers.take([&] { return std::make_unique<Writer>(rules, phrases); });
            write_part(*writer, ids, offsets, parts[i], options, writing, out.ends.data(), cancel);
            writers.give_back(std::move(writer));
        });
    shift_ends(parts, made.starts, out.ends);
    out.ids = std::move(made.arrays[0]);
    out.base_counts = std::move(made.arrays[1]);
    if (options.installed) out.installed = std::move(made.arrays[2]);
    return out;
}

template <class Reader>
Expanded expand_with(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                     Reading reading, bool carry, std::size_t threads, Cancel& cancel) {
    Expanded out;
    out.ends.resize(offsets.size() - 1);
    const std::vector<Part> parts = divide(offsets, carry || threads == 1);
    const std::size_t phrases = most_ids(offsets, carry);
    Spares<Reader> readers;
    // There are no fewer base ids than codes: a block that waits has to have room for as many (see kExpected), a fresh one for more.
    Gathered made = gather(parts.size(), 1, 4 * (ids.size() + 1), threads, cancel, [&](std::size_t i, Assembly::Writing& writing) {
        std::unique_ptr<Reader> reader = readers.take([&] { return std::make_unique<Reader>(rules, phrases); });
        read_part(*reader, rules, ids, offsets, parts[i], reading, carry, writing, out.ends.data(), cancel);
        readers.give_back(std::move(reader));
    });
    shift_ends(parts, made.starts, out.ends);
    out.ids = std::move(made.arrays[0]);
    return out;
}

}  // namespace

Condensed condense(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   const CondenseOptions& options, std::size_t threads, Cancel& cancel) {
    if (rules.profile() == Profile::lru) return condense_with<LruWriter>(rules, ids, offsets, options, threads, cancel);
    return condense_with<Zip2zipWriter>(rules, ids, offsets, options, threads, cancel);
}

namespace {

template <class Writer>
class HypertokenPieces final : public PiecewiseCondenser {
public:
    HypertokenPieces(const HypertokenRules& rules, std::size_t phrases) : writer_(rules, phrases) {}

    void take(std::span<const std::int32_t> ids, std::int64_t position, Condensed& out, Cancel& cancel) override {
        while (!ids.empty()) {
            const auto step = ids.first(std::min(ids.size(), kStepIds));
            // One more than there are base ids: the phrase that was kept.
            append(out, step.size() + 1, [&](CondensedSink& sink) { writer_.take(step.data(), step.size(), position, sink); });
            ids = ids.subspan(step.size());
            position += static_cast<std::int64_t>(step.size());
            cancel.poll();
        }
    }
    void end_document(Condensed& out, Cancel&) override {
        append(out, 1, [&](CondensedSink& sink) {
            writer_.cut(sink);
            writer_.clear();
        });
    }

private:
    Writer writer_;
};

}  // namespace

std::unique_ptr<PiecewiseCondenser> HypertokenCondenser::pieces(std::size_t most_ids) const {
    if (rules_->profile() == Profile::lru) return std::make_unique<HypertokenPieces<LruWriter>>(*rules_, most_ids);
    return std::make_unique<HypertokenPieces<Zip2zipWriter>>(*rules_, most_ids);
}

Expanded expand(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, Reading reading,
                bool carry, std::size_t threads, Cancel& cancel) {
    if (rules.profile() == Profile::lru) return expand_with<LruReader>(rules, ids, offsets, reading, carry, threads, cancel);
    return expand_with<Zip2zipReader>(rules, ids, offsets, reading, carry, threads, cancel);
}

}  // namespace tokmill::condensed
