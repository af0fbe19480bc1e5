#include "condensed/opcodes/flat.hpp"

#include <algorithm>
#include <string>

#include "base/errors.hpp"
#include "condensed/opcodes/lengths.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kStepDocuments = 256;  // between two looks for Ctrl-C

// Writes the ids of records.
class FlatWriter {
public:
    FlatWriter(const OpcodeRules& rules, const RecordsView& view, FlatIds& out)
        : layout_(rules), phrases_(rules.phrase_count()), view_(view), out_(out), left_(view.literals) {}

    void write(std::size_t r) {
        const Record record = view_[r];
        const auto position = static_cast<std::int64_t>(r);
        switch (record.op) {
            case Op::literal: write_literals(record, position); return;
            case Op::copy:
            case Op::define:
                put(layout_.op_id(record.op), 0);
                put(number(record, record.a, position), 0);
                put(number(record, record.b, position), record.base_count);
                return;
            case Op::use:
            case Op::enter:
                put(layout_.op_id(record.op), 0);
                put(number(record, record.a, position), record.base_count);
                return;
            case Op::leave:
            case Op::reset:
            case Op::end: put(layout_.op_id(record.op), 0); return;
            case Op::hyper:
                if (static_cast<std::size_t>(record.a) >= phrases_)
                    refuse_record(record.op, position, "is of phrase " + std::to_string(record.a) + ", which there is not");
                put(layout_.first_phrase() + record.a, record.base_count);
                return;
        }
        refuse_record(record.op, position, "has the number " + std::to_string(view_.ops[r]) + "; opcodes are 0 to 8");
    }

private:
    void write_literals(const Record& record, std::int64_t position) {
        const auto count = static_cast<std::size_t>(record.b);
        if (record.b < 0 || count > left_.size())
            refuse_record(record.op, position,
                          "takes " + std::to_string(record.b) + " literals, of which " + std::to_string(left_.size()) + " are left");
        for (const std::int32_t id : left_.first(count)) {
            if (static_cast<std::uint32_t>(id) >= static_cast<std::uint32_t>(layout_.first_op()))
                refuse_record(record.op, position, "holds " + std::to_string(id) + ", which is no base id");
            put(id, 1);
        }
        left_ = left_.subspan(count);
    }
    std::int32_t number(const Record& record, std::int32_t value, std::int64_t position) const {
        if (value >= 0 && value < layout_.first_phrase() - layout_.first_number()) return layout_.first_number() + value;
        refuse_record(record.op, position,
                      "has the operand " + std::to_string(value) + "; numbers with an id end before " +
                          std::to_string(layout_.first_phrase() - layout_.first_number()));
    }
    void put(std::int32_t id, std::int32_t base_count) {
        out_.ids.prepare(1);
        out_.base_counts.prepare(1);
        const std::size_t size = out_.ids.size();
        Records::data(out_.ids)[size] = id;
        Records::data(out_.base_counts)[size] = base_count;
        out_.ids.set_size(size + 1);
        out_.base_counts.set_size(size + 1);
    }

    FlatLayout layout_;
    std::size_t phrases_;
    const RecordsView& view_;
    FlatIds& out_;
    std::span<const std::int32_t> left_;
};

// Reads the ids of one document.
class FlatReader {
public:
    FlatReader(const OpcodeRules& rules, std::span<const std::int32_t> ids, Records& out)
        : rules_(rules), layout_(rules), ids_(ids), out_(out), lengths_(rules) {}

    void read(std::size_t begin, std::size_t end) {
        lengths_.clear();
        domains_.clear();
        for (at_ = begin, end_ = end; at_ < end_;) {
            const std::int32_t id = ids_[at_];
            if (rules_.is_base(id)) {
                read_literals();
            } else if (id >= layout_.first_phrase() && id < layout_.id_end()) {
                put({Op::hyper, id - layout_.first_phrase(), 0, 0}, at_);
                ++at_;
            } else if (id >= layout_.first_op() && id < layout_.first_number()) {
                read_op(static_cast<Op>(id - layout_.first_op() + 1));
            } else {
                refuse(at_, id < 0 || id >= layout_.id_end() ? "is not in the flat vocabulary" : "is an operand without an opcode");
            }
        }
    }

private:
    [[noreturn]] void refuse(std::size_t place, const std::string& what) const {
        throw Error(ErrorKind::stream, "id " + std::to_string(ids_[place]) + " at " + std::to_string(place) + " " + what,
                    static_cast<std::int64_t>(place));
    }
    void read_literals() {
        std::size_t end = at_;
        while (end < end_ && end - at_ < rules_.max_length() && rules_.is_base(ids_[end])) ++end;
        const auto count = static_cast<std::int32_t>(end - at_);
        out_.put({Op::literal, 0, count, count});
        out_.put_literals(ids_.data() + at_, end - at_);
        at_ = end;
    }
    std::int32_t operand(std::size_t first) {
        if (at_ == end_) refuse(first, "lacks an operand: the document is cut short");
        const std::int32_t id = ids_[at_];
        if (id < layout_.first_number() || id >= layout_.first_phrase()) refuse(at_, "is no number, which the opcode before it needs");
        ++at_;
        return id - layout_.first_number();
    }
    void put(Record record, std::size_t first) {
        record.base_count = lengths_.next(record.op, record.a, record.b);
        if (record.base_count < 0) refuse(first, "is of a slot that names nothing");
        out_.put(record);
    }
    void read_op(Op op) {
        const std::size_t first = at_++;
        Record record{op, 0, 0, 0};
        switch (op) {
            case Op::copy:
            case Op::define:
                record.a = operand(first);
                record.b = operand(first);
                break;
            case Op::use: record.a = operand(first); break;
            case Op::enter:
                record.a = operand(first);
                domains_.push_back(record.a);
                break;
            case Op::leave:
                if (domains_.empty()) refuse(first, "leaves a domain, but none is open");
                record.a = domains_.back();
                domains_.pop_back();
                break;
            case Op::reset: break;
            case Op::end:
                if (at_ != end_) refuse(first, "ends the document, but more follows");
                break;
            default: refuse(first, "is an opcode that is never written");
        }
        put(record, first);
    }

    const OpcodeRules& rules_;
    FlatLayout layout_;
    std::span<const std::int32_t> ids_;
    Records& out_;
    RecordLengths lengths_;
    std::vector<std::int32_t> domains_;
    std::size_t at_ = 0, end_ = 0;
};

}  // namespace

FlatLayout::FlatLayout(const OpcodeRules& rules) noexcept
    : first_op_(rules.vocab_size()), first_number_(first_op_ + static_cast<std::int32_t>(kOpCount) - 1) {
    const std::size_t greatest = std::max({rules.window(), rules.max_length(), rules.slots()});
    first_phrase_ = first_number_ + static_cast<std::int32_t>(greatest) + 1;
    id_end_ = first_phrase_ + static_cast<std::int32_t>(rules.phrase_count());
}

FlatIds to_flat(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets, Cancel& cancel) {
    FlatIds out;
    FlatWriter writer(rules, view, out);
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) {
        for (auto r = static_cast<std::size_t>(offsets[d]); r < static_cast<std::size_t>(offsets[d + 1]); ++r) {
            writer.write(r);
            if (r % (std::size_t(1) << 16) == 0) cancel.poll();
        }
        out.ends.push_back(out.ids.size());
        if (d % kStepDocuments == 0) cancel.poll();
    }
    return out;
}

OpcodeDocuments from_flat(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                          Cancel& cancel) {
    OpcodeDocuments out;
    FlatReader reader(rules, ids, out.records);
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) {
        reader.read(static_cast<std::size_t>(offsets[d]), static_cast<std::size_t>(offsets[d + 1]));
        out.ends.push_back(out.records.size());
        out.literal_ends.push_back(out.records.literals.size());
        if (d % kStepDocuments == 0) cancel.poll();
    }
    out.records.finish();
    return out;
}

}  // namespace tokmill::condensed
