// Where writers put what they make: arrays of the caller's, with room for as many items as there are base ids.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tokmill::condensed {

struct CondensedSink {
    std::int32_t* ids = nullptr;
    std::int32_t* base_counts = nullptr;  // base ids that an id stands for
    std::int32_t* installed = nullptr;    // entries that a reader has after an id; not wanted if null
    std::size_t size = 0;

    void put(std::int32_t id, std::int32_t base_count, std::int32_t installed_count) noexcept {
        ids[size] = id;
        base_counts[size] = base_count;
        if (installed != nullptr) installed[size] = installed_count;
        ++size;
    }
};

}  // namespace tokmill::condensed
