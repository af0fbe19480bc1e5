// What one thread needs to encode: a word table and scratch space. Belongs to a slot of a Tokenizer (see tokens.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "cpu/isa.hpp"
#include "tokens/encode_options.hpp"
#include "tokens/id_array.hpp"
#include "tokens/kernels/kernels.hpp"
#include "tokens/merging.hpp"
#include "tokens/preparation.hpp"
#include "tokens/spans.hpp"
#include "tokens/word_table.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

class SuperwordPass;
class Superwords;

// Knows where the ids of one part of a text go; see placing.hpp.
class Place {
public:
    // The part has `more` ids beyond those in `so_far`, and no further ones: the array that they go to.
    virtual IdArray* take(IdArray* so_far, std::uint64_t more) = 0;

protected:
    ~Place() = default;
};

// Where the ids of a chunk go.
struct Sink {
    IdArray* ids = nullptr;                               // null: count only
    std::vector<std::uint64_t>* document_ends = nullptr;  // gets `id_count` at the end of each document, if not null
    std::uint64_t id_count = 0;                           // ids so far
    Place* place = nullptr;                               // asked before the last ids are written, if not null
    bool last = false;                                    // the next ids are the last
    SpanSink* spans = nullptr;                            // where each id stands, if somebody wants to know
};

// How well the word table serves, since it was made.
struct TableStatistics {
    std::uint64_t table_bytes = 0;
    std::uint64_t lookups = 0;        // pretokens, or parts of them between safe cuts
    std::uint64_t misses = 0;         // those that were not in the table of words
    std::uint64_t missing_bytes = 0;  // bytes that are no tokens and were left out
    std::uint64_t merges = 0;         // those that had to be merged: in no table, and met for the first time in their chunk
};

class Encoder {
public:
    Encoder(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, cpu::Isa isa, const TableSizes& sizes);
    // In two levels.
    Encoder(const Superwords& superwords, cpu::Isa isa, const TableSizes& sizes);
    ~Encoder();

    void encode(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel);
    // The complete pretokens of a chunk.
    void encode(pretokens::Chunk& chunk, Sink& sink, Cancel& cancel);

    // The chunk that calls on whole documents use; streams bring their own.
    pretokens::Chunk& chunk() noexcept { return chunk_; }
    // ... and the way of texts that are not plain.
    Preparation& preparation();
    // Between two calls: an empty chunk, and back goes the memory that only a giant pretoken needed.
    void rest() noexcept;
    TableStatistics statistics() const noexcept;
    std::size_t word_table_bytes() const noexcept { return std::size_t(table_.mask()) + sizeof(Bucket); }
    // Begins again with tables of other sizes.
    void replace_tables(const TableSizes& sizes);

private:
    // Gives out those ids, by symbol.
    Encoder(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, std::span<const std::uint32_t> ids, cpu::Isa isa,
            const TableSizes& sizes);

    // The ids of one miss. While they are not known: null, and `count` is the miss of the same chunk that has the same
    // bytes, or kPending.
    struct Answer {
        const std::uint32_t* ids;
        std::uint32_t count;
    };
    static constexpr std::uint32_t kPending = ~std::uint32_t(0);

    void encode_words(const pretokens::Pretokens& words, Sink& sink, Cancel& cancel);
    void sort_misses(const std::uint8_t* text, std::uint32_t text_end, std::uint32_t miss_count, Cancel& cancel);
    void sort_word(const std::uint8_t* text, std::uint32_t miss);
    bool look_up_piece(const std::uint8_t* text, std::uint32_t miss, std::uint32_t* ids);
    void merge_and_remember();
    void remember_piece(const std::uint8_t* bytes, std::uint32_t length, const std::uint32_t* ids, std::uint32_t id_count) noexcept;
    void to_ids(vocab::Symbol* symbols, std::uint32_t count) const noexcept;

    template <class Id>
    void assemble(std::span<const std::uint32_t> special_ids, ProbeResult found, Sink& sink);
    void assemble_counts(ProbeResult found, Sink& sink);
    void end_document(Sink& sink, std::uint64_t id_count);
    void append_spans(const pretokens::Pretokens& pretokens, ProbeResult found, SpanSink& sink) const;

    const vocab::Vocabulary& vocabulary_;
    const vocab::Merges& merges_;
    const std::span<const std::uint32_t> symbol_ids_;
    const bool ids_are_symbols_;
    const ProbeKernels& probe_kernels_;
    const MergeKernels& merge_kernels_;
    WordTable table_;
    pretokens::Chunk chunk_;
    std::unique_ptr<Preparation> preparation_;
    std::unique_ptr<SuperwordPass> superwords_;  // of a vocabulary in two levels: vocabulary_ and merges_ are the first one then
    TableStatistics statistics_;
    LongPieceScratch long_scratch_;

    // Scratch of one chunk.
    Buffer<std::uint32_t> ids_;  // what the probe found, without the misses
    Buffer<Miss> misses_;
    Buffer<Answer> answers_;             // one a miss
    Buffer<MergeJob> word_jobs_;         // misses of up to kMaxWordBytes to be merged, each once
    Buffer<MergeJob> window_jobs_;       // those of up to kMaxWindowBytes
    Buffer<std::uint32_t> word_misses_;  // which miss a job is for
    Buffer<std::uint32_t> window_misses_;
    Buffer<std::uint32_t> symbols_;       // where jobs and look-ups put what they find
    Buffer<std::uint32_t> recent_words_;  // by hash: the last word miss of this chunk, to find repeats
    std::uint32_t word_job_count_ = 0;
    std::uint32_t window_job_count_ = 0;
    std::size_t symbol_count_ = 0;
    std::uint32_t recent_mask_ = 0;
};

}  // namespace tokmill::tokens
