#include "condensed/opcodes/reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/errors.hpp"
#include "condensed/reading.hpp"

namespace tokmill::condensed {

const char* op_name(Op op) noexcept {
    constexpr const char* kNames[kOpCount] = {"LIT", "COPY", "HYPER", "DEF", "USE", "ENTER", "LEAVE", "RESET", "EOD"};
    return static_cast<std::size_t>(op) < kOpCount ? kNames[static_cast<std::size_t>(op)] : "no opcode";
}

void refuse_record(Op op, std::int64_t position, const std::string& what) {
    throw Error(ErrorKind::stream, "record " + std::to_string(position) + " (" + op_name(op) + ") " + what, position);
}

void check_base_ids(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::int64_t position) {
    std::uint32_t most = 0;  // of all, first: that is a vector loop
    for (const std::int32_t id : ids) most = std::max(most, static_cast<std::uint32_t>(id));
    if (most < static_cast<std::uint32_t>(rules.vocab_size())) return;
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (!rules.is_base(ids[i])) refuse_id(ids[i], rules.vocab_size(), position + static_cast<std::int64_t>(i));
}

std::size_t checked_base_count(const OpcodeRules& rules, const RecordsView& view, std::size_t begin, std::size_t end) {
    const auto most = static_cast<std::uint32_t>(rules.max_length());
    std::uint32_t greatest = 0;
    std::size_t sum = 0;
    for (std::size_t r = begin; r < end; ++r) {
        greatest = std::max(greatest, static_cast<std::uint32_t>(view.base_counts[r]));
        sum += static_cast<std::uint32_t>(view.base_counts[r]);
    }
    if (greatest > most) {
        for (std::size_t r = begin; r < end; ++r)
            if (static_cast<std::uint32_t>(view.base_counts[r]) > most)
                refuse_record(static_cast<Op>(view.ops[r]), static_cast<std::int64_t>(r),
                              "is of " + std::to_string(view.base_counts[r]) + " base ids, from 0 to " + std::to_string(most));
    }
    return sum;
}

void refuse_left_over(std::int64_t position, std::size_t count) {
    throw Error(ErrorKind::stream,
                "the records up to " + std::to_string(position) + " leave " + std::to_string(count) + " of their literals", position);
}

OpcodeReader::OpcodeReader(const OpcodeRules& rules)
    : rules_(&rules), max_length_(rules.max_length()), window_(rules.window()), names_(rules.slots()) {
    domains_.reserve(kMaxDomains);
}

void OpcodeReader::clear(bool is_fragment) {
    reach_ = 0;
    is_fragment_ = is_fragment;
    has_ended_ = false;
    domains_.clear();
    forget_names();
}

void OpcodeReader::rename(std::size_t slot, const std::int32_t* ids, std::size_t count) {
    std::vector<std::int32_t>& name = names_[slot];
    if (keeps_changes_) changes_.push_back({Change::Kind::named, static_cast<std::int32_t>(slot), std::move(name)});
    name.assign(ids, ids + count);
    has_names_ = true;
}

void OpcodeReader::forget_names() {
    if (!has_names_) return;
    for (std::size_t slot = 0; slot < names_.size(); ++slot) {
        if (keeps_changes_ && !names_[slot].empty())
            changes_.push_back({Change::Kind::named, static_cast<std::int32_t>(slot), std::move(names_[slot])});
        names_[slot].clear();
    }
    has_names_ = false;
}

void OpcodeReader::restore(const Mark& mark) {
    for (; forgotten_ + changes_.size() > mark.changes; changes_.pop_back()) {
        Change& change = changes_.back();
        switch (change.kind) {
            case Change::Kind::named:
                names_[static_cast<std::size_t>(change.number)] = std::move(change.ids);
                has_names_ = true;
                break;
            case Change::Kind::entered: domains_.pop_back(); break;
            case Change::Kind::left: domains_.push_back(change.number); break;
        }
    }
    reach_ = mark.reach;
    has_ended_ = mark.has_ended;
}

void OpcodeReader::forget(const Mark& before) {
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(before.changes - forgotten_));
    forgotten_ = before.changes;
}

void OpcodeReader::read_slowly(const Record& record, std::span<const std::int32_t>& literals, std::int64_t position, std::int32_t* out) {
    const auto count = static_cast<std::size_t>(record.base_count);
    if (has_ended_) refuse_record(record.op, position, "stands behind the end of its document");
    if (record.op == Op::literal) {
        if (record.b != record.base_count || record.b < 1 || count > rules_->max_length() || record.a != 0)
            refuse_record(record.op, position, "has a = 0 and b = its base ids, from 1 to " + std::to_string(rules_->max_length()));
        if (count > literals.size())
            refuse_record(record.op, position,
                          "takes " + std::to_string(count) + " literals, of which " + std::to_string(literals.size()) + " are left");
        std::memcpy(out, literals.data(), count * sizeof(std::int32_t));
        literals = literals.subspan(count);
        reach_ += count;
        return;
    }
    if (record.op == Op::copy) {
        const auto offset = static_cast<std::size_t>(record.a);
        if (record.b != record.base_count || record.b < 1 || count > rules_->max_length())
            refuse_record(record.op, position, "has b = its base ids, from 1 to " + std::to_string(rules_->max_length()));
        if (record.a < 1 || offset > std::min(reach_, rules_->window()))
            refuse_record(record.op, position,
                          "reaches " + std::to_string(record.a) + " ids back, of " + std::to_string(std::min(reach_, rules_->window())) +
                              " that are there");
        for (std::size_t i = 0; i < count; ++i) out[i] = (out - offset)[i];
        reach_ += count;
        return;
    }
    read_rare(record, position, out);
    reach_ += count;
}

void OpcodeReader::read_rare(const Record& record, std::int64_t position, std::int32_t* out) {
    const Op op = record.op;
    const auto expect = [&](bool holds, const char* what) {
        if (!holds) refuse_record(op, position, what);
    };
    const auto expect_count = [&](std::size_t count) {
        if (static_cast<std::size_t>(record.base_count) != count)
            refuse_record(op, position, "is of " + std::to_string(record.base_count) + " base ids, it makes " + std::to_string(count));
    };
    const auto a = static_cast<std::size_t>(record.a);
    switch (op) {
        case Op::hyper: {
            expect(record.b == 0, "has b = 0");
            if (a >= rules_->phrase_count())
                refuse_record(op, position,
                              "is of phrase " + std::to_string(record.a) + "; there are " + std::to_string(rules_->phrase_count()));
            const std::span<const std::int32_t> ids = rules_->phrase(a);
            expect_count(ids.size());
            std::memcpy(out, ids.data(), ids.size_bytes());
            return;
        }
        case Op::define: {
            expect_count(0);
            if (a >= names_.size())
                refuse_record(op, position, "is of slot " + std::to_string(record.a) + "; there are " + std::to_string(rules_->slots()));
            const std::size_t most = std::min(reach_, rules_->max_length());
            if (record.b < 1 || static_cast<std::size_t>(record.b) > most)
                refuse_record(op, position,
                              "names the last " + std::to_string(record.b) + " ids, of " + std::to_string(most) + " that it can");
            const auto length = static_cast<std::size_t>(record.b);
            rename(a, out - length, length);
            return;
        }
        case Op::use:
            expect(record.b == 0, "has b = 0");
            if (a >= names_.size() || names_[a].empty())
                refuse_record(op, position, "is of slot " + std::to_string(record.a) + ", which names nothing");
            expect_count(names_[a].size());
            std::memcpy(out, names_[a].data(), names_[a].size() * sizeof(std::int32_t));
            return;
        case Op::enter:
            expect_count(0);
            expect(record.b == 0 && record.a >= 1 && record.a <= kMaxDomain, "has a domain from 1 to 65535 as a, and b = 0");
            expect(domains_.size() < kMaxDomains, "is one domain too deep: 16 can be open at once");
            domains_.push_back(record.a);
            if (keeps_changes_) changes_.push_back({Change::Kind::entered, 0, {}});
            return;
        case Op::leave:
            expect_count(0);
            expect(record.b == 0, "has b = 0");
            if (domains_.empty() && is_fragment_) return;
            if (domains_.empty() || domains_.back() != record.a)
                refuse_record(op, position,
                              "leaves domain " + std::to_string(record.a) + ", but " +
                                  (domains_.empty() ? "none is open" : std::to_string(domains_.back()) + " is the innermost"));
            domains_.pop_back();
            if (keeps_changes_) changes_.push_back({Change::Kind::left, record.a, {}});
            return;
        case Op::reset:
            expect_count(0);
            expect(record.a == 0 && record.b == 0, "has a = 0 and b = 0");
            reach_ = 0;
            forget_names();
            return;
        case Op::end:
            expect_count(0);
            expect(record.a == 0 && record.b == 0, "has a = 0 and b = 0");
            expect(domains_.empty(), "ends the document inside of a domain");
            has_ended_ = true;
            return;
        default: refuse_record(op, position, "has the number " + std::to_string(static_cast<int>(op)) + "; opcodes are 0 to 8");
    }
}

}  // namespace tokmill::condensed
