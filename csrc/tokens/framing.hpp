// What a post-processor adds: ids before, between and behind texts that are encoded already. In: flat ids and the ends of their rows.
// Out: the same with the ids of a Frame around each row.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/formats.hpp"
#include "tokens/id_array.hpp"

namespace tokmill::tokens {

// One text, or two (`second` may be null). With `adds` false only the order of the frame counts.
IdArray framed(const IdArray& first, const IdArray* second, const formats::Frame& frame, bool adds);

// Rows end at `ends`, which become the new ends.
IdArray framed_rows(const IdArray& ids, std::vector<std::uint64_t>& ends, const formats::Frame& frame);

}  // namespace tokmill::tokens
