// Ids are gathered into chunks. Of a chunk, for each order: the n-grams are packed into keys and scattered into buckets by their
// oldest id (ranges of ids, of about equally many n-grams, small enough for the second-level cache), every bucket is sorted and its
// equal keys counted there, and the buckets one after the other are a sorted run. At the end the runs are merged: cut into slices
// at common keys, and of each slice the entries of all runs sorted once more in the cache and equal ones added up. Memory is passed
// over four times in a straight line and nowhere waited for.
#include "ngrams/counts.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <mutex>
#include <utility>

#include "base/errors.hpp"
#include "ngrams/documents.hpp"
#include "ngrams/runs.hpp"
#include "pool/pool.hpp"

namespace tokmill::ngrams {

namespace {

constexpr const char* kSpilled = "n-gram counts";  // what messages call them
constexpr std::size_t kMostChunkTokens = std::size_t(1) << 24;
constexpr std::size_t kLeastChunkTokens = 4096;
constexpr std::size_t kMostBuckets = 2048;           // more streams of writes than the first-level cache has lines do not pay
constexpr std::size_t kBucketKeys = 16384;           // aimed at: keys and their copy, 128 KiB each, stay in the second-level cache
constexpr std::size_t kSpareKeys = 4 * kBucketKeys;  // larger buckets (of one frequent id) use the spare memory of the chunk
constexpr std::size_t kSampledIds = std::size_t(1) << 20;
constexpr std::size_t kRangeTokens = std::size_t(1) << 18;  // of one task: well under 10 ms
constexpr std::size_t kSliceBlocks = 48;  // entries of a slice of the merge, and their copy: 24576 * 16 * 2 bytes for one word
constexpr std::size_t kFixedBytes = std::size_t(4) << 20;  // of counters, indices and workspaces

std::size_t bytes_a_token(std::size_t words) noexcept {
    // ids, keys, spare keys, counts, and the run if no n-gram occurs twice
    return 4 + 8 * words + 8 * words + 4 + (8 * words + 4);
}
std::size_t fixed_bytes(std::uint32_t id_end) noexcept { return kFixedBytes + std::size_t(id_end) * (2 + 4); }

// Calls function.template operator()<Words>() with the constant that equals `words`.
template <class Function>
auto with_words(std::size_t words, Function&& function) {
    switch (words) {
        case 1: return function.template operator()<1>();
        case 2: return function.template operator()<2>();
        default: return function.template operator()<3>();
    }
}

template <std::size_t Words>
struct Entry {
    Key<Words> key;
    std::uint64_t count;
};
template <std::size_t Words>
const Key<Words>& key_of(const Entry<Words>& entry) noexcept {
    return entry.key;
}

// Workspaces that tasks borrow: as many as tasks run at once.
template <class T>
class Lender {
public:
    std::unique_ptr<T> take() {
        const std::lock_guard lock(mutex_);
        if (free_.empty()) return std::make_unique<T>();
        std::unique_ptr<T> taken = std::move(free_.back());
        free_.pop_back();
        return taken;
    }
    void give(std::unique_ptr<T> used) {
        const std::lock_guard lock(mutex_);
        free_.push_back(std::move(used));
    }

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<T>> free_;
};

// Ids that wait to be counted. The first `context` ids were counted before and only lead into the n-grams that follow.
struct Chunk {
    Buffer<std::uint32_t> ids;
    std::size_t size = 0;
    std::size_t context = 0;
    std::vector<std::size_t> starts;  // of documents; the first is 0 when there are ids

    // Calls function(begin, end) for the positions within [from, to) at which an n-gram of this order ends and is to be counted.
    template <class Function>
    void for_windows(std::size_t order, std::size_t from, std::size_t to, Function&& function) const {
        from = std::max(from, context);
        auto next = std::upper_bound(starts.begin(), starts.end(), from);
        for (std::size_t begin = from; begin < to;) {
            const std::size_t start = *(next - 1);
            const std::size_t end = next == starts.end() ? to : std::min(to, *next);
            begin = std::max(begin, start + order - 1);
            if (begin < end) function(begin, end);
            begin = end;
            if (next != starts.end()) ++next;
        }
    }
};

}  // namespace

Storage Storage::map(int descriptor, std::size_t bytes) {
    Storage storage;
    if (bytes == 0) return storage;
    void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) throw Error(ErrorKind::input, std::string("cannot map n-gram counts: ") + std::strerror(errno));
    storage.data_ = static_cast<const std::uint8_t*>(mapped);
    storage.mapped_bytes_ = bytes;
    return storage;
}

Storage& Storage::operator=(Storage&& other) noexcept {
    std::swap(owned_, other.owned_);
    std::swap(data_, other.data_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    return *this;
}

Storage::~Storage() {
    if (mapped_bytes_ != 0) ::munmap(const_cast<std::uint8_t*>(data_), mapped_bytes_);
}

// ---- the counter ---------------------------------------------------------------------------------------------------

class Counter::Impl {
public:
    explicit Impl(const CountOptions& options) : options_(options), id_bits_(static_cast<unsigned>(std::bit_width(options.id_end - 1))) {
        id_bits_ = std::max(id_bits_, 1U);
        most_order_ = options.orders.back();
        const std::size_t words = key_words(most_order_, id_bits_);
        chunk_tokens_ = kMostChunkTokens;
        if (options.memory_bytes != 0) {
            const std::size_t for_tokens = options.memory_bytes / 2 - fixed_bytes(options.id_end);
            chunk_tokens_ = std::clamp(for_tokens / bytes_a_token(words), kLeastChunkTokens, kMostChunkTokens);
            file_ = std::make_unique<SpillFile>(options.directory, kSpilled);
        }
        totals_.resize(options.orders.size());
        runs_.resize(options.orders.size());
    }

    template <class Id>
    void add(std::span<const Id> ids, std::span<const std::int64_t> offsets, bool continued, Cancel& cancel) {
        refuse_if_broken();
        check_offsets(offsets, ids.size());
        check_ids(ids, options_.id_end, cancel);
        broken_ = true;
        for (std::size_t row = 0; row + 1 < offsets.size(); ++row) {
            auto next = static_cast<std::size_t>(offsets[row]);
            const auto end = static_cast<std::size_t>(offsets[row + 1]);
            if (!(row == 0 && continued) && !options_.cross_documents) open_ = false;
            if (next == end) continue;
            if (!open_) {
                if (chunk_.size == chunk_tokens_) count_chunk(false, cancel);
                chunk_.starts.push_back(chunk_.size);
                open_ = true;
            }
            while (next != end) {
                if (chunk_.size == chunk_tokens_) count_chunk(true, cancel);
                const std::size_t size = std::min(end - next, chunk_tokens_ - chunk_.size);
                chunk_.ids.grow(chunk_.size + size, chunk_.size);
                for (std::size_t i = 0; i < size; ++i) chunk_.ids[chunk_.size + i] = static_cast<std::uint32_t>(ids[next + i]);
                chunk_.size += size;
                next += size;
            }
        }
        tokens_ += ids.size();
        broken_ = false;
    }

    std::vector<OrderCounts> finish(std::uint64_t min_count, Cancel& cancel) {
        refuse_if_broken();
        broken_ = true;  // for good: what was counted goes into the result
        count_chunk(false, cancel);
        chunk_ = {};
        keys_ = {};
        spare_ = {};
        counts_ = {};
        std::vector<OrderCounts> result;
        for (std::size_t i = 0; i < options_.orders.size(); ++i)
            result.push_back(with_words(words(i), [&]<std::size_t Words>() { return merged<Words>(i, min_count, cancel); }));
        return result;
    }

    std::uint64_t tokens() const noexcept { return tokens_; }
    const SpillStatistics& statistics() const noexcept { return statistics_; }

private:
    std::size_t words(std::size_t place) const noexcept { return key_words(options_.orders[place], id_bits_); }

    void refuse_if_broken() const {
        if (broken_)
            throw Error(ErrorKind::value, "this counter is at its end (finished, or stopped by an error in the middle): make a new one");
    }

    void count_chunk(bool document_goes_on, Cancel& cancel) {
        if (chunk_.size > chunk_.context) {
            choose_buckets();
            for (std::size_t i = 0; i < options_.orders.size(); ++i)
                with_words(words(i), [&]<std::size_t Words>() { count_order<Words>(i, cancel); });
        }
        // What leads into the next n-grams: the end of the document that goes on.
        std::size_t kept = 0;
        if (document_goes_on) {
            kept = std::min(most_order_ - 1, chunk_.size - chunk_.starts.back());
            std::memmove(chunk_.ids.data(), chunk_.ids.data() + chunk_.size - kept, kept * sizeof(std::uint32_t));
        }
        chunk_.size = chunk_.context = kept;
        chunk_.starts.clear();
        if (document_goes_on) chunk_.starts.push_back(0);
    }

    // Ranges of ids with about equally many occurrences each, from a sample of the chunk.
    void choose_buckets() {
        std::vector<std::uint32_t> sampled(options_.id_end, 0);
        const std::size_t step = chunk_.size / kSampledIds + 1;
        for (std::size_t i = 0; i < chunk_.size; i += step) ++sampled[chunk_.ids[i]];
        const std::size_t wanted = std::clamp<std::size_t>(chunk_.size / kBucketKeys, 1, kMostBuckets / 2);
        const std::size_t share = chunk_.size / step / wanted + 1;
        bucket_of_.resize(options_.id_end);
        std::size_t bucket = 0, filled = 0;
        for (std::uint32_t id = 0; id < options_.id_end; ++id) {
            // Closed at its share, and before an id that is a share of its own: at most two buckets a share.
            if (filled != 0 && filled + sampled[id] > share) {
                ++bucket;
                filled = 0;
            }
            filled += sampled[id];
            bucket_of_[id] = static_cast<std::uint16_t>(bucket);
        }
        bucket_count_ = bucket + 1;
    }

    template <std::size_t Words>
    void count_order(std::size_t place, Cancel& cancel) {
        const std::size_t order = options_.orders[place];
        // 1. How many keys of each range of positions go into each bucket.
        const std::size_t ranges = (chunk_.size + kRangeTokens - 1) / kRangeTokens;
        const auto range_begin = [&](std::size_t range) { return chunk_.size * range / ranges; };
        std::vector<std::uint32_t> places(ranges * bucket_count_, 0);
        const std::uint32_t* const ids = chunk_.ids.data();
        pool::run(ranges, options_.threads, cancel, [&](std::size_t range) {
            std::uint32_t* const sizes = places.data() + range * bucket_count_;
            chunk_.for_windows(order, range_begin(range), range_begin(range + 1), [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) ++sizes[bucket_of_[ids[i - (order - 1)]]];
            });
        });
        std::vector<std::size_t> bucket_begin(bucket_count_ + 1, 0);
        std::uint32_t total = 0;
        for (std::size_t bucket = 0; bucket < bucket_count_; ++bucket) {
            bucket_begin[bucket] = total;
            for (std::size_t range = 0; range < ranges; ++range) total += std::exchange(places[range * bucket_count_ + bucket], total);
        }
        bucket_begin[bucket_count_] = total;
        if (total == 0) return;

        // 2. The keys, each into its bucket.
        keys_.reserve_discarding(total * Words);
        counts_.reserve_discarding(total);
        auto* const keys = reinterpret_cast<Key<Words>*>(keys_.data());
        const Packer<Words> packer(order, id_bits_);
        pool::run(ranges, options_.threads, cancel, [&](std::size_t range) {
            std::uint32_t* const next = places.data() + range * bucket_count_;
            chunk_.for_windows(order, range_begin(range), range_begin(range + 1), [&](std::size_t begin, std::size_t end) {
                Key<Words> key{};
                for (std::size_t i = begin - (order - 1); i < begin; ++i) packer.push(key, ids[i]);
                for (std::size_t i = begin; i < end; ++i) {
                    packer.push(key, ids[i]);
                    keys[next[bucket_of_[ids[i - (order - 1)]]]++] = key;
                }
            });
        });

        // 3. Every bucket sorted; in front of its place the distinct keys, and their counts.
        std::size_t largest = 0;
        for (std::size_t bucket = 0; bucket < bucket_count_; ++bucket)
            largest = std::max(largest, bucket_begin[bucket + 1] - bucket_begin[bucket]);
        if (largest > kSpareKeys) spare_.reserve_discarding(total * Words);
        std::vector<std::size_t> distinct_begin(bucket_count_ + 1, 0);
        Lender<Buffer<std::uint64_t>> spares;
        pool::run(bucket_count_, options_.threads, cancel, [&](std::size_t bucket) {
            const std::size_t begin = bucket_begin[bucket], size = bucket_begin[bucket + 1] - begin;
            if (size == 0) return;
            if (size > kSpareKeys) {
                auto* const spare = reinterpret_cast<Key<Words>*>(spare_.data()) + begin;
                distinct_begin[bucket + 1] = count_sorted(sort_by_key(keys + begin, spare, size), size, keys + begin, &counts_[begin]);
                return;
            }
            std::unique_ptr<Buffer<std::uint64_t>> lent = spares.take();
            lent->reserve_discarding(kSpareKeys * Words);
            auto* const spare = reinterpret_cast<Key<Words>*>(lent->data());
            distinct_begin[bucket + 1] = count_sorted(sort_by_key(keys + begin, spare, size), size, keys + begin, &counts_[begin]);
            spares.give(std::move(lent));
        });
        for (std::size_t bucket = 0; bucket < bucket_count_; ++bucket) distinct_begin[bucket + 1] += distinct_begin[bucket];
        totals_[place].windows += total;

        // 4. The run: those fronts one after the other, in blocks.
        Run run(Words, 4, distinct_begin.back());
        run.memory.reserve_discarding(run.bytes());
        pool::run(bucket_count_, options_.threads, cancel, [&](std::size_t bucket) {
            write_entries(run, distinct_begin[bucket], keys + bucket_begin[bucket], &counts_[bucket_begin[bucket]],
                          distinct_begin[bucket + 1] - distinct_begin[bucket]);
        });
        ++statistics_.runs;
        keep(place, std::move(run), cancel);
    }

    // Distinct keys and how often each stands in `sorted`, in its order; `keys` may be `sorted`. Returns their number.
    template <std::size_t Words>
    static std::size_t count_sorted(const Key<Words>* sorted, std::size_t size, Key<Words>* keys, std::uint32_t* counts) {
        std::size_t distinct = 0;
        for (std::size_t i = 0; i < size;) {
            const Key<Words> key = sorted[i];
            std::size_t end = i + 1;
            while (end < size && sorted[end] == key) ++end;
            keys[distinct] = key;
            counts[distinct++] = static_cast<std::uint32_t>(end - i);
            i = end;
        }
        return distinct;
    }

    // Entries [at, at + size) of a run that is in memory.
    template <std::size_t Words, class Count>
    static void write_entries(Run& run, std::size_t at, const Key<Words>* keys, const Count* counts, std::size_t size) {
        while (size != 0) {
            const std::size_t block = at / kBlockEntries, within = at % kBlockEntries;
            const std::size_t here = std::min(size, kBlockEntries - within);
            std::uint8_t* const bytes = run.memory.data() + run.offset_of(block);
            std::memcpy(bytes + within * sizeof(Key<Words>), keys, here * sizeof(Key<Words>));
            std::memcpy(bytes + run.entries_of(block) * sizeof(Key<Words>) + within * sizeof(Count), counts, here * sizeof(Count));
            if (within == 0) std::memcpy(&run.first_keys[block * Words], keys, sizeof(Key<Words>));
            at += here;
            keys += here;
            counts += here;
            size -= here;
        }
    }

    // Keeps a run, in memory as long as all runs and as much again for the result fit in.
    void keep(std::size_t place, Run&& run, Cancel& cancel) {
        kept_bytes_ += run.bytes() + run.index_bytes();
        runs_[place].push_back(std::move(run));
        const std::size_t working =
            fixed_bytes(options_.id_end) + chunk_.ids.capacity() * 4 + (keys_.capacity() + spare_.capacity()) * 8 + counts_.capacity() * 4;
        statistics_.working_bytes = std::max<std::uint64_t>(statistics_.working_bytes, working + kept_bytes_);
        if (options_.memory_bytes == 0 || (!spilling_ && 2 * kept_bytes_ + working <= options_.memory_bytes)) return;
        spilling_ = true;
        for (std::vector<Run>& runs : runs_)
            for (Run& each : runs)
                if (!each.in_file()) {
                    each.spill(*file_, file_end_, cancel);
                    file_end_ += each.bytes();
                    statistics_.file_bytes += each.bytes();
                    kept_bytes_ -= each.bytes();
                    kept_bytes_ += each.checksums.size() * 8;
                }
    }

    // ---- merging -----------------------------------------------------------------------------------------------------

    template <std::size_t Words>
    struct Slice {
        Buffer<Entry<Words>> entries, spare;
        Buffer<Key<Words>> keys;
        Buffer<std::uint64_t> counts;
        std::vector<std::uint8_t> block_bytes;
        std::size_t size = 0;
        OrderTotals totals;
    };

    // Where slices begin, for all runs: every so many blocks.
    template <std::size_t Words>
    static std::vector<Key<Words>> slice_begins(const std::vector<Run>& runs, std::size_t blocks_a_slice) {
        std::vector<Key<Words>> first;
        for (const Run& run : runs) {
            const auto* const keys = reinterpret_cast<const Key<Words>*>(run.first_keys.data());
            first.insert(first.end(), keys, keys + run.blocks());
        }
        std::sort(first.begin(), first.end());
        std::vector<Key<Words>> begins;
        for (std::size_t i = 0; i < first.size(); i += blocks_a_slice)
            if (begins.empty() || begins.back() < first[i]) begins.push_back(first[i]);
        return begins;
    }

    // The entries of all runs with keys in [begin, end), equal keys added up; those below `min_count` only in the totals.
    template <std::size_t Words>
    void merge_slice(const std::vector<Run>& runs, const Key<Words>& begin, const Key<Words>* end, std::uint64_t min_count,
                     Slice<Words>& slice) const {
        std::size_t count = 0, sources = 0;
        for (const Run& run : runs) {
            const auto* const first = reinterpret_cast<const Key<Words>*>(run.first_keys.data());
            // The block before the first that begins behind `begin` may hold it.
            std::size_t from = static_cast<std::size_t>(std::upper_bound(first, first + run.blocks(), begin) - first);
            if (from != 0) --from;
            const std::size_t to =
                end == nullptr ? run.blocks() : static_cast<std::size_t>(std::lower_bound(first, first + run.blocks(), *end) - first);
            if (from >= to) continue;
            const std::uint8_t* bytes = run.blocks_at(from, to, file_.get(), slice.block_bytes);
            slice.entries.grow(count + (to - from) * kBlockEntries, count);
            const std::size_t before = count;
            for (std::size_t block = from; block < to; ++block) {
                const std::size_t size = run.entries_of(block);
                const std::uint8_t* const counts = bytes + size * sizeof(Key<Words>);
                for (std::size_t i = 0; i < size; ++i) {
                    const auto key = load<Key<Words>>(bytes + i * sizeof(Key<Words>));
                    if (key < begin || (end != nullptr && !(key < *end))) continue;
                    slice.entries[count++] = {
                        key, run.count_bytes == 4 ? load<std::uint32_t>(counts + 4 * i) : load<std::uint64_t>(counts + 8 * i)};
                }
                bytes += size * run.entry_bytes();
            }
            sources += count != before;
        }
        slice.size = 0;
        slice.totals = {};
        if (count == 0) return;
        const Entry<Words>* sorted = slice.entries.data();
        if (sources > 1) {
            slice.spare.reserve_discarding(slice.entries.capacity());
            sorted = sort_by_key(slice.entries.data(), slice.spare.data(), count);
        }
        slice.keys.reserve_discarding(count);
        slice.counts.reserve_discarding(count);
        for (std::size_t i = 0; i < count;) {
            std::uint64_t sum = sorted[i].count;
            std::size_t next = i + 1;
            for (; next < count && sorted[next].key == sorted[i].key; ++next) sum += sorted[next].count;
            ++slice.totals.distinct;
            slice.totals.seen_once += sum == 1;
            if (sum >= min_count) {
                slice.keys[slice.size] = sorted[i].key;
                slice.counts[slice.size++] = sum;
            }
            i = next;
        }
    }

    // Merges runs and hands the slices on in order, several at a time: take(slices, number of them).
    template <std::size_t Words>
    void merge(const std::vector<Run>& runs, std::uint64_t min_count, Cancel& cancel,
               const std::function<void(std::vector<Slice<Words>>&, std::size_t)>& take) {
        const std::size_t blocks_a_slice = std::max(kSliceBlocks, runs.size());
        const std::vector<Key<Words>> begins = slice_begins<Words>(runs, blocks_a_slice);
        std::size_t together = 4 * options_.threads;
        if (options_.memory_bytes != 0)
            together = std::clamp<std::size_t>(options_.memory_bytes / 4 / slice_bytes(Words, runs.size()), 1, together);
        std::vector<Slice<Words>> slices(std::min(together, begins.size()));
        for (std::size_t first = 0; first < begins.size(); first += slices.size()) {
            const std::size_t here = std::min(slices.size(), begins.size() - first);
            pool::run(here, options_.threads, cancel, [&](std::size_t i) {
                const Key<Words>* const end = first + i + 1 == begins.size() ? nullptr : &begins[first + i + 1];
                merge_slice<Words>(runs, begins[first + i], end, min_count, slices[i]);
            });
            take(slices, here);
        }
    }
    static std::size_t slice_bytes(std::size_t words, std::size_t runs) noexcept {
        return (std::max(kSliceBlocks, runs) + 2 * runs) * kBlockEntries * (3 * (8 * words + 8) + 8 * words + 8);
    }

    template <std::size_t Words>
    OrderCounts merged(std::size_t place, std::uint64_t min_count, Cancel& cancel) {
        std::vector<Run> runs = std::move(runs_[place]);
        OrderTotals& totals = totals_[place];
        const bool wide = totals.windows > UINT32_MAX;
        const std::size_t count_bytes = wide ? 8 : 4;
        std::size_t most = 0, run_bytes = 0;
        for (const Run& run : runs) {
            most += run.entries;
            run_bytes += run.in_file() ? 0 : run.bytes();
        }
        // Untouched memory costs nothing: all that the runs hold is room enough, and most of it is used.
        Buffer<std::uint8_t> key_memory, count_memory;
        std::unique_ptr<SpillFile> key_file, count_file;
        if (spilling_) {
            key_file = std::make_unique<SpillFile>(options_.directory, kSpilled);
            count_file = std::make_unique<SpillFile>(options_.directory, kSpilled);
        } else {
            key_memory.reserve_discarding(most * sizeof(Key<Words>));
            count_memory.reserve_discarding(most * count_bytes);
        }
        std::size_t size = 0;
        merge<Words>(runs, min_count, cancel, [&](std::vector<Slice<Words>>& slices, std::size_t here) {
            std::vector<std::size_t> at(here + 1, size);
            for (std::size_t i = 0; i < here; ++i) {
                at[i + 1] = at[i] + slices[i].size;
                totals.distinct += slices[i].totals.distinct;
                totals.seen_once += slices[i].totals.seen_once;
            }
            pool::run(here, options_.threads, cancel, [&](std::size_t i) {
                Slice<Words>& slice = slices[i];
                if (!wide) narrow(slice.counts.data(), slice.size);
                if (spilling_) {
                    key_file->write(at[i] * sizeof(Key<Words>), slice.keys.data(), slice.size * sizeof(Key<Words>));
                    count_file->write(at[i] * count_bytes, slice.counts.data(), slice.size * count_bytes);
                } else if (slice.size != 0) {
                    std::memcpy(key_memory.data() + at[i] * sizeof(Key<Words>), slice.keys.data(), slice.size * sizeof(Key<Words>));
                    std::memcpy(count_memory.data() + at[i] * count_bytes, slice.counts.data(), slice.size * count_bytes);
                }
            });
            size = at[here];
        });
        statistics_.working_bytes = std::max<std::uint64_t>(
            statistics_.working_bytes, kept_bytes_ + (spilling_ ? 0 : result_bytes_ + size * (8 * Words + count_bytes)));
        kept_bytes_ -= run_bytes;
        result_bytes_ += spilling_ ? 0 : size * (8 * Words + count_bytes);
        if (spilling_) {
            statistics_.file_bytes += size * (sizeof(Key<Words>) + count_bytes);
            return {options_.orders[place],
                    id_bits_,
                    size,
                    wide,
                    Storage::map(key_file->descriptor(), size * sizeof(Key<Words>)),
                    Storage::map(count_file->descriptor(), size * count_bytes),
                    totals};
        }
        return {options_.orders[place], id_bits_, size, wide, Storage(std::move(key_memory)), Storage(std::move(count_memory)), totals};
    }

    // Makes an array of 32-bit numbers of one of 64-bit ones, in place.
    static void narrow(std::uint64_t* counts, std::size_t size) noexcept {
        auto* const bytes = reinterpret_cast<std::uint8_t*>(counts);
        for (std::size_t i = 0; i < size; ++i) {
            const auto count = static_cast<std::uint32_t>(counts[i]);
            std::memcpy(bytes + 4 * i, &count, sizeof count);
        }
    }

    const CountOptions options_;
    unsigned id_bits_;
    std::size_t most_order_ = 1;
    std::size_t chunk_tokens_ = 0;
    bool broken_ = false;
    bool open_ = false;  // the last document has ids, and what continues it follows them
    std::uint64_t tokens_ = 0;
    std::vector<OrderTotals> totals_;
    SpillStatistics statistics_;

    Chunk chunk_;
    std::vector<std::uint16_t> bucket_of_;  // by id
    std::size_t bucket_count_ = 0;
    Buffer<std::uint64_t> keys_, spare_;
    Buffer<std::uint32_t> counts_;

    std::vector<std::vector<Run>> runs_;  // by order
    std::size_t kept_bytes_ = 0;          // of runs in memory and of the indices of all
    std::size_t result_bytes_ = 0;        // of results in memory
    bool spilling_ = false;
    std::unique_ptr<SpillFile> file_;
    std::uint64_t file_end_ = 0;
};

Counter::Counter(const CountOptions& options) {
    if (options.orders.empty()) throw Error(ErrorKind::value, "no orders to count: give orders= such as (1, 2, 3)");
    for (std::size_t i = 0; i < options.orders.size(); ++i)
        if (options.orders[i] < 1 || options.orders[i] > kMaxOrder || (i != 0 && options.orders[i] <= options.orders[i - 1]))
            throw Error(ErrorKind::value, "orders= have to rise, each from 1 to " + std::to_string(kMaxOrder) + "; the one in place " +
                                              std::to_string(i) + " is " + std::to_string(options.orders[i]));
    if (options.id_end < 1 || options.id_end > kMaxIdEnd)
        throw Error(ErrorKind::value,
                    "vocab_size= has to be from 1 to " + std::to_string(kMaxIdEnd) + ", not " + std::to_string(options.id_end));
    if (options.memory_bytes != 0 && options.memory_bytes < least_memory_bytes(options.id_end))
        throw Error(ErrorKind::value, "memory= of " + std::to_string(options.memory_bytes) + " bytes is too little for ids below " +
                                          std::to_string(options.id_end) + ": it takes at least " +
                                          std::to_string(least_memory_bytes(options.id_end)));
    impl_ = std::make_unique<Impl>(options);
}

Counter::~Counter() = default;

template <class Id>
void Counter::add(std::span<const Id> ids, std::span<const std::int64_t> offsets, bool continued, Cancel& cancel) {
    impl_->add(ids, offsets, continued, cancel);
}
template void Counter::add(std::span<const std::int32_t>, std::span<const std::int64_t>, bool, Cancel&);
template void Counter::add(std::span<const std::uint32_t>, std::span<const std::int64_t>, bool, Cancel&);
template void Counter::add(std::span<const std::uint16_t>, std::span<const std::int64_t>, bool, Cancel&);
template void Counter::add(std::span<const std::int64_t>, std::span<const std::int64_t>, bool, Cancel&);
template void Counter::add(std::span<const std::uint64_t>, std::span<const std::int64_t>, bool, Cancel&);

std::vector<OrderCounts> Counter::finish(std::uint64_t min_count, Cancel& cancel) { return impl_->finish(min_count, cancel); }
std::uint64_t Counter::tokens() const noexcept { return impl_->tokens(); }
SpillStatistics Counter::statistics() const noexcept { return impl_->statistics(); }

std::size_t Counter::least_memory_bytes(std::uint32_t id_end) noexcept {
    // Half of the bound is for chunks: what is fixed, and a chunk of the least size at the most words a key.
    return 2 * (fixed_bytes(id_end) + kLeastChunkTokens * bytes_a_token(kMaxWords));
}

// ---- the result ----------------------------------------------------------------------------------------------------

namespace {

template <std::size_t Words>
const Key<Words>* typed_keys(const OrderCounts& counts) noexcept {
    return reinterpret_cast<const Key<Words>*>(counts.keys().data());
}

}  // namespace

void OrderCounts::ids(std::size_t i, std::uint32_t* out) const noexcept {
    with_words(words(), [&]<std::size_t Words>() { Packer<Words>(order_, id_bits_).unpack(typed_keys<Words>(*this)[i], out); });
}

std::size_t OrderCounts::lower_bound(std::span<const std::uint32_t> ids) const noexcept {
    return with_words(words(), [&]<std::size_t Words>() -> std::size_t {
        const Key<Words> key = Packer<Words>(order_, id_bits_).pack(ids.data());
        const Key<Words>* const keys = typed_keys<Words>(*this);
        return static_cast<std::size_t>(std::lower_bound(keys, keys + size_, key) - keys);
    });
}

std::uint64_t OrderCounts::find(const std::uint32_t* ids) const noexcept {
    for (std::size_t i = 0; i < order_; ++i)
        if (ids[i] >> id_bits_ != 0) return 0;
    return with_words(words(), [&]<std::size_t Words>() -> std::uint64_t {
        const Key<Words> key = Packer<Words>(order_, id_bits_).pack(ids);
        const Key<Words>* const keys = typed_keys<Words>(*this);
        const Key<Words>* const found = std::lower_bound(keys, keys + size_, key);
        return found != keys + size_ && *found == key ? count(static_cast<std::size_t>(found - keys)) : 0;
    });
}

std::size_t OrderCounts::first_disorder() const noexcept {
    return with_words(words(), [&]<std::size_t Words>() -> std::size_t {
        const Key<Words>* const keys = typed_keys<Words>(*this);
        for (std::size_t i = 0; i < size_; ++i)
            if (count(i) == 0 || (i != 0 && !(keys[i - 1] < keys[i]))) return i;
        return size_;
    });
}

}  // namespace tokmill::ngrams
