// Records back to base ids, strictly: every field is checked against the rules and against what came before. Base ids go behind those
// of the records before, which have to stay there: as many as the window or the longest record holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "condensed/opcodes/records.hpp"
#include "condensed/opcodes/rules.hpp"

namespace tokmill::condensed {

inline constexpr std::size_t kMaxDomains = 16;  // that are open at once
inline constexpr std::int32_t kMaxDomain = 65535;

// Error(stream) with the index of the record.
[[noreturn]] void refuse_record(Op op, std::int64_t position, const std::string& what);

class OpcodeReader {
public:
    explicit OpcodeReader(const OpcodeRules& rules);

    // The next record is the first of a document, or with `is_fragment` one behind a RESET: domains may be open there that nobody knows.
    void clear(bool is_fragment = false);
    // Writes record.base_count ids to `out`; nothing beyond `out_end`. Takes what it needs of the literals, whose ids are checked by
    // the caller. Error(stream) with `position`; the state is then as before.
    void read(const Record& record, std::span<const std::int32_t>& literals, std::int64_t position, std::int32_t* out,
              const std::int32_t* out_end) {
        // Nearly all records: a LIT or COPY that is right, with room to copy whole strides; what is written beyond is written again.
        const auto count = static_cast<std::size_t>(record.base_count);
        if (count - 1 < max_length_ && record.b == record.base_count && count + kStride <= static_cast<std::size_t>(out_end - out) &&
            !has_ended_) {
            const std::int32_t* from = nullptr;
            if (record.op == Op::copy) {
                const auto offset = static_cast<std::size_t>(record.a);
                if (offset >= kStride && offset <= reach_ && offset <= window_) from = out - offset;
            } else if (record.op == Op::literal && record.a == 0 && count + kStride <= literals.size()) {
                from = literals.data();
                literals = literals.subspan(count);
            }
            if (from != nullptr) {
                for (std::size_t i = 0; i < count; i += kStride) std::memcpy(out + i, from + i, kStride * sizeof(std::int32_t));
                reach_ += count;
                return;
            }
        }
        read_slowly(record, literals, position, out);
    }

    bool has_ended() const noexcept { return has_ended_; }  // the last record was an EOD
    std::span<const std::int32_t> domains() const noexcept { return domains_; }

    // From now on it is written down what records change, so that they can be taken back up to a mark.
    void keep_changes() noexcept { keeps_changes_ = true; }
    struct Mark {
        std::size_t changes;  // so far
        std::size_t reach;
        bool has_ended;
    };
    Mark mark() const noexcept { return {forgotten_ + changes_.size(), reach_, has_ended_}; }
    void restore(const Mark& mark);
    void forget(const Mark& before);  // marks before this one are restored no more

private:
    struct Change {
        enum class Kind : std::uint8_t {
            named,    // slot `number` got another name: it was `ids`, or none
            entered,  // a domain was opened
            left,     // domain `number` was closed
        };
        Kind kind;
        std::int32_t number = 0;
        std::vector<std::int32_t> ids;
    };
    static constexpr std::size_t kStride = 8;  // ids that are copied at a time: two vectors of 16 bytes

    // Any record, id by id.
    void read_slowly(const Record& record, std::span<const std::int32_t>& literals, std::int64_t position, std::int32_t* out);
    void read_rare(const Record& record, std::int64_t position, std::int32_t* out);
    void rename(std::size_t slot, const std::int32_t* ids, std::size_t count);
    void forget_names();

    const OpcodeRules* rules_;
    std::size_t max_length_;
    std::size_t window_;
    std::size_t reach_ = 0;  // ids since the last RESET
    bool has_ended_ = false;
    bool is_fragment_ = false;
    std::vector<std::int32_t> domains_;
    std::vector<std::vector<std::int32_t>> names_;  // by slot; empty: none
    bool has_names_ = false;
    bool keeps_changes_ = false;
    std::size_t forgotten_ = 0;  // changes before changes_
    std::vector<Change> changes_;
};

// Error(unknown_id) with `position` + the index of the first id that is no base id.
void check_base_ids(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::int64_t position);
// The base ids of records [begin, end), each number checked before it is trusted with memory: Error(stream) with the index of a record.
std::size_t checked_base_count(const OpcodeRules& rules, const RecordsView& view, std::size_t begin, std::size_t end);
// The records up to `position` take fewer literals than there are.
[[noreturn]] void refuse_left_over(std::int64_t position, std::size_t count);

}  // namespace tokmill::condensed
