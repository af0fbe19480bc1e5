// The door of the room: stages composed block by block, so that each stage finds what the one before it made in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/condensed.hpp"
#include "documents/documents.hpp"
#include "ngrams/ngrams.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::pipeline {

// What becomes of the ids. A stage that is null is left out.
struct Stages {
    const ngrams::Plan* plan = nullptr;               // n-gram rows of the base ids
    bool with_table_offsets = false;                  // rows count through all tables of a layer
    const condensed::Condenser* condenser = nullptr;  // condensed ids, beside the base ids
    const condensed::OpcodeRules* opcodes = nullptr;  // records, beside the base ids
};

// Of documents laid end to end; made empty, with the types that are wanted: `rows` is of int32 or int64, and `ids` of int32 if they
// are to be condensed.
struct Products {
    tokens::IdArray ids;
    std::vector<std::uint64_t> ends;  // ids up to the end of each document
    tokens::IdArray rows;             // token by token, a number a table
    condensed::Condensed condensed;
    condensed::OpcodeDocuments opcodes;
};

// The same as one stage after the other, for any number of threads. Error(unknown_id) if the condenser knows fewer ids than the tokenizer.
void run(const tokens::Tokenizer& tokenizer, const Stages& stages, std::span<const documents::Document> documents,
         const tokens::EncodeOptions& options, std::size_t threads, Products& products, Cancel& cancel);

}  // namespace tokmill::pipeline
