#include "condensed/pack.hpp"

#include <algorithm>

#include "condensed/lru.hpp"
#include "condensed/zip2zip.hpp"

namespace tokmill::condensed {

namespace {

// Where rows are put together.
class Rows {
public:
    Rows(const HypertokenRules& rules, const PackOptions& options)
        : rules_(rules), options_(options), made_(options.row_length + 2), counts_(options.row_length + 2) {
        dense_.assign(static_cast<std::size_t>(rules.book_size()), -1);
    }

    std::size_t row_length() const noexcept { return options_.row_length; }
    CondensedSink sink() noexcept { return {made_.data(), counts_.data(), nullptr, 0}; }

    // The base ids that the first `size` ids of the sink stand for.
    std::int64_t base_count(std::size_t size) const noexcept {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < size; ++i) sum += counts_[i];
        return sum;
    }

    // A row is complete: read again, it shows which codes it uses and what they mean.
    template <class Reader>
    void add(Reader& reader, std::size_t size, bool recycles) {
        const std::size_t length = options_.row_length;
        for (tokens::IdArray* array : {&out_.ids, &out_.dense_ids, &out_.base_counts, &out_.installed}) array->prepare(length);
        std::fill(dense_.begin(), dense_.end(), -1);
        const auto most = static_cast<std::size_t>(rules_.max_subtokens());
        std::int32_t used = 0;
        ids_.resize(most);
        for (std::size_t i = 0; i < length; ++i) {
            std::int32_t dense = options_.filling;
            if (i < size) {
                dense = made_[i];
                const std::size_t count = reader.read(made_[i], Reading::strict, static_cast<std::int64_t>(i), ids_.data());
                if (!rules_.is_base(made_[i])) {
                    std::int32_t& number = dense_[static_cast<std::size_t>(made_[i] - rules_.vocab_size())];
                    if (number < 0) {
                        number = used++;
                        out_.phrase_lengths.push_back(static_cast<std::uint8_t>(count));
                        out_.phrases.insert(out_.phrases.end(), ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(count));
                        out_.phrases.insert(out_.phrases.end(), most - count, options_.filling);
                    }
                    dense = rules_.vocab_size() + number;
                }
                // A row that is recycled means something else from here on.
                if (recycles && reader.last_row() >= 0) dense_[static_cast<std::size_t>(reader.last_row())] = -1;
            }
            put(out_.ids, i < size ? made_[i] : options_.filling);
            put(out_.dense_ids, dense);
            put(out_.base_counts, i < size ? counts_[i] : 0);
            put(out_.installed, reader.book().count());
        }
        out_.used_counts.push_back(used);
    }

    PackedRows take(std::vector<std::int64_t> row_starts) {
        out_.row_starts = std::move(row_starts);
        return std::move(out_);
    }

private:
    static void put(tokens::IdArray& array, std::int32_t value) noexcept {
        static_cast<std::int32_t*>(array.data())[array.size()] = value;
        array.set_size(array.size() + 1);
    }

    const HypertokenRules& rules_;
    const PackOptions& options_;
    std::vector<std::int32_t> made_, counts_;
    std::vector<std::int32_t> dense_;  // by row of the book: its number among the used ones, -1 if it was not used
    std::vector<std::int32_t> ids_;
    PackedRows out_;
};

template <class Writer, class Reader>
PackedRows pack_with(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                     const PackOptions& options, Cancel& cancel) {
    Rows rows(rules, options);
    Writer writer(rules, options.row_length);
    Reader reader(rules, options.row_length);
    std::vector<std::int64_t> starts{options.start};
    const auto end = static_cast<std::int64_t>(ids.size());
    const std::size_t length = rows.row_length();
    while (starts.size() - 1 < options.most_rows && starts.back() < end) {
        cancel.poll();
        writer.clear();
        CondensedSink sink = rows.sink();
        std::int64_t at = starts.back();
        auto bound = std::upper_bound(offsets.begin(), offsets.end(), at);
        // As many base ids as there are ids missing can give one id too many, which the row then does not take.
        while (sink.size < length && at < end) {
            while (bound != offsets.end() && *bound <= at) ++bound;
            const std::int64_t document_end = bound == offsets.end() ? end : *bound;
            const std::int64_t stop = std::min(document_end, at + static_cast<std::int64_t>(length - sink.size));
            writer.take(ids.data() + at, static_cast<std::size_t>(stop - at), at, sink);
            at = stop;
            if (at == document_end && sink.size < length) writer.cut(sink);
        }
        const std::size_t size = std::min(sink.size, length);
        if (size < length && !options.fill_last) break;
        reader.clear();
        rows.add(reader, size, rules.profile() == Profile::lru);
        starts.push_back(starts.back() + rows.base_count(size));
    }
    return rows.take(std::move(starts));
}

}  // namespace

PackedRows pack(const HypertokenRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                const PackOptions& options, Cancel& cancel) {
    if (rules.profile() == Profile::lru) return pack_with<LruWriter, LruReader>(rules, ids, offsets, options, cancel);
    return pack_with<Zip2zipWriter, Zip2zipReader>(rules, ids, offsets, options, cancel);
}

}  // namespace tokmill::condensed
