// Whole documents at once: base ids to records and back, documents shared among threads.
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

}  // namespace tokmill::condensed
