// Documents in, counts of their pretokens out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cancel.hpp"
#include "documents/documents.hpp"
#include "pretokens/pretokens.hpp"
#include "training/bounded_counts.hpp"

namespace tokmill::training {

// Adds the pretokens of all documents to `counts`, each `weight` times. The sums do not depend on `threads` nor on how text is
// spread over calls. If a document is refused (Error(invalid_utf8), naming it), the caller stops it or a disk is full, nothing is added.
void count_documents(std::span<const documents::Document> documents, const pretokens::Scanner& scanner, documents::Invalid invalid,
                     std::int64_t weight, std::size_t threads, BoundedCounts& counts, Cancel& cancel);

}  // namespace tokmill::training
