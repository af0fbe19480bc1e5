// What a vocabulary may be at most. Files come from anywhere: everything that sizes a table is bounded here, before the
// table is made.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vocab/vocab.hpp"

namespace tokmill::vocab {

inline constexpr std::size_t kMaxTokenBytes = std::size_t(1) << 16;       // one token, special tokens included
inline constexpr std::size_t kMaxVocabularyBytes = std::size_t(1) << 30;  // all tokens together
inline constexpr std::size_t kMaxSpecials = kMaxSymbols;

// Ids may leave gaps, but tables are as long as the greatest id: it may not be out of proportion to the number of entries.
inline constexpr std::uint64_t kIdsPerEntry = 4;
inline constexpr std::uint64_t kIdSlack = 65'536;
constexpr std::uint64_t greatest_id_allowed(std::uint64_t entries) {
    const std::uint64_t bound = kIdsPerEntry * entries + kIdSlack;
    return bound < kIdLimit ? bound : kIdLimit - 1;
}

// Checks everything about a spec that needs no index: sizes, empty tokens, ids out of range or used twice, special
// tokens. Error(vocabulary) names the rule and the entry; `where` is the index of the entry.
void check_limits(const Spec& spec);

}  // namespace tokmill::vocab
