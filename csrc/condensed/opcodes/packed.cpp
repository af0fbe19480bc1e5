#include "condensed/opcodes/packed.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/errors.hpp"
#include "condensed/opcodes/lengths.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::uint32_t kOneByteRanks = 192;
constexpr std::uint32_t kTwoByteRanks = 63 * 256;
constexpr std::int32_t kShortLiterals = 127;  // LIT of 1 to 127 in its byte
constexpr std::int32_t kShortCopy = 64;       // COPY of 2 to 64
constexpr std::uint8_t kCopyBits = 0x80;
constexpr std::uint8_t kRareBits = 0xC0;
constexpr std::size_t kStepRecords = std::size_t(1) << 16;  // between two looks for Ctrl-C

enum class Rare : std::uint8_t { copy_one, hyper, define, use, enter, leave, reset, end };

class BytesWriter {
public:
    BytesWriter(std::vector<std::uint8_t>& out, std::span<const std::uint32_t> ranks) : out_(out), ranks_(ranks) {}

    void write(const Record& record, std::span<const std::int32_t>& literals, std::int64_t position) {
        if (record.a < 0 || record.b < 0) refuse_record(record.op, position, "has a negative operand");
        switch (record.op) {
            case Op::literal: write_literals(record, literals, position); return;
            case Op::copy:
                if (record.a < 1 || record.b < 1) refuse_record(record.op, position, "copies nothing, or from nowhere");
                if (record.b == 1) {
                    rare(Rare::copy_one);
                } else if (record.b <= kShortCopy) {
                    byte(static_cast<std::uint8_t>(kCopyBits | (record.b - 2)));
                } else {
                    byte(static_cast<std::uint8_t>(kCopyBits | 63));
                    number(static_cast<std::uint32_t>(record.b - kShortCopy - 1));
                }
                number(static_cast<std::uint32_t>(record.a - 1));
                return;
            case Op::hyper: rare(Rare::hyper), number(static_cast<std::uint32_t>(record.a)); return;
            case Op::define:
                rare(Rare::define), number(static_cast<std::uint32_t>(record.a)), number(static_cast<std::uint32_t>(record.b));
                return;
            case Op::use: rare(Rare::use), number(static_cast<std::uint32_t>(record.a)); return;
            case Op::enter: rare(Rare::enter), number(static_cast<std::uint32_t>(record.a)); return;
            case Op::leave: rare(Rare::leave), number(static_cast<std::uint32_t>(record.a)); return;
            case Op::reset: rare(Rare::reset); return;
            case Op::end: rare(Rare::end); return;
        }
        refuse_record(record.op, position, "has the number " + std::to_string(static_cast<int>(record.op)) + "; opcodes are 0 to 8");
    }

private:
    void write_literals(const Record& record, std::span<const std::int32_t>& literals, std::int64_t position) {
        const auto count = static_cast<std::size_t>(record.b);
        if (count < 1 || count > literals.size())
            refuse_record(record.op, position,
                          "takes " + std::to_string(record.b) + " literals, of which " + std::to_string(literals.size()) + " are left");
        if (record.b <= kShortLiterals) {
            byte(static_cast<std::uint8_t>(record.b - 1));
        } else {
            byte(static_cast<std::uint8_t>(kShortLiterals));
            number(static_cast<std::uint32_t>(record.b - kShortLiterals - 1));
        }
        for (const std::int32_t id : literals.first(count)) rank(ranks_[static_cast<std::size_t>(id)]);
        literals = literals.subspan(count);
    }
    void byte(std::uint8_t value) { out_.push_back(value); }
    void rare(Rare what) { byte(static_cast<std::uint8_t>(kRareBits | static_cast<std::uint8_t>(what))); }
    void number(std::uint32_t value) {
        for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }
    void rank(std::uint32_t value) {
        if (value < kOneByteRanks) {
            byte(static_cast<std::uint8_t>(value));
        } else if (value < kOneByteRanks + kTwoByteRanks) {
            byte(static_cast<std::uint8_t>(kOneByteRanks + ((value - kOneByteRanks) >> 8)));
            byte(static_cast<std::uint8_t>(value - kOneByteRanks));
        } else {
            byte(0xFF);
            for (int shift = 0; shift < 24; shift += 8) byte(static_cast<std::uint8_t>(value >> shift));
        }
    }

    std::vector<std::uint8_t>& out_;
    std::span<const std::uint32_t> ranks_;
};

class BytesReader {
public:
    BytesReader(const OpcodeRules& rules, std::span<const std::uint8_t> bytes, std::span<const std::int32_t> ids_by_rank, Records& out)
        : rules_(rules), bytes_(bytes), ids_by_rank_(ids_by_rank), out_(out), lengths_(rules) {}

    void read_block(std::size_t begin, std::size_t end, Cancel& cancel) {
        lengths_.clear();
        at_ = begin;
        end_ = end;
        for (std::size_t records = 1; at_ < end_; ++records) {
            read_record();
            if (records % kStepRecords == 0) cancel.poll();
        }
    }

private:
    [[noreturn]] void refuse(std::size_t place, const std::string& what) const {
        throw Error(ErrorKind::stream, "byte " + std::to_string(place) + " of the packed records " + what,
                    static_cast<std::int64_t>(place));
    }
    void read_record() {
        const std::size_t first = at_;
        const std::uint32_t head = byte();
        Record record{Op::literal, 0, 0, 0};
        if (head < kCopyBits) {
            record.b = static_cast<std::int32_t>(head) + 1;
            if (head == static_cast<std::uint32_t>(kShortLiterals)) record.b = length(kShortLiterals + 1, first);
        } else if (head < kRareBits) {
            record.op = Op::copy;
            record.b = static_cast<std::int32_t>(head & 63) + 2;
            if ((head & 63) == 63) record.b = length(kShortCopy + 1, first);
            record.a = number() + 1;
        } else {
            read_rare(head & 0x3F, first, record);
        }
        record.base_count = lengths_.next(record.op, record.a, record.b);
        if (record.base_count < 0) refuse(first, "is of a phrase or slot that there is not");
        out_.put(record);
        if (record.op == Op::literal) read_literals(static_cast<std::size_t>(record.b));
    }
    void read_rare(std::uint32_t what, std::size_t first, Record& record) {
        constexpr Op kOps[] = {Op::copy, Op::hyper, Op::define, Op::use, Op::enter, Op::leave, Op::reset, Op::end};
        if (what >= std::size(kOps)) refuse(first, "begins no record");
        record.op = kOps[what];
        if (record.op == Op::copy) {
            record.b = 1;
            record.a = number() + 1;
        } else if (record.op < Op::reset) {
            record.a = number();
            if (record.op == Op::define) record.b = number();
        }
    }
    void read_literals(std::size_t count) {
        // A literal takes a byte at least, so that no number makes more memory than there are bytes.
        if (count > end_ - at_) refuse(at_, "begins " + std::to_string(count) + " literals, but the block ends: it is cut short");
        out_.literals.prepare(count);
        std::int32_t* const ids = Records::data(out_.literals) + out_.literals.size();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t first = at_;
            std::uint32_t rank = byte();
            if (rank >= kOneByteRanks) {
                if (rank < 0xFF) {
                    rank = kOneByteRanks + ((rank - kOneByteRanks) << 8);
                    rank += byte();
                } else {
                    rank = byte();
                    rank |= byte() << 8;
                    rank |= byte() << 16;
                }
            }
            if (rank >= ids_by_rank_.size())
                refuse(first, "is a literal of rank " + std::to_string(rank) + "; there are " + std::to_string(ids_by_rank_.size()));
            ids[i] = ids_by_rank_[rank];
        }
        out_.literals.set_size(out_.literals.size() + count);
    }
    std::uint32_t byte() {
        if (at_ == end_) refuse(at_, "is beyond its block: it is cut short");
        return bytes_[at_++];
    }
    // Up to 28 bits: more than any operand has.
    std::int32_t number() {
        const std::size_t first = at_;
        std::uint32_t value = 0;
        for (int shift = 0; shift < 28; shift += 7) {
            const std::uint32_t next = byte();
            value |= (next & 0x7F) << shift;
            if (next < 0x80) return static_cast<std::int32_t>(value);
        }
        refuse(first, "begins a number of more than 28 bits");
    }
    std::int32_t length(std::int32_t least, std::size_t first) {
        const std::int32_t count = least + number();
        if (count > static_cast<std::int32_t>(rules_.max_length()))
            refuse(first, "begins a record of " + std::to_string(count) + " ids; " + std::to_string(rules_.max_length()) + " are the most");
        return count;
    }

    const OpcodeRules& rules_;
    std::span<const std::uint8_t> bytes_;
    std::span<const std::int32_t> ids_by_rank_;
    Records& out_;
    RecordLengths lengths_;
    std::size_t at_ = 0, end_ = 0;
};

// Ids by falling frequency, equal ones by rising id.
std::vector<std::int32_t> rank_ids(const OpcodeRules& rules, std::span<const std::int32_t> literals) {
    std::vector<std::uint64_t> counts(static_cast<std::size_t>(rules.vocab_size()));
    for (const std::int32_t id : literals) ++counts[static_cast<std::size_t>(id)];
    std::vector<std::int32_t> ids;
    for (std::size_t id = 0; id < counts.size(); ++id)
        if (counts[id] != 0) ids.push_back(static_cast<std::int32_t>(id));
    std::stable_sort(ids.begin(), ids.end(), [&](std::int32_t a, std::int32_t b) {
        return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
    });
    return ids;
}

}  // namespace

PackedOpcodes pack(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets, Cancel& cancel) {
    check_base_ids(rules, view.literals, 0);
    PackedOpcodes out;
    out.ids_by_rank = rank_ids(rules, view.literals);
    std::vector<std::uint32_t> ranks(static_cast<std::size_t>(rules.vocab_size()));
    for (std::size_t rank = 0; rank < out.ids_by_rank.size(); ++rank)
        ranks[static_cast<std::size_t>(out.ids_by_rank[rank])] = static_cast<std::uint32_t>(rank);
    BytesWriter writer(out.bytes, ranks);
    std::span<const std::int32_t> literals = view.literals;
    std::int64_t base = 0;
    const auto begin_block = [&] {
        out.byte_offsets.push_back(static_cast<std::int64_t>(out.bytes.size()));
        out.base_offsets.push_back(base);
    };
    for (std::size_t d = 0; d + 1 < offsets.size(); ++d) {
        out.document_offsets.push_back(static_cast<std::int64_t>(out.byte_offsets.size()));
        begin_block();
        for (auto r = static_cast<std::size_t>(offsets[d]); r < static_cast<std::size_t>(offsets[d + 1]); ++r) {
            writer.write(view[r], literals, static_cast<std::int64_t>(r));
            base += view.base_counts[r];
            if (static_cast<Op>(view.ops[r]) == Op::reset) begin_block();
            if (r % kStepRecords == 0) cancel.poll();
        }
    }
    out.document_offsets.push_back(static_cast<std::int64_t>(out.byte_offsets.size()));
    begin_block();
    return out;
}

OpcodeDocuments unpack(const OpcodeRules& rules, std::span<const std::uint8_t> bytes, std::span<const std::int64_t> byte_offsets,
                       std::span<const std::int32_t> ids_by_rank, Cancel& cancel) {
    OpcodeDocuments out;
    BytesReader reader(rules, bytes, ids_by_rank, out.records);
    for (std::size_t i = 0; i + 1 < byte_offsets.size(); ++i) {
        reader.read_block(static_cast<std::size_t>(byte_offsets[i]), static_cast<std::size_t>(byte_offsets[i + 1]), cancel);
        out.ends.push_back(out.records.size());
        out.literal_ends.push_back(out.records.literals.size());
    }
    out.records.finish();
    return out;
}

}  // namespace tokmill::condensed
