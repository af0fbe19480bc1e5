// Spans of ids that are there already. In: the ids of documents, or of stretches of them that threads worked on. Out: the span of each,
// counted from the begin of its document as its owner keeps it.
//
// Where tokens tile their text as it came, ids alone say where they stand: a span begins where the one before ends, and an id says how far
// it leads. That is a sum over a table of one byte an id, and needs nothing of the way that the ids came about. Other
// documents (a normalizer changed them, bytes were left out) have been taken down block by block while they were encoded, see spans.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cancel.hpp"
#include "cpu/isa.hpp"
#include "documents/documents.hpp"
#include "tokens/id_array.hpp"
#include "tokens/spans.hpp"

namespace tokmill::tokens {

// Documents whose ids stand together; the first may begin, and the last end, inside of a document.
struct SpanPart {
    std::span<const documents::Document> stretches;
    std::span<const std::uint64_t> ends;  // ids up to the end of each, counted from first_id
    SpanSink* sink;                       // which of them tile, and the spans of the others, whose memory may be taken
    std::size_t first_id;
    bool ends_document;
};

struct SpanLayout {
    const SpanTable& table;
    documents::PlaceUnit unit;
    documents::Invalid invalid;
    bool has_frame;
    cpu::Isa isa;
};

// The spans of all ids of the parts, which stand one behind the other from the first id on, into `spans`. Parts are worked on by the
// threads of the pool.
void lay_spans(const SpanLayout& layout, std::span<const SpanPart> parts, const IdArray& ids, std::size_t threads, IdArray& spans,
               Cancel& cancel);

}  // namespace tokmill::tokens
