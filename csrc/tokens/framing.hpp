// What a post-processor adds: ids before, between and behind texts that are encoded already. In: flat ids and the ends of their rows.
// Out: the same with the ids of a Frame around each row.
#pragma once

#include <cstdint>
#include <vector>

#include "formats/formats.hpp"
#include "tokens/id_array.hpp"
#include "tokens/preprocessing.hpp"

namespace tokmill::tokens {

// The frame of a text or a pair; null if there is nothing to do.
const formats::Frame* frame_of(const Preprocessing* preprocessing, bool is_pair, bool adds_special_tokens);

// One text, or two (`second` may be null). With `adds` false only the order of the frame counts.
IdArray framed(const IdArray& first, const IdArray* second, const formats::Frame& frame, bool adds);

// For arrays that go along with ids, `width` elements an id: what they have, `value`, where the ids of a frame stand.
formats::Frame filler(const formats::Frame& frame, std::size_t width, std::uint32_t value);

// Rows end at `ends`, which become the new ends.
IdArray framed_rows(const IdArray& ids, std::vector<std::uint64_t>& ends, const formats::Frame& frame);

}  // namespace tokmill::tokens
