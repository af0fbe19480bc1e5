// What a book has changed, so that steps can be taken back. A book that is given a journal writes every change there; undoing them
// from the last to the first leaves it as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tokmill::condensed {

struct Change {
    enum class Kind : std::uint8_t {
        installed,  // zip2zip: an entry; what = its node, a = its code, b = edges made for it, c = the code that its node had
        displaced,  // zip2zip: follows an installed one; what = the node that the code had
        added,      // lru: row `what`
        removed,    // lru: row `what`, whose link was a, b; it was the last of the order
        moved,      // lru: row `what`, behind row a
    };
    Kind kind;
    std::int32_t what;
    std::int32_t a = 0;
    std::uint32_t b = 0;
    std::int32_t c = 0;
};

using Journal = std::vector<Change>;

}  // namespace tokmill::condensed
