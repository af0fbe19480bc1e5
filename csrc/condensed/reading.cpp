#include "condensed/reading.hpp"

#include <string>

#include "base/errors.hpp"

namespace tokmill::condensed {

void refuse_id(std::int32_t id, std::int32_t vocab_size, std::int64_t position) {
    throw Error(ErrorKind::unknown_id,
                "id " + std::to_string(id) + " at " + std::to_string(position) + " is not in the vocabulary of " +
                    std::to_string(vocab_size) + " ids",
                position);
}

void refuse_code(std::int32_t code, std::int32_t code_end, std::int64_t position) {
    const std::string start = "code " + std::to_string(code) + " at " + std::to_string(position);
    if (code < 0) throw Error(ErrorKind::unknown_id, start + " is negative", position);
    throw Error(ErrorKind::unknown_id, start + " means nothing there: the book's codes end before " + std::to_string(code_end), position);
}

}  // namespace tokmill::condensed
