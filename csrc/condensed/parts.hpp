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

#include "tokens/tokens.hpp"

namespace tokmill::condensed {

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

    Assembly(std::size_t parts, std::size_t arrays, std::size_t most);

    std::unique_ptr<Pieces> spare() {
        return spares_.take([&] { return std::make_unique<Pieces>(whole_.size()); });
    }
    void done(std::size_t part, std::unique_ptr<Pieces> pieces);
    std::size_t start(std::size_t part) const noexcept { return starts_[part]; }
    tokens::IdArray take(std::size_t array);

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

}  // namespace tokmill::condensed
