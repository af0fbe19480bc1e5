#include "tokens/tiling.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "pool/pool.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

constexpr std::size_t kIdsBetweenPolls = std::size_t(1) << 16;

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// The ids of one stretch, which tile it. Places count from its begin, and from `base`.
template <class Id>
class Tiles {
public:
    Tiles(const SpanTable& table, const Id* ids, std::size_t count) noexcept : table_(table), ids_(ids), count_(count) {}

    // The place behind the last one.
    std::uint64_t end(Cancel& cancel) const {
        std::uint64_t place = 0;
        for (std::size_t i = 0; i < count_;) {
            for (const std::size_t pause = std::min(count_, i + kIdsBetweenPolls); i < pause; ++i) {
                const std::uint8_t advance = table_.advances()[ids_[i]];
                place += advance == SpanTable::kOther ? places_of(i) : advance & SpanTable::kPlacesMask;
            }
            cancel.poll();
        }
        return place;
    }

    void write(std::uint64_t base, TokenPlace first, std::int64_t* out, Cancel& cancel) const {
        const std::uint8_t* const advances = table_.advances();
        std::size_t i = 0;
        std::uint64_t place = 0;
        if (count_ != 0 && table_.minds_begin()) write_slowly(i, place, base, first, out);
        first.at_begin = false;
        while (i < count_) {
            const std::size_t pause = std::min(count_, i + kIdsBetweenPolls);
            auto at = static_cast<std::int64_t>(base + place);
            for (; i < pause; ++i) {
                const std::uint8_t advance = advances[ids_[i]];
                if (advance == SpanTable::kOther) break;
                // Late and early are the two high bits.
                out[2 * i] = at + (advance >> 6 & 1) - (advance >> 7);
                at += advance & SpanTable::kPlacesMask;
                out[2 * i + 1] = at;
            }
            place = static_cast<std::uint64_t>(at) - base;
            if (i < pause) {
                write_slowly(i, place, base, first, out);
            } else {
                cancel.poll();
            }
        }
    }

private:
    std::string_view bytes(std::size_t i) const noexcept { return table_.bytes(static_cast<std::uint32_t>(ids_[i])); }

    std::uint64_t places_of(std::size_t i) const noexcept {
        const std::string_view token = bytes(i);
        return table_.count() == SpanCount::characters ? unicode::count_characters(bytes_of(token), token.size()) : token.size();
    }

    void write_slowly(std::size_t& i, std::uint64_t& place, std::uint64_t base, TokenPlace where, std::int64_t* out) const noexcept {
        const std::string_view token = bytes(i);
        const bool begins_inside = table_.count() != SpanCount::bytes && unicode::is_continuation(bytes_of(token)[0]);
        PlaceSpan span{place, place + places_of(i)};
        place = span.end;
        if (table_.count() == SpanCount::characters) {
            if (begins_inside) --span.begin;
            span = trimmed(table_, span, table_.blanks(static_cast<std::uint32_t>(ids_[i])), where);
        } else if (table_.count() == SpanCount::bytes_of_characters) {
            if (begins_inside) span.begin -= last_character(i - 1).so_far;
            const Cut cut = last_character(i);
            span.end += cut.length - cut.so_far;
        }
        out[2 * i] = static_cast<std::int64_t>(base + span.begin);
        out[2 * i + 1] = static_cast<std::int64_t>(base + span.end);
        ++i;
    }

    // The character in which token i ends: its bytes, and those up to the token's end. Its lead may be three tokens before.
    struct Cut {
        std::size_t length, so_far;
    };
    Cut last_character(std::size_t i) const noexcept {
        for (std::size_t so_far = 1;; --i) {
            const std::string_view token = bytes(i);
            for (std::size_t k = token.size(); k > 0; --k, ++so_far)
                if (!unicode::is_continuation(bytes_of(token)[k - 1])) return {unicode::utf8_length(bytes_of(token)[k - 1]), so_far};
        }
    }

    const SpanTable& table_;
    const Id* ids_;
    std::size_t count_;
};

// Calls function(Tiles) for the ids [first, last).
template <class Function>
void visit(const SpanTable& table, const IdArray& ids, std::size_t first, std::size_t last, const Function& function) {
    const auto tiles_of = [&](auto id) { return Tiles(table, static_cast<const decltype(id)*>(ids.data()) + first, last - first); };
    switch (ids.type()) {
        case IdType::int32:
        case IdType::uint32: function(tiles_of(std::uint32_t())); break;
        case IdType::uint16: function(tiles_of(std::uint16_t())); break;
        case IdType::int64: function(tiles_of(std::int64_t())); break;
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
            visit(layout_.table, ids_, first_of(last), end_of(last), [&](const auto& tiles) { end = tiles.end(cancel); });
        } else {
            end = places_as_read(part_.stretches[last]);
        }
        documents::OriginalPlaces places = places_of(last);
        return places.differ() ? places.begin(end) : end;
    }

    // `base` is where the first stretch begins in its document, `written` are the spans of those that do not tile.
    void lay(std::uint64_t base, const std::int64_t* written, std::int64_t* all, Cancel& cancel) const {
        for (std::size_t i = 0; i < part_.stretches.size(); ++i) {
            const std::size_t first = first_of(i), last = end_of(i);
            std::int64_t* const out = all + 2 * first;
            documents::OriginalPlaces places = places_of(i);
            const std::uint64_t begin = i == 0 ? base : 0;
            const std::uint64_t begin_now = places.differ() ? 0 : begin;
            if (part_.sink->tiles[i]) {
                const TokenPlace place{true, part_.stretches[i].first_unit != 0, layout_.has_frame};
                visit(layout_.table, ids_, first, last, [&](const auto& tiles) { tiles.write(begin_now, place, out, cancel); });
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

    documents::OriginalPlaces places_of(std::size_t stretch) const {
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
    // Where the last stretch of each part ends, if the next part goes on with its document.
    std::vector<std::uint64_t> ends(parts.size());
    const bool are_cut = std::ranges::any_of(parts, [](const SpanPart& part) { return !part.ends_document; });
    if (are_cut)
        pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
            if (!parts[i].ends_document) ends[i] = PartLayer(layout, parts[i], ids).last_end(cancel);
        });
    std::vector<std::uint64_t> bases(parts.size());
    std::size_t id_count = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i != 0 && !parts[i - 1].ends_document) bases[i] = ends[i - 1] + (parts[i - 1].stretches.size() == 1 ? bases[i - 1] : 0);
        if (!parts[i].ends.empty()) id_count += parts[i].ends.back();
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
