#include "pipeline/pipeline.hpp"

#include <algorithm>

namespace tokmill::pipeline {

namespace {

// Text that goes through all stages before the next does: its ids are some 200 KB and stay in the second cache. Several threads
// wait for each other at the end of each stage of a block, so theirs are larger (2 threads, 10 MB of English: 15.6 ms with
// blocks of 2 MB, 14.5 with one), and their ids stay in the third cache at best.
constexpr std::size_t kBlockBytes = std::size_t(256) << 10;
constexpr std::size_t kBlockBytesOfThreads = std::size_t(32) << 20;
// How far back from the end of a block we look for a place to cut a document.
constexpr std::size_t kCutWindowUnits = 4096;

// Hands out the documents in blocks of about as many bytes, long ones cut where that is exact.
class Blocks {
public:
    Blocks(std::span<const documents::Document> documents, std::size_t block_bytes, bool may_cut)
        : documents_(documents), block_bytes_(block_bytes), may_cut_(may_cut) {}

    struct Block {
        std::vector<documents::Document> stretches;
        std::vector<bool> ends_document;
        std::size_t byte_size = 0;
    };

    bool next(Block& block) {
        block.stretches.clear();
        block.ends_document.clear();
        std::size_t& bytes = block.byte_size;
        bytes = 0;
        while (at_ < documents_.size() && bytes < block_bytes_) {
            const documents::Document& document = documents_[at_];
            const std::size_t unit_bytes = documents::unit_bytes(document.encoding);
            const std::size_t room = (block_bytes_ - bytes) / unit_bytes;
            std::size_t end = document.unit_count;
            if (may_cut_ && end - begin_ > room + kCutWindowUnits) {
                const std::size_t cut = documents::last_certain_start(document, begin_, begin_ + room + kCutWindowUnits, kCutWindowUnits);
                if (cut != begin_) end = cut;
            }
            block.stretches.push_back(document.stretch(begin_, end));
            block.ends_document.push_back(end == document.unit_count);
            bytes += (end - begin_) * unit_bytes;
            begin_ = end;
            if (end == document.unit_count) {
                ++at_;
                begin_ = 0;
            }
        }
        return !block.stretches.empty();
    }

private:
    std::span<const documents::Document> documents_;
    std::size_t block_bytes_;
    bool may_cut_;
    std::size_t at_ = 0;     // the document that comes next,
    std::size_t begin_ = 0;  // from this unit on
};

ngrams::IdType id_type(tokens::IdType type) noexcept {
    switch (type) {
        case tokens::IdType::uint16: return ngrams::IdType::uint16;
        case tokens::IdType::uint32: return ngrams::IdType::uint32;
        case tokens::IdType::int32: return ngrams::IdType::int32;
        case tokens::IdType::int64: return ngrams::IdType::int64;
    }
    return ngrams::IdType::int32;
}

}  // namespace

void encode_with_rows(const tokens::Tokenizer& tokenizer, const ngrams::Plan& plan, std::span<const documents::Document> documents,
                      const tokens::EncodeOptions& options, std::size_t threads, bool with_offsets, tokens::IdArray& ids,
                      std::vector<std::uint64_t>& ends, tokens::IdArray& rows, Cancel& cancel) {
    const bool wide = rows.type() == tokens::IdType::int64;
    if (!wide) ngrams::check_int32(plan, with_offsets);
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    ids.expect(bytes);
    ends.reserve(documents.size());
    const bool may_cut = tokenizer.may_cut_documents(options);
    Blocks blocks(documents, threads > 1 ? kBlockBytesOfThreads : kBlockBytes, may_cut);
    Blocks::Block block;
    std::vector<std::uint64_t> stretch_ends;
    std::vector<ngrams::Document> rows_documents;
    std::uint64_t document_begin = 0;
    std::size_t done_bytes = 0;
    while (blocks.next(block)) {
        cancel.poll();
        const std::size_t first = ids.size();
        stretch_ends.clear();
        tokenizer.encode(block.stretches, options, threads, ids, &stretch_ends, cancel);
        rows_documents.clear();
        for (std::size_t i = 0; i < block.stretches.size(); ++i) {
            if (!block.ends_document[i]) continue;
            const std::uint64_t end = first + stretch_ends[i];
            ends.push_back(end);
            if (document_begin < end) rows_documents.push_back({document_begin, end});
            document_begin = end;
        }
        if (document_begin < ids.size()) rows_documents.push_back({document_begin, ids.size()});
        if (plan.spec().boundary == ngrams::Boundary::cross) rows_documents.assign(1, {0, ids.size()});

        done_bytes += block.byte_size;
        if (ids.size() * plan.table_count() > rows.capacity()) {
            // As many ids a byte as so far, and an eighth more: memory that grew step by step would be moved, in small pages.
            const double expected = 1.125 * static_cast<double>(ids.size()) / static_cast<double>(std::max<std::size_t>(done_bytes, 1));
            const auto all = static_cast<std::size_t>(expected * static_cast<double>(bytes)) + ids.size() - first;
            rows.reserve(std::max(all, ids.size()) * plan.table_count());
        }
        ngrams::write_rows(plan, {ids.data(), ids.size(), id_type(ids.type())}, rows_documents, {rows.data(), wide, plan.table_count(), 1},
                           with_offsets, threads, cancel, nullptr, first);
        rows.set_size(ids.size() * plan.table_count());
    }
}

}  // namespace tokmill::pipeline
