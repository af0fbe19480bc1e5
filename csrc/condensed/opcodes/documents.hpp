// Whole documents at once: base ids to records and back, documents shared among threads; and documents whose ids or records come in
// pieces.
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

namespace tokmill::condensed {

// A stretch of base ids of one domain.
struct DomainSpan {
    std::int64_t begin;
    std::int64_t end;
    std::int32_t domain;
};

struct OpcodeOptions {
    std::span<const std::int64_t> barriers;  // places in the stream of base ids, rising, that no record but LIT crosses
    std::span<const DomainSpan> spans;       // rising and apart; no record but LIT crosses their bounds
};

// Documents of records, back to back.
struct OpcodeDocuments {
    Records records;
    std::vector<std::uint64_t> ends;          // records up to the end of each document
    std::vector<std::uint64_t> literal_ends;  // literals
};

// `offsets` are the bounds of the documents: they rise from 0 to the number of ids. What comes out does not depend on `threads`.
// Error(unknown_id) for an id outside of the vocabulary, with its place in `ids`.
OpcodeDocuments condense(const OpcodeRules& rules, std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                         const OpcodeOptions& options, std::size_t threads, Cancel& cancel);

// What a stretch of records has to be.
enum class Stretch : std::uint8_t {
    documents,  // whole documents: the last record of each is its EOD
    fragments,  // each begins behind a RESET or with its document, and ends anywhere
};

struct ExpandedOpcodes {
    tokens::IdArray ids;
    std::vector<std::uint64_t> ends;  // base ids up to the end of each stretch
};

// Stretch s are the records from offsets[s] to offsets[s + 1] and the literals from literal_offsets[s] to literal_offsets[s + 1].
// Error(stream) with the index of a record that cannot be, Error(unknown_id) with the place of a literal that is no base id.
ExpandedOpcodes expand(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets,
                       std::span<const std::int64_t> literal_offsets, Stretch stretch, std::size_t threads, Cancel& cancel);

// A document whose ids come in pieces: all pieces together give what condense() gives for the whole, in memory of the rules' size.
class PiecewiseOpcodes {
public:
    explicit PiecewiseOpcodes(const OpcodeRules& rules) : rules_(&rules), writer_(rules) {}

    // Appends the records that have become certain. Error(unknown_id) with `position` + the index of an id outside of the vocabulary.
    void take(std::span<const std::int32_t> ids, std::int64_t position, Records& out, Cancel& cancel);
    // The rest and the EOD; the next id begins a document.
    void end_document(Records& out);

private:
    void write(bool is_end, Records& out);

    const OpcodeRules* rules_;
    OpcodeWriter writer_;
    std::vector<std::int32_t> held_;  // what the writer still needs, then what it has not taken
    std::size_t at_ = 0;              // the first id that is not taken
};

// Records that come one after the other, of documents back to back, read in memory of the rules' size.
class PiecewiseReader {
public:
    explicit PiecewiseReader(const OpcodeRules& rules) : rules_(&rules), reader_(rules) {}

    // Appends the base ids of more records, which take all of their literals. If it throws, nothing has changed.
    void take(const RecordsView& view, std::vector<std::int32_t>& out);
    std::span<const std::int32_t> domains() const noexcept { return reader_.domains(); }
    // Whether the last record was an EOD, or there was none yet.
    bool is_between() const noexcept { return is_between_; }

private:
    const OpcodeRules* rules_;
    OpcodeReader reader_;
    std::vector<std::int32_t> history_;
    bool is_between_ = true;
};

}  // namespace tokmill::condensed
