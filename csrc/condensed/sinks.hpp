// Where writers put what they make: arrays of the caller's, with room for as many items as there are base ids.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

// Puts base ids as they are. There is room for `room` ids, count or more. Mostly there are a few: then eight are copied, which costs no
// guess at how many.
inline void put_singles(const std::int32_t* ids, std::size_t count, std::size_t room, CondensedSink& out) noexcept {
    constexpr std::size_t kFew = 8;
    std::int32_t* const to = out.ids + out.size;
    std::int32_t* const counts = out.base_counts + out.size;
    if (count <= kFew && room >= kFew) {
        std::memcpy(to, ids, kFew * sizeof(std::int32_t));
        std::fill_n(counts, kFew, 1);
    } else {
        std::copy_n(ids, count, to);
        std::fill_n(counts, count, 1);
    }
    out.size += count;
}

}  // namespace tokmill::condensed
