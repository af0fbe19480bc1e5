// Entries are scattered into parts by the high bits of their key, a part is sorted in the cache, and parts follow one another. The key
// of a row is the row itself, or for shards by remainder (shard, quotient) as one number, so that sorting groups by shard.
#include "ngrams/unique_rows.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "ngrams/keys.hpp"
#include "pool/pool.hpp"

namespace tokmill::ngrams {

namespace {

constexpr std::size_t kPartEntries = 16384;
constexpr std::size_t kMostParts = 2048;
constexpr std::size_t kTaskEntries = std::size_t(1) << 16;

template <class Number>
struct Entry {
    Number number;
    std::uint32_t index;
};
template <class Number>
Key<1> key_of(const Entry<Number>& entry) noexcept {
    return {{entry.number}};
}

class Keys {
public:
    explicit Keys(const ShardCut& cut) : modulo_(cut.kind == ShardCut::Kind::modulo ? cut.shards : 1), stride_(cut.row_end / modulo_ + 1) {}
    std::uint64_t end(std::uint64_t row_end) const noexcept { return modulo_ == 1 ? row_end : modulo_ * stride_; }
    std::uint64_t key(std::uint64_t row) const noexcept { return modulo_ == 1 ? row : row % modulo_ * stride_ + row / modulo_; }
    std::uint64_t row(std::uint64_t key) const noexcept { return modulo_ == 1 ? key : key % stride_ * modulo_ + key / stride_; }
    std::uint64_t begin_of(std::size_t shard) const noexcept { return shard * stride_; }

private:
    std::uint64_t modulo_, stride_;
};

template <class Row>
void check_rows(std::span<const Row> rows, std::uint64_t row_end, std::size_t threads, Cancel& cancel) {
    const std::size_t tasks = (rows.size() + kTaskEntries - 1) / kTaskEntries;
    pool::run(tasks, threads, cancel, [&](std::size_t task) {
        const std::size_t begin = task * kTaskEntries, end = std::min(rows.size(), begin + kTaskEntries);
        bool outside = false;
        for (std::size_t i = begin; i < end; ++i) outside |= static_cast<std::uint64_t>(rows[i]) >= row_end;  // a negative one is huge
        if (!outside) return;
        std::size_t i = begin;
        while (static_cast<std::uint64_t>(rows[i]) < row_end) ++i;
        throw Error(ErrorKind::value,
                    "row " + std::to_string(rows[i]) + " at index " + std::to_string(i) + " is not one of the table's " +
                        std::to_string(row_end) + " rows",
                    static_cast<std::int64_t>(i));
    });
}

template <class Number, class Row>
UniqueRows<Row> unique_of(std::span<const Row> rows, const ShardCut& cut, std::int32_t* inverse, std::size_t threads, Cancel& cancel) {
    using Record = Entry<Number>;
    const Keys keys(cut);
    const std::size_t wanted = std::clamp<std::size_t>(rows.size() / kPartEntries, 1, kMostParts);
    const int key_bits = std::bit_width(std::max<std::uint64_t>(keys.end(cut.row_end), 1) - 1);
    const int part_bits = std::min(key_bits, static_cast<int>(std::bit_width(wanted - 1)));
    const int shift = key_bits - part_bits;
    const std::size_t parts = std::size_t(1) << part_bits;

    // 1. Entries into parts.
    const std::size_t tasks = (rows.size() + kTaskEntries - 1) / kTaskEntries;
    std::vector<std::uint32_t> places(tasks * parts, 0);
    const auto each = [&](std::size_t task, auto&& function) {
        const std::size_t end = std::min(rows.size(), (task + 1) * kTaskEntries);
        for (std::size_t i = task * kTaskEntries; i < end; ++i) function(keys.key(static_cast<std::uint64_t>(rows[i])), i);
    };
    pool::run(tasks, threads, cancel, [&](std::size_t task) {
        std::uint32_t* const sizes = places.data() + task * parts;
        each(task, [&](std::uint64_t key, std::size_t) { ++sizes[key >> shift]; });
    });
    std::vector<std::size_t> begin(parts + 1, 0);
    std::uint32_t total = 0;
    for (std::size_t part = 0; part < parts; ++part) {
        begin[part] = total;
        for (std::size_t task = 0; task < tasks; ++task) total += std::exchange(places[task * parts + part], total);
    }
    begin[parts] = total;
    Buffer<Record> records(rows.size()), spare(rows.size());
    pool::run(tasks, threads, cancel, [&](std::size_t task) {
        std::uint32_t* const next = places.data() + task * parts;
        each(task, [&](std::uint64_t key, std::size_t i) {
            records[next[key >> shift]++] = {static_cast<Number>(key), static_cast<std::uint32_t>(i)};
        });
    });

    // 2. Parts sorted; how many distinct keys each has.
    std::vector<const Record*> sorted(parts);
    std::vector<std::size_t> distinct_begin(parts + 1, 0);
    pool::run(parts, threads, cancel, [&](std::size_t part) {
        const std::size_t size = begin[part + 1] - begin[part];
        if (size == 0) return;
        const Record* const there = sort_by_key(records.data() + begin[part], spare.data() + begin[part], size);
        std::size_t distinct = 1;
        for (std::size_t i = 1; i < size; ++i) distinct += there[i].number != there[i - 1].number;
        sorted[part] = there;
        distinct_begin[part + 1] = distinct;
    });
    for (std::size_t part = 0; part < parts; ++part) distinct_begin[part + 1] += distinct_begin[part];

    // 3. The results, each part at its place.
    UniqueRows<Row> result;
    result.size = distinct_begin.back();
    result.rows.reserve_discarding(result.size);
    result.counts.reserve_discarding(result.size);
    pool::run(parts, threads, cancel, [&](std::size_t part) {
        const Record* const there = sorted[part];
        const std::size_t size = begin[part + 1] - begin[part];
        std::size_t place = distinct_begin[part];
        for (std::size_t i = 0; i < size; ++place) {
            const Number number = there[i].number;
            const std::size_t first = i;
            for (; i < size && there[i].number == number; ++i) inverse[there[i].index] = static_cast<std::int32_t>(place);
            result.rows[place] = static_cast<Row>(keys.row(number));
            result.counts[place] = static_cast<std::int64_t>(i - first);
        }
    });
    for (std::size_t shard = 0; shard <= cut.shards; ++shard) {
        const Row* const first = result.rows.data();
        const Row* const last = first + result.size;
        const std::uint64_t bound =
            cut.kind == ShardCut::Kind::modulo ? keys.begin_of(shard) : static_cast<std::uint64_t>(cut.bounds[shard]);
        const Row* const found =
            std::partition_point(first, last, [&](Row row) { return keys.key(static_cast<std::uint64_t>(row)) < bound; });
        result.shard_offsets.push_back(found - first);
    }
    return result;
}

}  // namespace

template <class Row>
UniqueRows<Row> unique_rows(std::span<const Row> rows, const ShardCut& cut, std::int32_t* inverse, std::size_t threads, Cancel& cancel) {
    if (rows.size() > 0x7FFFFFFF) throw Error(ErrorKind::value, "more than 2^31 - 1 rows at once: give them in several calls");
    check_rows(rows, cut.row_end, threads, cancel);
    if (Keys(cut).end(cut.row_end) <= UINT32_MAX) return unique_of<std::uint32_t>(rows, cut, inverse, threads, cancel);
    return unique_of<std::uint64_t>(rows, cut, inverse, threads, cancel);
}
template UniqueRows<std::int32_t> unique_rows(std::span<const std::int32_t>, const ShardCut&, std::int32_t*, std::size_t, Cancel&);
template UniqueRows<std::int64_t> unique_rows(std::span<const std::int64_t>, const ShardCut&, std::int32_t*, std::size_t, Cancel&);

}  // namespace tokmill::ngrams
