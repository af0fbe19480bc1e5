// What readers of hypertokens have in common: how they take codes that cannot be, and the words for it.
#pragma once

#include <cstdint>

namespace tokmill::condensed {

// How codes are read that are not in the book and are not the next entry either.
enum class Reading : std::uint8_t {
    strict,   // as the error that they are
    lenient,  // as the next entry, or as the phrase before once more if that is of full length
};

// Error(unknown_id), each with `position`.
[[noreturn]] void refuse_id(std::int32_t id, std::int32_t vocab_size, std::int64_t position);    // for a base id
[[noreturn]] void refuse_code(std::int32_t code, std::int32_t code_end, std::int64_t position);  // for a code

}  // namespace tokmill::condensed
