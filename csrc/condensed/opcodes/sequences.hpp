// Writers and readers of many documents that grow step by step, by the protocol of condensed/sequences.hpp: forked, reordered, taken back.
// However the ids of a document come, its records are those of condense(); however the records come, their ids are those of expand().
// A sequence keeps what the rules ask for, however long its documents are. Not for use by two threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/opcodes/reader.hpp"
#include "condensed/opcodes/records.hpp"
#include "condensed/opcodes/rules.hpp"
#include "condensed/opcodes/writer.hpp"
#include "condensed/sequences.hpp"

namespace tokmill::condensed {

// Base ids of one document after the other become records. The writer looks ahead anyway, so the last `most_rewind` ids are kept from it
// as well: taking them back is forgetting them, and a record that came out stays.
class OpcodeWriterSequence {
public:
    using Rules = OpcodeRules;
    static constexpr const char* kSteps = "ids";

    OpcodeWriterSequence(const OpcodeRules& rules, std::size_t most_rewind) : rules_(&rules), most_rewind_(most_rewind), writer_(rules) {}

    // Appends the records that base ids make certain.
    void take(std::span<const std::int32_t> ids, Records& out);
    // The rest and the EOD; the next id begins a document.
    void end_document(Records& out);

    std::uint64_t base_count() const noexcept { return base_count_; }  // of the document so far
    std::size_t pending() const noexcept { return held_.size() - at_ + writer_.pending(); }
    std::size_t rewindable() const noexcept { return held_.size() - shown_; }
    void rewind(std::size_t ids) {
        held_.resize(held_.size() - ids);
        base_count_ -= ids;
    }

private:
    void write(bool is_end, Records& out);

    const OpcodeRules* rules_;
    std::size_t most_rewind_;
    OpcodeWriter writer_;
    // What the writer still needs [0, at_), what it may take [at_, shown_), and what it is not to see yet.
    std::vector<std::int32_t> held_;
    std::size_t at_ = 0;
    std::size_t shown_ = 0;
    std::uint64_t base_count_ = 0;
};

class OpcodeWriterSequences : public Sequences<OpcodeWriterSequence> {
public:
    using Sequences::Sequences;

    // One id a sequence, a negative one for none; ends[i]: where the records of sequence i end in `out`. Error(unknown_id) with the
    // sequence; nothing has changed then.
    void step(std::span<const std::int32_t> ids, Records& out, std::vector<std::uint64_t>& ends);
    // Many ids of one sequence. Error(unknown_id) with the index; nothing has changed then.
    void extend(std::size_t sequence, std::span<const std::int32_t> ids, Records& out, Cancel& cancel);
};

// Records of one document after the other become base ids.
class OpcodeReaderSequence {
public:
    using Rules = OpcodeRules;
    static constexpr const char* kSteps = "records";

    OpcodeReaderSequence(const OpcodeRules& rules, std::size_t most_rewind);

    // Appends the base ids of records [begin, end). Error(stream) with the index of one that cannot be; nothing has changed then.
    void read(const RecordsView& view, std::size_t begin, std::size_t end, std::span<const std::int32_t>& literals,
              std::vector<std::int32_t>& out);
    // Everything read since the last settle() can be taken back, behind it no more than the rules say.
    void take_back(std::size_t records);
    void settle();

    std::span<const std::int32_t> domains() const noexcept { return reader_.domains(); }
    bool is_between() const noexcept { return reader_.has_ended(); }   // no document is open
    std::uint64_t base_count() const noexcept { return base_count_; }  // of the document so far
    std::size_t rewindable() const noexcept { return steps_.size() < most_rewind_ ? steps_.size() : most_rewind_; }
    void rewind(std::size_t records) { take_back(records); }

private:
    struct Step {
        OpcodeReader::Mark mark;
        std::uint64_t base_count;
        std::size_t made;  // ids
    };

    const OpcodeRules* rules_;
    std::size_t most_rewind_;
    OpcodeReader reader_;
    std::vector<Step> steps_;            // the last ones
    std::size_t made_ = 0;               // ids of all `steps_`
    std::vector<std::int32_t> history_;  // ids that a record may reach, and those of `steps_`
    std::uint64_t base_count_ = 0;
};

class OpcodeReaderSequences : public Sequences<OpcodeReaderSequence> {
public:
    using Sequences::Sequences;

    // Records offsets[i] to offsets[i + 1] are of sequence i, and take all of the literals; ends[i]: where its base ids end in `out`.
    // Error(stream) with the index of a record, Error(unknown_id) with that of a literal; nothing has changed then.
    void step(const RecordsView& view, std::span<const std::int64_t> offsets, std::vector<std::int32_t>& out,
              std::vector<std::uint64_t>& ends);
    void extend(std::size_t sequence, const RecordsView& view, std::vector<std::int32_t>& out);
};

}  // namespace tokmill::condensed
