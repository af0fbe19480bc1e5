#include "pipeline/pipeline.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace tokmill::pipeline {

namespace {

// Text that goes through all stages before the next does: its ids are some 200 KB and stay in the second cache. Several threads
// wait for each other at the end of each stage of a block, so theirs are larger (2 threads, 10 MB of English: 15.6 ms with
// blocks of 2 MB, 14.5 with one), and their ids stay in the third cache at best.
constexpr std::size_t kBlockBytes = std::size_t(256) << 10;
constexpr std::size_t kBlockBytesOfThreads = std::size_t(32) << 20;
ngrams::IdType id_type(tokens::IdType type) noexcept {
    switch (type) {
        case tokens::IdType::uint16: return ngrams::IdType::uint16;
        case tokens::IdType::uint32: return ngrams::IdType::uint32;
        case tokens::IdType::int32: return ngrams::IdType::int32;
        case tokens::IdType::int64: return ngrams::IdType::int64;
    }
    return ngrams::IdType::int32;
}

// The n-gram rows of the documents that a block ends or leaves open.
class RowsStage {
public:
    RowsStage(const ngrams::Plan& plan, bool with_table_offsets, std::size_t text_bytes, Products& products)
        : plan_(plan),
          with_table_offsets_(with_table_offsets),
          wide_(products.rows.type() == tokens::IdType::int64),
          text_bytes_(text_bytes),
          products_(products) {
        if (!wide_) ngrams::check_int32(plan, with_table_offsets);
    }

    // `documents` hold the ids from `first` on, the first of them also those that came before.
    void take(const std::vector<ngrams::Document>& documents, std::size_t first, std::size_t block_bytes, std::size_t threads,
              Cancel& cancel) {
        const tokens::IdArray& ids = products_.ids;
        tokens::IdArray& rows = products_.rows;
        done_bytes_ += block_bytes;
        if (ids.size() * plan_.table_count() > rows.capacity()) {
            // As many ids a byte as so far, and an eighth more: memory that grew step by step would be moved, in small pages.
            const double expected = 1.125 * static_cast<double>(ids.size()) / static_cast<double>(std::max<std::size_t>(done_bytes_, 1));
            const auto all = static_cast<std::size_t>(expected * static_cast<double>(text_bytes_)) + ids.size() - first;
            rows.reserve(std::max(all, ids.size()) * plan_.table_count());
        }
        const ngrams::Document whole{0, ids.size()};
        const bool crosses = plan_.spec().boundary == ngrams::Boundary::cross;
        ngrams::write_rows(plan_, {ids.data(), ids.size(), id_type(ids.type())}, crosses ? std::span(&whole, 1) : std::span(documents),
                           {rows.data(), wide_, plan_.table_count(), 1}, with_table_offsets_, threads, cancel, nullptr, first);
        rows.set_size(ids.size() * plan_.table_count());
    }

private:
    const ngrams::Plan& plan_;
    bool with_table_offsets_;
    bool wide_;
    std::size_t text_bytes_;
    std::size_t done_bytes_ = 0;
    Products& products_;
};

// The condensed ids of a block's documents. One thread takes them piece by piece; several share those that lie in the block as a
// whole, and one of them takes the piece before and the piece behind.
class CondenseStage {
public:
    CondenseStage(const condensed::Condenser& condenser, std::size_t text_bytes, std::size_t most_document_bytes, Products& products)
        : condenser_(condenser), pieces_(condenser.pieces(most_document_bytes)), text_bytes_(text_bytes), products_(products) {
        products.condensed.ends.reserve(products.ends.capacity());
    }

    // The documents that have ended since the last call, and the ids of the one that goes on.
    void take(std::size_t threads, Cancel& cancel) {
        const std::vector<std::uint64_t>& ends = products_.ends;
        std::vector<std::uint64_t>& condensed_ends = products_.condensed.ends;
        const auto end_next = [&] {
            take_up_to(ends[condensed_ends.size()], cancel);
            pieces_->end_document(products_.condensed, cancel);
            condensed_ends.push_back(products_.condensed.ids.size());
        };
        if (threads > 1 && condensed_ends.size() < ends.size()) {
            const bool continues = taken_ != (condensed_ends.empty() ? 0 : ends[condensed_ends.size() - 1]);
            if (continues) end_next();
            take_whole_documents(threads, cancel);
        }
        while (condensed_ends.size() < ends.size()) end_next();
        take_up_to(products_.ids.size(), cancel);
    }

private:
    std::span<const std::int32_t> ids() const noexcept {
        return {static_cast<const std::int32_t*>(products_.ids.data()), products_.ids.size()};
    }
    void take_up_to(std::size_t end, Cancel& cancel) {
        if (end == taken_) return;
        // Only here: whole documents bring memory of their own.
        products_.condensed.ids.expect(text_bytes_);
        products_.condensed.base_counts.expect(text_bytes_);
        pieces_->take(ids().subspan(taken_, end - taken_), static_cast<std::int64_t>(taken_), products_.condensed, cancel);
        taken_ = end;
    }
    void take_whole_documents(std::size_t threads, Cancel& cancel) {
        condensed::Condensed& out = products_.condensed;
        std::vector<std::int64_t> offsets{0};
        for (std::size_t d = out.ends.size(); d < products_.ends.size(); ++d)
            offsets.push_back(static_cast<std::int64_t>(products_.ends[d] - taken_));
        const auto size = static_cast<std::size_t>(offsets.back());
        condensed::Condensed block = condenser_.condense(ids().subspan(taken_, size), offsets, threads, cancel);
        const std::size_t start = out.ids.size();
        if (start == 0) {  // mostly all there is
            out.ids = std::move(block.ids);
            out.base_counts = std::move(block.base_counts);
        } else {
            append(out.ids, block.ids);
            append(out.base_counts, block.base_counts);
        }
        for (const std::uint64_t end : block.ends) out.ends.push_back(start + end);
        taken_ += size;
    }
    static void append(tokens::IdArray& all, const tokens::IdArray& more) {
        all.prepare(more.size());
        if (more.size() != 0)
            std::memcpy(static_cast<std::int32_t*>(all.data()) + all.size(), more.data(), more.size() * sizeof(std::int32_t));
        all.set_size(all.size() + more.size());
    }

    const condensed::Condenser& condenser_;
    std::unique_ptr<condensed::PiecewiseCondenser> pieces_;
    std::size_t text_bytes_;
    Products& products_;
    std::size_t taken_ = 0;  // base ids
};

condensed::OpcodeDocuments write_opcodes(const condensed::OpcodeRules& rules, const Products& products, std::size_t threads,
                                         Cancel& cancel) {
    std::vector<std::int64_t> offsets{0};
    offsets.insert(offsets.end(), products.ends.begin(), products.ends.end());
    const std::span<const std::int32_t> ids{static_cast<const std::int32_t*>(products.ids.data()), products.ids.size()};
    return condensed::condense(rules, ids, offsets, {}, threads, cancel);
}

}  // namespace

void run(const tokens::Tokenizer& tokenizer, const Stages& stages, std::span<const documents::Document> documents,
         const tokens::EncodeOptions& options, std::size_t threads, Products& products, Cancel& cancel) {
    std::size_t bytes = 0;
    std::size_t most_document_bytes = 0;
    for (const documents::Document& document : documents) {
        bytes += document.byte_size();
        most_document_bytes = std::max(most_document_bytes, document.byte_size());
    }
    tokens::IdArray& ids = products.ids;
    ids.expect(bytes);
    products.ends.reserve(documents.size());
    std::optional<RowsStage> rows_stage;
    if (stages.plan != nullptr) rows_stage.emplace(*stages.plan, stages.with_table_offsets, bytes, products);
    std::optional<CondenseStage> condense_stage;
    if (stages.condenser != nullptr) condense_stage.emplace(*stages.condenser, bytes, most_document_bytes, products);
    documents::Parts blocks(documents, threads > 1 ? kBlockBytesOfThreads : kBlockBytes, tokenizer.cuts(options));
    documents::Part block;
    std::vector<std::uint64_t> stretch_ends;
    std::vector<ngrams::Document> block_documents;
    std::uint64_t document_begin = 0;
    while (blocks.next(block)) {
        cancel.poll();
        const std::size_t first = ids.size();
        stretch_ends.clear();
        tokenizer.encode(block.stretches, options, threads, ids, &stretch_ends, cancel);
        block_documents.clear();
        for (std::size_t i = 0; i < block.stretches.size(); ++i) {
            if (!block.ends_document[i]) continue;
            const std::uint64_t end = first + stretch_ends[i];
            products.ends.push_back(end);
            if (document_begin < end) block_documents.push_back({document_begin, end});
            document_begin = end;
        }
        if (document_begin < ids.size()) block_documents.push_back({document_begin, ids.size()});
        if (rows_stage) rows_stage->take(block_documents, first, block.byte_size, threads, cancel);
        if (condense_stage) condense_stage->take(threads, cancel);
    }
    // Not block by block: looking for copies takes far longer than fetching the ids from memory.
    if (stages.opcodes != nullptr) products.opcodes = write_opcodes(*stages.opcodes, products, threads, cancel);
}

}  // namespace tokmill::pipeline
