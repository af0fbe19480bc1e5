// The door of the room: stages composed block by block, so that each stage finds what the one before it made in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "documents/documents.hpp"
#include "ngrams/ngrams.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::pipeline {

// Appends the ids of all documents to `ids` and the n-gram rows of each id, token by token, to `rows` (of int32 or int64),
// which both are empty. `ends` gets the number of ids up to the end of each document. The same as one stage after the other,
// for any number of threads.
void encode_with_rows(const tokens::Tokenizer& tokenizer, const ngrams::Plan& plan, std::span<const documents::Document> documents,
                      const tokens::EncodeOptions& options, std::size_t threads, bool with_offsets, tokens::IdArray& ids,
                      std::vector<std::uint64_t>& ends, tokens::IdArray& rows, Cancel& cancel);

}  // namespace tokmill::pipeline
