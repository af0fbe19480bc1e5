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

// Arrays of int32 in which the pieces of parts come to stand one after the other. A part's place is known when all before it are done:
// the rest of it is then written where it stays, and what there was is copied. A part that is done before that waits, and whoever
// finishes the one that was missing copies it, while others go on and most of it is still in a cache.
class Assembly {
public:
    using Pieces = std::vector<tokens::IdArray>;  // one an array

    // What a thread appends to.
    class Writing {
    public:
        Writing(Assembly& assembly, std::size_t part) : assembly_(&assembly), part_(part), own_(assembly.spare()), arrays_(own_.get()) {}
        // Straight into arrays that nothing else is written to.
        explicit Writing(Pieces& arrays) noexcept : arrays_(&arrays) {}
        Pieces& arrays() noexcept { return *arrays_; }
        // Before `more` further items at most, which are all that the part still has: goes on where they stay, if that is known.
        void settle(std::size_t more) {
            if (!is_settled()) assembly_->settle(*this, more);
        }

    private:
        friend class Assembly;
        bool is_settled() const noexcept { return arrays_ != own_.get(); }

        Assembly* assembly_ = nullptr;
        std::size_t part_ = 0;
        std::unique_ptr<Pieces> own_;
        Pieces settled_;  // stretches of the arrays of all
        Pieces* arrays_;
    };

    // `most`: int32 that an array is likely to need, at most.
    Assembly(std::size_t parts, std::size_t arrays, std::size_t most);

    void done(Writing& writing);
    const std::vector<std::size_t>& starts() const noexcept { return starts_; }
    Pieces take();

private:
    struct Entry {
        bool is_done = false;
        std::size_t size = 0;
        std::unique_ptr<Pieces> waiting;  // null if it was written where it stays
    };

    std::unique_ptr<Pieces> spare();
    void give_back(std::unique_ptr<Pieces> pieces);
    void settle(Writing& writing, std::size_t more);
    void grow(std::size_t filled, std::size_t needed);
    // Puts what the arrays have where it stays.
    void copy(const Pieces& from, std::size_t start) noexcept;

    std::mutex mutex_;
    std::shared_mutex memory_;  // held by those who copy; by whoever moves the arrays alone
    std::vector<Entry> entries_;
    std::vector<std::size_t> starts_;
    Pieces whole_;
    Spares<Pieces> spares_;
    std::size_t next_ = 0;  // the parts before this one are done
    std::size_t size_ = 0;  // of what they made
};

// What parts make, one after the other, and where the piece of each begins.
struct Gathered {
    Assembly::Pieces arrays;
    std::vector<std::size_t> starts;
};

// write(part, writing) appends to empty arrays, for each part, on `threads`. One part alone writes into the result.
template <class Write>
Gathered gather(std::size_t parts, std::size_t arrays, std::size_t most, std::size_t threads, Cancel& cancel, const Write& write) {
    if (parts <= 1) {
        Gathered out{Assembly::Pieces(arrays), {0}};
        for (tokens::IdArray& array : out.arrays) array.expect(kExpected * most);
        Assembly::Writing writing(out.arrays);
        if (parts == 1) write(0, writing);
        return out;
    }
    Assembly assembly(parts, arrays, most);
    pool::run(parts, threads, cancel, [&](std::size_t i) {
        Assembly::Writing writing(assembly, i);
        write(i, writing);
        assembly.done(writing);
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
