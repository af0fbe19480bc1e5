// Records as one stream of ids for models that know of no records: a literal is its own id, an opcode and each of its operands are
// reserved ids behind the vocabulary. The way back is exact.
//
//     [0, vocab_size)        base ids
//     then 8 opcodes         COPY HYPER DEF USE ENTER LEAVE RESET EOD (HYPER's is never used: a phrase's id says it all)
//     then the numbers       0 to the greatest operand: max(window, max_length, slots)
//     then the phrases       one id a phrase
//
//     LIT its ids | COPY offset n | a phrase's id | DEF slot n | USE slot | ENTER domain | LEAVE | RESET | EOD
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/opcodes/documents.hpp"

namespace tokmill::condensed {

class FlatLayout {
public:
    explicit FlatLayout(const OpcodeRules& rules) noexcept;

    std::int32_t op_id(Op op) const noexcept { return first_op_ + static_cast<std::int32_t>(op) - 1; }
    std::int32_t first_op() const noexcept { return first_op_; }
    std::int32_t first_number() const noexcept { return first_number_; }
    std::int32_t first_phrase() const noexcept { return first_phrase_; }
    std::int32_t id_end() const noexcept { return id_end_; }

private:
    std::int32_t first_op_, first_number_, first_phrase_, id_end_;
};

struct FlatIds {
    tokens::IdArray ids;
    tokens::IdArray base_counts;  // of a record at its last id, 0 before
    std::vector<std::uint64_t> ends;
};

// Error(stream) with the index of a record that has no spelling.
FlatIds to_flat(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets, Cancel& cancel);

// Error(stream) with the index of an id that is out of place. What records mean is not looked at; expand() does.
OpcodeDocuments from_flat(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                          Cancel& cancel);

}  // namespace tokmill::condensed
