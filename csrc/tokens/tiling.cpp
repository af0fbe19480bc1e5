#include "tokens/tiling.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "pool/pool.hpp"
#include "tokens/kernels/span_kernels.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

constexpr std::size_t kIdsBetweenPolls = std::size_t(1) << 16;

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// What tokens that tile a text stand for. Places count from its begin.
std::uint64_t places_of(const SpanTable& table, std::uint32_t id) {
    const std::string_view token = table.bytes(id);
    return table.count() == SpanCount::characters ? unicode::count_characters(bytes_of(token), token.size()) : token.size();
}

template <class Id>
std::uint64_t places_of(const SpanTable& table, std::span<const Id> ids, Cancel& cancel) {
    std::uint64_t places = 0;
    for (std::size_t i = 0; i < ids.size();) {
        for (const std::size_t pause = std::min(ids.size(), i + kIdsBetweenPolls); i < pause; ++i) {
            const std::uint8_t step = table.advances()[ids[i]];
            places += step == advance::kOther ? places_of(table, static_cast<std::uint32_t>(ids[i])) : step & advance::kPlaces;
        }
        cancel.poll();
    }
    return places;
}

// Writes the spans of one stretch whose tokens tile it, counted from `base`.
template <class Id>
class TileWriter {
public:
    TileWriter(const SpanLayout& layout, TokenPlace first, std::uint64_t base, std::int64_t* out) noexcept
        : table_(layout.table), kernels_(span_kernels(layout.isa)), where_(first), base_(base), out_(out) {}

    void write(std::span<const Id> ids, Cancel& cancel) {
        std::size_t i = 0;
        if (!ids.empty() && table_.minds_begin()) write_other(ids[i++]);
        where_.at_begin = false;
        while (i < ids.size()) {
            for (const std::size_t pause = std::min(ids.size(), i + kIdsBetweenPolls); i < pause;) {
                const std::size_t size = std::min(kBlock, pause - i);
                write_block(ids.data() + i, size);
                i += size;
            }
            cancel.poll();
        }
    }

private:
    static constexpr std::size_t kBlock = 128;

    // Advances are gathered first: what comes next takes eight at a time.
    void write_block(const Id* ids, std::size_t size) {
        std::array<std::uint8_t, kBlock> advances;
        std::uint8_t seen = 0;
        for (std::size_t i = 0; i < size; ++i) {
            advances[i] = table_.advances()[ids[i]];
            seen |= advances[i];
        }
        if ((seen & advance::kOdd) == 0) {
            lay(advances.data(), size);
            return;
        }
        for (std::size_t i = 0; i < size; ++i) {
            const auto* const next = std::find(advances.data() + i, advances.data() + size, advance::kOther);
            const std::size_t first = i;
            i = static_cast<std::size_t>(next - advances.data());
            std::int64_t* const laid = out_;
            lay(advances.data() + first, i - first);
            for (std::size_t k = first; k < i; ++k)
                if ((advances[k] & advance::kOdd) != 0) correct(static_cast<std::uint32_t>(ids[k]), laid + 2 * (k - first));
            if (i < size) write_other(ids[i]);
        }
    }

    void lay(const std::uint8_t* advances, std::size_t count) noexcept {
        const std::int64_t end = kernels_.lay(advances, count, static_cast<std::int64_t>(base_ + place_), out_);
        place_ = static_cast<std::uint64_t>(end) - base_;
        out_ += 2 * count;
    }

    void write_other(Id id) {
        out_[0] = static_cast<std::int64_t>(base_ + place_);
        place_ += places_of(table_, static_cast<std::uint32_t>(id));
        out_[1] = static_cast<std::int64_t>(base_ + place_);
        correct(static_cast<std::uint32_t>(id), out_);
        out_ += 2;
    }

    // From the places that a token adds to those that it stands for.
    void correct(std::uint32_t id, std::int64_t* out) noexcept {
        PlaceSpan span{static_cast<std::uint64_t>(out[0]) - base_, static_cast<std::uint64_t>(out[1]) - base_};
        if (table_.count() == SpanCount::characters) {
            if (unicode::is_continuation(bytes_of(table_.bytes(id))[0])) --span.begin;
            span = trimmed(table_, span, table_.blanks(id), where_);
        } else if (table_.count() == SpanCount::bytes_of_characters) {
            const CutCharacter last = table_.last_character(id);
            const std::uint64_t size = span.end - span.begin;
            span.begin -= open_.so_far;
            if (last.has_lead) {
                open_ = last;
            } else {
                open_.so_far = static_cast<std::uint8_t>(open_.so_far + size);
                open_.to_come = static_cast<std::uint8_t>(open_.to_come - size);
            }
            span.end += open_.to_come;
            if (open_.to_come == 0) open_.so_far = 0;
        }
        out[0] = static_cast<std::int64_t>(base_ + span.begin);
        out[1] = static_cast<std::int64_t>(base_ + span.end);
    }

    const SpanTable& table_;
    const SpanKernels& kernels_;
    TokenPlace where_;
    const std::uint64_t base_;
    std::uint64_t place_ = 0;  // of the next token
    std::int64_t* out_;
    CutCharacter open_;  // begun by tokens before the next; no bytes if none is
};

// Calls function(span of ids) for the ids [first, last).
template <class Function>
void visit(const IdArray& ids, std::size_t first, std::size_t last, const Function& function) {
    const auto ids_of = [&](auto id) { return std::span(static_cast<const decltype(id)*>(ids.data()) + first, last - first); };
    switch (ids.type()) {
        case IdType::int32:
        case IdType::uint32: function(ids_of(std::uint32_t())); break;
        case IdType::uint16: function(ids_of(std::uint16_t())); break;
        case IdType::int64: function(ids_of(std::int64_t())); break;
    }
}

class PartLayer {
public:
    PartLayer(const SpanLayout& layout, const SpanPart& part, const IdArray& ids) : layout_(layout), part_(part), ids_(ids) {}

    // Where the last stretch ends, counted from its own begin.
    std::uint64_t last_end(Cancel& cancel) const {
        const std::size_t last = part_.stretches.size() - 1;
        std::uint64_t end = 0;
        if (part_.sink->tiles[last]) {
            visit(ids_, first_of(last), end_of(last), [&](auto ids) { end = places_of(layout_.table, ids, cancel); });
        } else {
            end = places_as_read(part_.stretches[last]);
        }
        documents::OriginalPlaces places = original_places(last);
        return places.differ() ? places.begin(end) : end;
    }

    // `base` is where the first stretch begins in its document, `written` are the spans of those that do not tile.
    void lay(std::uint64_t base, const std::int64_t* written, std::int64_t* all, Cancel& cancel) const {
        for (std::size_t i = 0; i < part_.stretches.size(); ++i) {
            const std::size_t first = first_of(i), last = end_of(i);
            std::int64_t* const out = all + 2 * first;
            documents::OriginalPlaces places = original_places(i);
            const std::uint64_t begin = i == 0 ? base : 0;
            const std::uint64_t begin_now = places.differ() ? 0 : begin;
            if (part_.sink->tiles[i]) {
                const TokenPlace place{true, part_.stretches[i].first_unit != 0, layout_.has_frame};
                visit(ids_, first, last,
                      [&]<class Id>(std::span<const Id> ids) { TileWriter<Id>(layout_, place, begin_now, out).write(ids, cancel); });
            } else {
                if (written != out || begin_now != 0)
                    for (std::size_t k = 0; k < 2 * (last - first); ++k) out[k] = written[k] + static_cast<std::int64_t>(begin_now);
                written += 2 * (last - first);
            }
            if (places.differ()) restore(places, begin, out, last - first);
        }
    }

private:
    std::size_t first_of(std::size_t stretch) const noexcept { return part_.first_id + (stretch == 0 ? 0 : part_.ends[stretch - 1]); }
    std::size_t end_of(std::size_t stretch) const noexcept { return part_.first_id + part_.ends[stretch]; }

    documents::OriginalPlaces original_places(std::size_t stretch) const {
        return {unicode::kernels(layout_.isa), part_.stretches[stretch], layout_.invalid, layout_.table.unit(), layout_.unit};
    }

    // Of all of a stretch; its ids may leave some of it out.
    std::uint64_t places_as_read(const documents::Document& stretch) const {
        documents::Reader reader(unicode::kernels(layout_.isa), stretch, layout_.invalid);
        std::array<std::uint8_t, 4096 + documents::kReadSlackBytes> text;
        std::uint64_t places = 0;
        while (!reader.done()) {
            const std::size_t bytes = reader.read(text.data(), text.size() - documents::kReadSlackBytes);
            places += layout_.table.unit() == documents::PlaceUnit::byte ? bytes : unicode::count_characters(text.data(), bytes);
        }
        return places;
    }

    // From places in the text as it was read to places in the document.
    static void restore(documents::OriginalPlaces& places, std::uint64_t base, std::int64_t* span, std::size_t count) {
        documents::OriginalPlaces begins = places;  // of their own: a character in two tokens ends before it begins again
        for (std::size_t i = 0; i < count; ++i, span += 2) {
            const auto begin = static_cast<std::uint64_t>(span[0]), end = static_cast<std::uint64_t>(span[1]);
            span[0] = static_cast<std::int64_t>(base + begins.begin(begin));
            span[1] = begin == end ? span[0] : static_cast<std::int64_t>(base + places.end(end));
        }
    }

    const SpanLayout& layout_;
    const SpanPart& part_;
    const IdArray& ids_;
};

}  // namespace

void lay_spans(const SpanLayout& layout, std::span<const SpanPart> parts, const IdArray& ids, std::size_t threads, IdArray& spans,
               Cancel& cancel) {
    // Where a part ends of whose document the next part has the rest, if only its ids, or a look at its text, can say it.
    const auto goes_on = [&](const SpanPart& part) { return !part.ends_document; };
    const auto is_known = [&](const SpanPart& part) { return documents::units_are_places(part.stretches.back().encoding, layout.unit); };
    std::vector<std::uint64_t> ends(parts.size());
    if (std::ranges::any_of(parts, [&](const SpanPart& part) { return goes_on(part) && !is_known(part); }))
        pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
            if (goes_on(parts[i]) && !is_known(parts[i])) ends[i] = PartLayer(layout, parts[i], ids).last_end(cancel);
        });
    // Where each part begins in its document.
    std::vector<std::uint64_t> bases(parts.size());
    std::size_t id_count = 0;
    std::size_t document_begin = 0;  // the first unit of the document that went on last
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!parts[i].ends.empty()) id_count += parts[i].ends.back();
        const bool is_rest = i != 0 && goes_on(parts[i - 1]);
        if (is_rest)
            bases[i] = is_known(parts[i - 1]) ? parts[i].stretches.front().first_unit - document_begin
                                              : ends[i - 1] + (parts[i - 1].stretches.size() == 1 ? bases[i - 1] : 0);
        if (goes_on(parts[i]) && !(is_rest && parts[i].stretches.size() == 1)) document_begin = parts[i].stretches.back().first_unit;
    }
    const bool in_place = parts.size() == 1 && std::ranges::none_of(parts[0].sink->tiles, std::identity());
    if (in_place) spans = std::move(parts[0].sink->spans);
    spans.reserve(2 * id_count + kIdArraySlack);
    auto* const all = static_cast<std::int64_t*>(spans.data());
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        const auto* const written = in_place ? all : static_cast<const std::int64_t*>(parts[i].sink->spans.data());
        PartLayer(layout, parts[i], ids).lay(bases[i], written, all, cancel);
    });
    spans.set_size(2 * id_count);
}

}  // namespace tokmill::tokens
