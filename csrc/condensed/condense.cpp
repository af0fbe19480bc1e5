#include "condensed/condense.hpp"

#include <algorithm>
#include <cstring>

#include "pool/pool.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kPartIds = std::size_t(1) << 16;  // documents are handed out in parts of at least so many ids
constexpr std::size_t kStepIds = std::size_t(1) << 17;  // between two looks for Ctrl-C: some 2 ms

// Documents [begin, end) and the range of `ids` that they cover.
struct Part {
    std::size_t first_document;
    std::size_t document_end;
};

std::vector<Part> divide(std::span<const std::int64_t> offsets, bool whole) {
    const std::size_t documents = offsets.size() - 1;
    std::vector<Part> parts;
    for (std::size_t begin = 0; begin < documents;) {
        std::size_t end = whole ? documents : begin + 1;
        while (end < documents && offsets[end] - offsets[begin] < static_cast<std::int64_t>(kPartIds)) ++end;
        parts.push_back({begin, end});
        begin = end;
    }
    return parts;
}

// How many phrases a book of this part will hold at most.
std::size_t most_ids(std::span<const std::int64_t> offsets, const Part& part, bool carry) {
    if (carry) return static_cast<std::size_t>(offsets[part.document_end] - offsets[part.first_document]);
    std::int64_t most = 0;
    for (std::size_t d = part.first_document; d < part.document_end; ++d) most = std::max(most, offsets[d + 1] - offsets[d]);
    return static_cast<std::size_t>(most);
}

template <class Writer>
void write_part(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, const Part& part,
                const CondenseOptions& options, CondensedSink& out, std::uint64_t* ends, Cancel& cancel) {
    Writer writer(rules, most_ids(offsets, part, options.carry));
    auto barrier = std::lower_bound(options.barriers.begin(), options.barriers.end(), offsets[part.first_document]);
    for (std::size_t d = part.first_document; d < part.document_end; ++d) {
        if (!options.carry && d != part.first_document) writer.clear();
        for (std::int64_t at = offsets[d]; at < offsets[d + 1];) {
            while (barrier != options.barriers.end() && *barrier <= at) ++barrier;
            std::int64_t end = std::min(offsets[d + 1], at + static_cast<std::int64_t>(kStepIds));
            if (barrier != options.barriers.end()) end = std::min(end, *barrier);
            writer.take(ids.data() + at, static_cast<std::size_t>(end - at), at, out);
            if (barrier != options.barriers.end() && *barrier == end) writer.cut(out);
            at = end;
            if ((at & (kStepIds - 1)) == 0 || end - offsets[d] >= static_cast<std::int64_t>(kStepIds)) cancel.poll();
        }
        writer.cut(out);
        ends[d] = out.size;
    }
}

template <class Reader>
void read_part(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, const Part& part,
               Reading reading, bool carry, tokens::IdArray& out, std::uint64_t* ends, Cancel& cancel) {
    Reader reader(rules, most_ids(offsets, part, carry));
    const auto most = static_cast<std::size_t>(rules.max_subtokens());
    std::size_t size = 0;
    for (std::size_t d = part.first_document; d < part.document_end; ++d) {
        if (!carry && d != part.first_document) reader.clear();
        for (std::int64_t at = offsets[d]; at < offsets[d + 1];) {
            const std::int64_t end = std::min(offsets[d + 1], at + static_cast<std::int64_t>(kStepIds));
            for (; at < end; ++at) {
                out.prepare(most);
                size += reader.read(ids[static_cast<std::size_t>(at)], reading, at, static_cast<std::int32_t*>(out.data()) + size);
                out.set_size(size);
            }
            cancel.poll();
        }
        ends[d] = size;
    }
}

// Joins what the parts made, in order.
template <class Pick>
tokens::IdArray join(std::size_t total, std::size_t parts, std::span<const std::size_t> starts, std::size_t threads, Cancel& cancel,
                     const Pick& pick) {
    tokens::IdArray joined;
    joined.reserve(total);
    pool::run(parts, threads, cancel, [&](std::size_t i) {
        const std::span<const std::int32_t> piece = pick(i);
        if (!piece.empty()) std::memcpy(static_cast<std::int32_t*>(joined.data()) + starts[i], piece.data(), piece.size_bytes());
    });
    joined.set_size(total);
    return joined;
}

template <class Writer>
Condensed condense_with(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                        const CondenseOptions& options, std::size_t threads, Cancel& cancel) {
    Condensed out;
    out.ends.resize(offsets.size() - 1);
    // Never more ids than there are base ids, so that every part has its place beforehand.
    const auto room = [&](tokens::IdArray& array) { array.reserve(ids.size()); };
    room(out.ids);
    room(out.base_counts);
    if (options.installed) room(out.installed);
    const auto sink_at = [&](std::int64_t place) {
        CondensedSink sink;
        sink.ids = static_cast<std::int32_t*>(out.ids.data()) + place;
        sink.base_counts = static_cast<std::int32_t*>(out.base_counts.data()) + place;
        if (options.installed) sink.installed = static_cast<std::int32_t*>(out.installed.data()) + place;
        return sink;
    };
    const std::vector<Part> parts = divide(offsets, options.carry || threads == 1);
    std::vector<std::size_t> sizes(parts.size());
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        CondensedSink sink = sink_at(offsets[parts[i].first_document]);
        write_part<Writer>(rules, ids, offsets, parts[i], options, sink, out.ends.data(), cancel);
        sizes[i] = sink.size;
    });
    std::size_t total = 0;
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        for (std::size_t d = parts[i].first_document; d < parts[i].document_end; ++d) out.ends[d] += total;
        starts.push_back(total);
        total += sizes[i];
    }
    const auto close_up = [&](tokens::IdArray& array) {
        if (parts.size() > 1) {
            array = join(total, parts.size(), starts, threads, cancel, [&](std::size_t i) {
                return std::span(static_cast<const std::int32_t*>(array.data()) + offsets[parts[i].first_document], sizes[i]);
            });
        }
        array.set_size(total);
    };
    close_up(out.ids);
    close_up(out.base_counts);
    if (options.installed) close_up(out.installed);
    return out;
}

template <class Reader>
Expanded expand_with(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                     Reading reading, bool carry, std::size_t threads, Cancel& cancel) {
    Expanded out;
    out.ends.resize(offsets.size() - 1);
    const std::vector<Part> parts = divide(offsets, carry || threads == 1);
    std::vector<tokens::IdArray> pieces(parts.size());
    pool::run(parts.size(), threads, cancel,
              [&](std::size_t i) { read_part<Reader>(rules, ids, offsets, parts[i], reading, carry, pieces[i], out.ends.data(), cancel); });
    if (parts.size() == 1) {
        out.ids = std::move(pieces[0]);
        return out;
    }
    std::size_t total = 0;
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        for (std::size_t d = parts[i].first_document; d < parts[i].document_end; ++d) out.ends[d] += total;
        starts.push_back(total);
        total += pieces[i].size();
    }
    out.ids = join(total, parts.size(), starts, threads, cancel,
                   [&](std::size_t i) { return std::span(static_cast<const std::int32_t*>(pieces[i].data()), pieces[i].size()); });
    return out;
}

}  // namespace

Condensed condense(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                   const CondenseOptions& options, std::size_t threads, Cancel& cancel) {
    if (rules.profile() == Profile::lru) return condense_with<LruWriter>(rules, ids, offsets, options, threads, cancel);
    return condense_with<Zip2zipWriter>(rules, ids, offsets, options, threads, cancel);
}

Expanded expand(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, Reading reading,
                bool carry, std::size_t threads, Cancel& cancel) {
    if (rules.profile() == Profile::lru) return expand_with<LruReader>(rules, ids, offsets, reading, carry, threads, cancel);
    return expand_with<Zip2zipReader>(rules, ids, offsets, reading, carry, threads, cancel);
}

}  // namespace tokmill::condensed
