// How many base ids a record is of, told by its opcode and operands and by the names before it: for spellings that leave it out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "condensed/opcodes/records.hpp"
#include "condensed/opcodes/rules.hpp"

namespace tokmill::condensed {

class RecordLengths {
public:
    explicit RecordLengths(const OpcodeRules& rules) : rules_(&rules), slots_(rules.slots()) {}

    void clear() noexcept { std::fill(slots_.begin(), slots_.end(), 0); }
    // Of the next record; -1 for a phrase, slot or name that there is not.
    std::int32_t next(Op op, std::int32_t a, std::int32_t b) noexcept {
        const auto number = static_cast<std::size_t>(a);
        switch (op) {
            case Op::literal:
            case Op::copy: return b;
            case Op::hyper: return number < rules_->phrase_count() ? static_cast<std::int32_t>(rules_->phrase(number).size()) : -1;
            case Op::define:
                if (number >= slots_.size()) return -1;
                slots_[number] = b;
                return 0;
            case Op::use: return number < slots_.size() && slots_[number] > 0 ? slots_[number] : -1;
            case Op::reset: clear(); return 0;
            default: return 0;
        }
    }

private:
    const OpcodeRules* rules_;
    std::vector<std::int32_t> slots_;
};

}  // namespace tokmill::condensed
