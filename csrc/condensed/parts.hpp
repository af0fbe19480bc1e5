// Documents shared among threads: in parts of about as many ids, with what a part needs used again for the next, and what the parts
// make put one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/sinks.hpp"
#include "pool/pool.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::condensed {

// IdArray::expect() is told of text: it takes a block that waits if that has room for an eighth as many ids as there are bytes, and else
// makes room for half as many. Results that a call before gave back are shorter than the base ids that they were made of, so room for all
// would never be one of those blocks, and fresh pages cost an eighth of the time.
inline constexpr std::size_t kExpected = 2;

// Documents [first_document, document_end).
struct Part {
    std::size_t first_document;
    std::size_t document_end;
};

// `offsets` are the bounds of the documents; `whole`: all of them are one part.
std::vector<Part> divide(std::span<const std::int64_t> offsets, bool whole);

// Things that a part needs and the next part can use again: at most one a thread is made.
template <class T>
class Spares {
public:
    template <class Make>
    std::unique_ptr<T> take(const Make& make) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!waiting_.empty()) {
                std::unique_ptr<T> one = std::move(waiting_.back());
                waiting_.pop_back();
                return one;
            }
        }
        return make();
    }
    void give_back(std::unique_ptr<T> one) {
        const std::lock_guard<std::mutex> lock(mutex_);
        waiting_.push_back(std::move(one));
    }

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<T>> waiting_;
};

// Arrays of int32 in which the pieces of parts come to stand one after the other. A part's place is known when all before it are
// done; whoever finishes that one copies, while others go on, so that most pieces are copied while they are still in a cache.
class Assembly {
public:
    using Pieces = std::vector<tokens::IdArray>;  // one an array

    // `most`: int32 that an array is likely to need, at most.
    Assembly(std::size_t parts, std::size_t arrays, std::size_t most);

    std::unique_ptr<Pieces> spare() {
        return spares_.take([&] { return std::make_unique<Pieces>(whole_.size()); });
    }
    void done(std::size_t part, std::unique_ptr<Pieces> pieces);
    const std::vector<std::size_t>& starts() const noexcept { return starts_; }
    Pieces take();

private:
    void grow(std::size_t filled, std::size_t needed);

    std::mutex mutex_;
    std::shared_mutex memory_;  // held by those who copy; by whoever moves the arrays alone
    std::vector<std::unique_ptr<Pieces>> pieces_;
    std::vector<std::size_t> starts_;
    Pieces whole_;
    Spares<Pieces> spares_;
    std::size_t next_ = 0;
    std::size_t size_ = 0;
};

// What parts make, one after the other, and where the piece of each begins.
struct Gathered {
    Assembly::Pieces arrays;
    std::vector<std::size_t> starts;
};

// write(part, pieces) appends to empty arrays, for each part, on `threads`. One part alone writes into the result.
template <class Write>
Gathered gather(std::size_t parts, std::size_t arrays, std::size_t most, std::size_t threads, Cancel& cancel, const Write& write) {
    if (parts <= 1) {
        Gathered out{Assembly::Pieces(arrays), {0}};
        for (tokens::IdArray& array : out.arrays) array.expect(kExpected * most);
        if (parts == 1) write(0, out.arrays);
        return out;
    }
    Assembly assembly(parts, arrays, most);
    pool::run(parts, threads, cancel, [&](std::size_t i) {
        std::unique_ptr<Assembly::Pieces> pieces = assembly.spare();
        write(i, *pieces);
        assembly.done(i, std::move(pieces));
    });
    return {assembly.take(), assembly.starts()};
}

// Puts `more` condensed ids at most behind those that the arrays (ids, base counts and, if it is there, installed) have.
template <class Write>
void append(Assembly::Pieces& arrays, std::size_t more, const Write& write) {
    for (tokens::IdArray& array : arrays) array.prepare(more);
    const auto data = [&](std::size_t a) { return a < arrays.size() ? static_cast<std::int32_t*>(arrays[a].data()) : nullptr; };
    CondensedSink sink{data(0), data(1), data(2), arrays[0].size()};
    write(sink);
    for (tokens::IdArray& array : arrays) array.set_size(sink.size);
}

}  // namespace tokmill::condensed
