#include "condensed/opcodes/documents.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "base/errors.hpp"
#include "condensed/parts.hpp"
#include "condensed/reading.hpp"
#include "pool/pool.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kStepIds = std::size_t(1) << 15;  // between two looks for Ctrl-C: some 2 ms

// ---- ids to records

// Writes documents one after the other, in the order in which they stand.
class DocumentsWriter {
public:
    DocumentsWriter(const OpcodeRules& rules, std::span<const std::int32_t> ids, const OpcodeOptions& options, Cancel& cancel)
        : rules_(rules), ids_(ids), options_(options), cancel_(cancel), writer_(rules) {}

    void seek(std::int64_t place) {
        barrier_ = std::upper_bound(options_.barriers.begin(), options_.barriers.end(), place) - options_.barriers.begin();
        const auto is_over = [place](const DomainSpan& span) { return span.end <= place; };
        span_ = std::partition_point(options_.spans.begin(), options_.spans.end(), is_over) - options_.spans.begin();
    }

    void write(std::int64_t begin, std::int64_t end, Records& out) {
        check_literals_of(begin, end);
        bool is_inside = false;
        for (std::int64_t at = begin; at < end;) {
            if (is_inside && span().end == at) leave(at, is_inside, out);
            if (writer_.until_reset() == 0) writer_.reset(ids_.data() + at, out);
            if (has_span() && span().begin <= at && !is_inside) {
                writer_.put({Op::enter, span().domain, 0, 0}, ids_.data() + at, out);
                is_inside = true;
            }
            take(at, next_cut(at, end, is_inside), out);
        }
        if (is_inside) {
            // A span over the end of a document goes on in the next.
            writer_.put({Op::leave, span().domain, 0, 0}, ids_.data() + end, out);
            if (span().end == end) ++span_;
        }
        writer_.end_document(ids_.data() + end, out);
    }

private:
    bool has_span() const noexcept { return span_ < static_cast<std::ptrdiff_t>(options_.spans.size()); }
    const DomainSpan& span() const noexcept { return options_.spans[static_cast<std::size_t>(span_)]; }

    void check_literals_of(std::int64_t begin, std::int64_t end) const {
        check_base_ids(rules_, ids_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), begin);
    }
    void leave(std::int64_t at, bool& is_inside, Records& out) {
        writer_.put({Op::leave, span().domain, 0, 0}, ids_.data() + at, out);
        ++span_;
        is_inside = false;
    }
    std::int64_t next_cut(std::int64_t at, std::int64_t end, bool is_inside) {
        const auto barriers = static_cast<std::ptrdiff_t>(options_.barriers.size());
        while (barrier_ < barriers && options_.barriers[static_cast<std::size_t>(barrier_)] <= at) ++barrier_;
        std::int64_t cut = end;
        if (barrier_ < barriers) cut = std::min(cut, options_.barriers[static_cast<std::size_t>(barrier_)]);
        if (has_span()) cut = std::min(cut, is_inside ? span().end : span().begin);
        if (writer_.until_reset() < static_cast<std::uint64_t>(cut - at)) cut = at + static_cast<std::int64_t>(writer_.until_reset());
        return cut;
    }
    void take(std::int64_t& at, std::int64_t cut, Records& out) {
        while (at < cut) {
            const std::size_t count = std::min(static_cast<std::size_t>(cut - at), kStepIds + rules_.max_length());
            at += static_cast<std::int64_t>(writer_.take(ids_.data() + at, count, static_cast<std::int64_t>(count) == cut - at, out));
            cancel_.poll();
        }
    }

    const OpcodeRules& rules_;
    std::span<const std::int32_t> ids_;
    const OpcodeOptions& options_;
    Cancel& cancel_;
    OpcodeWriter writer_;
    std::ptrdiff_t barrier_ = 0;
    std::ptrdiff_t span_ = 0;
};

void write_part(DocumentsWriter& writer, std::span<const std::int64_t> offsets, const Part& part, Records& out, OpcodeDocuments& all) {
    writer.seek(offsets[part.first_document]);
    for (std::size_t d = part.first_document; d < part.document_end; ++d) {
        writer.write(offsets[d], offsets[d + 1], out);
        all.ends[d] = out.size();
        all.literal_ends[d] = out.literals.size();
    }
}

void copy_to(std::int32_t* out, const tokens::IdArray& from) noexcept {
    if (from.size() != 0) std::memcpy(out, from.data(), from.size() * sizeof(std::int32_t));
}

// ---- records to ids

// The base ids up to the end of each stretch.
std::vector<std::uint64_t> base_ends(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets) {
    std::vector<std::uint64_t> ends;
    std::uint64_t sum = 0;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
        sum += checked_base_count(rules, view, static_cast<std::size_t>(offsets[s]), static_cast<std::size_t>(offsets[s + 1]));
        ends.push_back(sum);
    }
    return ends;
}

class StretchReader {
public:
    StretchReader(const OpcodeRules& rules, const RecordsView& view, Stretch stretch)
        : rules_(rules), view_(view), stretch_(stretch), reader_(rules) {}

    void read(std::size_t begin, std::size_t end, std::span<const std::int32_t> literals, std::int64_t lane_begin, std::int32_t* out,
              std::int32_t* out_end, Cancel& cancel) {
        check_base_ids(rules_, literals, lane_begin);
        reader_.clear(stretch_ == Stretch::fragments);
        for (std::size_t r = begin; r < end;) {
            const std::size_t step_end = std::min(end, r + kStepRecords);
            for (; r < step_end; ++r) {
                reader_.read(view_[r], literals, static_cast<std::int64_t>(r), out, out_end);
                out += view_.base_counts[r];
            }
            cancel.poll();
        }
        if (!literals.empty()) refuse_left_over(static_cast<std::int64_t>(end), literals.size());
        if (stretch_ == Stretch::documents && !reader_.has_ended())
            throw Error(ErrorKind::stream, "the document whose records end before " + std::to_string(end) + " has no EOD: it is cut short",
                        static_cast<std::int64_t>(end));
    }

private:
    static constexpr std::size_t kStepRecords = std::size_t(1) << 16;

    const OpcodeRules& rules_;
    const RecordsView& view_;
    Stretch stretch_;
    OpcodeReader reader_;
};

}  // namespace

OpcodeDocuments condense(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                         const OpcodeOptions& options, std::size_t threads, Cancel& cancel) {
    OpcodeDocuments out;
    out.ends.resize(offsets.size() - 1);
    out.literal_ends.resize(offsets.size() - 1);
    const std::vector<Part> parts = divide(offsets, threads == 1);
    if (parts.size() <= 1) {
        DocumentsWriter writer(rules, ids, options, cancel);
        if (!parts.empty()) write_part(writer, offsets, parts[0], out.records, out);
        out.records.finish();
        return out;
    }
    std::vector<Records> made(parts.size());
    Spares<DocumentsWriter> writers;
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        std::unique_ptr<DocumentsWriter> writer =
            writers.take([&] { return std::make_unique<DocumentsWriter>(rules, ids, options, cancel); });
        write_part(*writer, offsets, parts[i], made[i], out);
        made[i].finish();
        writers.give_back(std::move(writer));
    });
    std::vector<std::size_t> starts, literal_starts;
    std::size_t records = 0, literals = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        starts.push_back(records);
        literal_starts.push_back(literals);
        for (std::size_t d = parts[i].first_document; d < parts[i].document_end; ++d) {
            out.ends[d] += records;
            out.literal_ends[d] += literals;
        }
        records += made[i].size();
        literals += made[i].literals.size();
    }
    out.records.resize(records, literals);
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        const Records& from = made[i];
        std::memcpy(out.records.op_data() + starts[i], from.ops().data(), from.size());
        copy_to(Records::data(out.records.a) + starts[i], from.a);
        copy_to(Records::data(out.records.b) + starts[i], from.b);
        copy_to(Records::data(out.records.base_counts) + starts[i], from.base_counts);
        copy_to(Records::data(out.records.literals) + literal_starts[i], from.literals);
    });
    return out;
}

ExpandedOpcodes expand(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets,
                       std::span<const std::int64_t> literal_offsets, Stretch stretch, std::size_t threads, Cancel& cancel) {
    ExpandedOpcodes out;
    out.ends = base_ends(rules, view, offsets);
    const std::size_t size = out.ends.empty() ? 0 : out.ends.back();
    out.ids.reserve(size);
    auto* const ids = static_cast<std::int32_t*>(out.ids.data());
    const std::vector<Part> parts = divide(offsets, threads == 1);
    Spares<StretchReader> readers;
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        std::unique_ptr<StretchReader> reader = readers.take([&] { return std::make_unique<StretchReader>(rules, view, stretch); });
        std::int32_t* const end = ids + out.ends[parts[i].document_end - 1];
        for (std::size_t s = parts[i].first_document; s < parts[i].document_end; ++s) {
            const auto first = static_cast<std::size_t>(literal_offsets[s]);
            reader->read(static_cast<std::size_t>(offsets[s]), static_cast<std::size_t>(offsets[s + 1]),
                         view.literals.subspan(first, static_cast<std::size_t>(literal_offsets[s + 1]) - first), literal_offsets[s],
                         ids + (s == 0 ? 0 : out.ends[s - 1]), end, cancel);
        }
        readers.give_back(std::move(reader));
    });
    out.ids.set_size(size);
    return out;
}

}  // namespace tokmill::condensed
