// Exact counts of n-grams: ids of documents come in, in stretches of any size; out come, for each order, the distinct n-grams in
// ascending order and how often each occurs. The result is the same for any cutting into calls, any number of threads and any
// memory bound. With a bound, sorted runs go to a file that has no name (it was unlinked when it was made), so nothing is left
// behind whatever happens to the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "ngrams/keys.hpp"

namespace tokmill::ngrams {

struct CountOptions {
    std::vector<std::size_t> orders;  // rising, each from 1 to kMaxOrder
    std::uint32_t id_end = 0;         // every id is below; at most kMaxIdEnd
    std::size_t memory_bytes = 0;     // that the counter may allocate; 0: no bound, and no file
    std::string directory;            // for the file of runs, when there is a bound
    bool cross_documents = false;     // n-grams reach from one document into the next
    std::size_t threads = 1;
};

struct OrderTotals {
    std::uint64_t windows = 0;    // n-grams counted, repetitions included
    std::uint64_t distinct = 0;   // before pruning
    std::uint64_t seen_once = 0;  // distinct n-grams that occur a single time
};

// Memory that is mapped from a file without a name, or owned, or borrowed from the caller.
class Storage {
public:
    Storage() = default;
    explicit Storage(Buffer<std::uint8_t>&& owned) : owned_(std::move(owned)), data_(owned_.data()) {}
    static Storage borrow(const void* data) {
        Storage storage;
        storage.data_ = static_cast<const std::uint8_t*>(data);
        return storage;
    }
    // Maps the first `bytes` bytes of an open file. Error(input).
    static Storage map(int descriptor, std::size_t bytes);
    Storage(Storage&& other) noexcept { *this = std::move(other); }
    Storage& operator=(Storage&& other) noexcept;
    ~Storage();

    const std::uint8_t* data() const noexcept { return data_; }

private:
    Buffer<std::uint8_t> owned_;
    const std::uint8_t* data_ = nullptr;
    std::size_t mapped_bytes_ = 0;
};

// The counts of one order: entry i is the key of words() words at keys()[i * words()] and its count.
class OrderCounts {
public:
    OrderCounts() = default;
    OrderCounts(std::size_t order, unsigned id_bits, std::size_t size, bool wide, Storage keys, Storage counts, OrderTotals totals)
        : order_(order), id_bits_(id_bits), size_(size), wide_(wide), keys_(std::move(keys)), counts_(std::move(counts)), totals_(totals) {}

    std::size_t order() const noexcept { return order_; }
    unsigned id_bits() const noexcept { return id_bits_; }
    std::size_t words() const noexcept { return key_words(order_, id_bits_); }
    std::size_t size() const noexcept { return size_; }  // entries, after pruning
    bool wide() const noexcept { return wide_; }         // counts of 64 bits, else of 32
    const OrderTotals& totals() const noexcept { return totals_; }
    std::span<const std::uint64_t> keys() const noexcept { return {reinterpret_cast<const std::uint64_t*>(keys_.data()), size_ * words()}; }
    std::span<const std::uint8_t> count_bytes() const noexcept { return {counts_.data(), size_ * (wide_ ? 8 : 4)}; }
    std::uint64_t count(std::size_t i) const noexcept {
        return wide_ ? load<std::uint64_t>(counts_.data() + 8 * i) : load<std::uint32_t>(counts_.data() + 4 * i);
    }

    // The ids of entry i, `order()` of them.
    void ids(std::size_t i, std::uint32_t* out) const noexcept;
    // The first entry that is not less than the n-gram that begins with `prefix` (and goes on with zeros); `size()` if none.
    std::size_t lower_bound(std::span<const std::uint32_t> ids) const noexcept;
    // How often an n-gram occurs; 0 if it is not there. Ids that do not fit into id_bits() are not there.
    std::uint64_t find(const std::uint32_t* ids) const noexcept;
    // Entries stand in rising order and no count is 0: what a file has to fulfil. The first entry that breaks it, or size().
    std::size_t first_disorder() const noexcept;

private:
    std::size_t order_ = 0;
    unsigned id_bits_ = 1;
    std::size_t size_ = 0;
    bool wide_ = false;
    Storage keys_;
    Storage counts_;
    OrderTotals totals_;
};

struct SpillStatistics {
    std::uint64_t runs = 0;           // sorted runs made, of all orders
    std::uint64_t file_bytes = 0;     // written to files: runs and results
    std::uint64_t working_bytes = 0;  // the most that the counter had allocated
};

class Counter {
public:
    // Error(value) for orders, ids or a memory bound that cannot be.
    explicit Counter(const CountOptions& options);
    ~Counter();
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;

    // Counts the documents ids[offsets[i], offsets[i + 1]); with `continued` the first goes on with the last of the call before.
    // Error(unknown_id) with the index of the first id that is not below id_end, before anything is counted. After any other error (a full
    // disk, Ctrl-C) the counter refuses to go on.
    template <class Id>
    void add(std::span<const Id> ids, std::span<const std::int64_t> offsets, bool continued, Cancel& cancel);

    // The counts of each order, in the order of CountOptions::orders; entries below `min_count` are left out (their part in the
    // totals stays). Nothing can be added afterwards.
    std::vector<OrderCounts> finish(std::uint64_t min_count, Cancel& cancel);

    std::uint64_t tokens() const noexcept;
    SpillStatistics statistics() const noexcept;
    // The least memory bound that works for such ids.
    static std::size_t least_memory_bytes(std::uint32_t id_end) noexcept;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tokmill::ngrams
