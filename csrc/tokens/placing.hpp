// Ids of parts of a text that several threads encode, put one behind the other. The place of a part's ids is known once every part before
// it has told how many it has, which it does before it writes the last of them. Threads take parts in rising order, so that what was taken
// before is mostly that far: ids are then written where they stay. Else they wait in an array of the part's own, until whoever tells the
// number that was missing copies them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "tokens/encoder.hpp"
#include "tokens/id_array.hpp"

namespace tokmill::tokens {

class Placing {
public:
    // Behind what `all` holds; it must not be touched before finish().
    Placing(IdArray& all, std::size_t part_count);

    // The ids of one part, for the thread that encodes it. If it is dropped before done(), they are lost.
    class Part final : public Place {
    public:
        Part(Placing& placing, std::size_t index) : placing_(placing), index_(index), own_(placing.spare()) {}
        IdArray* ids() noexcept { return &own_; }
        IdArray* take(IdArray* so_far, std::uint64_t more) override;
        // All ids are written.
        void done();

    private:
        Placing& placing_;
        const std::size_t index_;
        IdArray own_;
        std::optional<IdArray> placed_;  // a stretch of the array of all
    };

    // When all parts are done: puts what did not fit behind, and counts all. Error(value) if the array is the caller's and too small.
    void finish();

private:
    struct Entry {
        std::uint64_t id_count = 0;
        std::uint64_t begin = 0;  // once it has its place
        bool is_counted = false;
        std::optional<IdArray> waiting;  // the ids of a part that was done before it had its place
    };

    IdArray spare();
    void give_back(IdArray array);
    // The part has so many ids; gives their places to all that can have one now. Where this part's are to begin, if that is known; if it
    // is not, those that are `finished` wait for it.
    std::optional<std::uint64_t> count(std::size_t index, std::uint64_t id_count, IdArray* finished);
    void copy(const IdArray& from, std::uint64_t to) const noexcept;

    IdArray& all_;
    const std::uint64_t room_;  // ids that fit without moving the array
    std::mutex mutex_;
    std::vector<Entry> entries_;
    std::size_t placed_count_ = 0;  // the parts before this one have their places
    std::uint64_t end_;             // of their ids
    std::vector<IdArray> spares_;   // memory to use again
};

}  // namespace tokmill::tokens
