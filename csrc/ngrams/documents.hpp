// Rows of ids as callers give them: checked before anything is done with them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/cancel.hpp"
#include "base/errors.hpp"

namespace tokmill::ngrams {

// Error(value) unless offsets rise from 0 to the number of ids.
inline void check_offsets(std::span<const std::int64_t> offsets, std::size_t id_count) {
    if (offsets.empty() || offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(id_count))
        throw Error(ErrorKind::value, "offsets have to go from 0 to the number of ids, " + std::to_string(id_count));
    for (std::size_t row = 0; row + 1 < offsets.size(); ++row)
        if (offsets[row + 1] < offsets[row])
            throw Error(ErrorKind::value,
                        "offsets fall after row " + std::to_string(row) + ", from " + std::to_string(offsets[row]) + " to " +
                            std::to_string(offsets[row + 1]),
                        static_cast<std::int64_t>(row));
}

// Error(unknown_id) with the index of the first id that is negative or not below `id_end`.
template <class Id>
void check_ids(std::span<const Id> ids, std::uint32_t id_end, Cancel& cancel) {
    constexpr std::size_t kStep = std::size_t(1) << 18;
    for (std::size_t begin = 0; begin < ids.size(); begin += kStep) {
        cancel.poll();
        const std::span<const Id> here = ids.subspan(begin, std::min(kStep, ids.size() - begin));
        bool outside = false;
        for (const Id id : here) outside |= static_cast<std::uint64_t>(id) >= id_end;  // a negative one is huge
        if (!outside) continue;
        std::size_t i = 0;
        while (static_cast<std::uint64_t>(here[i]) < id_end) ++i;
        throw Error(ErrorKind::unknown_id,
                    "id " + std::to_string(here[i]) + " at index " + std::to_string(begin + i) +
                        " is not below vocab_size=" + std::to_string(id_end),
                    static_cast<std::int64_t>(begin + i));
    }
}

}  // namespace tokmill::ngrams
