// The door of the room: text to ids and back. A Tokenizer is immutable; any number of threads may call it at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "base/sections.hpp"
#include "cpu/isa.hpp"
#include "documents/documents.hpp"
#include "pretokens/pretokens.hpp"
#include "tokens/added_tokens.hpp"
#include "tokens/decode.hpp"
#include "tokens/decode_chain.hpp"
#include "tokens/encode_options.hpp"
#include "tokens/encoder.hpp"
#include "tokens/framing.hpp"
#include "tokens/id_array.hpp"
#include "tokens/preprocessing.hpp"
#include "tokens/spans.hpp"
#include "tokens/tiling.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// What encode() is asked to say of each token besides its id, and what it says.
struct SpanRequest {
    documents::PlaceUnit unit = documents::PlaceUnit::character;
    bool with_words = false;
    bool has_frame = false;  // tokens are going to be put around the text

    IdArray spans{IdType::int64};  // begin and end of each token in turn, in its document as its owner keeps it
    IdArray words{IdType::int32};  // if asked for: which of its document's words (pretokens and added tokens) it is of
};

class Tokenizer {
public:
    // Error(vocabulary) if the spec breaks a rule, Error(pattern) if its pattern is none of the known ones.
    Tokenizer(vocab::Spec spec, cpu::Isa isa, Cancel& cancel);
    // From a tokenizer.json; besides these Error(unsupported).
    Tokenizer(formats::TokenizerJson file, cpu::Isa isa, Cancel& cancel);
    // From a snapshot; the bytes have to outlive the tokenizer. With `table_sizes`, every slot has tables of these.
    Tokenizer(const SectionReader& snapshot, cpu::Isa isa, std::optional<TableSizes> table_sizes = std::nullopt);
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;
    ~Tokenizer();

    void save(SectionWriter& out) const;

    // Appends the ids of all documents, in order, to `ids`. `ends`, if not null, gets the number of ids up to the end of
    // each document. The result does not depend on `threads`.
    void encode(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray& ids,
                std::vector<std::uint64_t>* ends, Cancel& cancel) const;
    // The same, and where each id stands; `ids` is empty. With words, documents are not cut for threads.
    void encode(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray& ids,
                std::vector<std::uint64_t>* ends, SpanRequest& request, Cancel& cancel) const;
    // The number of ids without the ids.
    std::uint64_t count(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads,
                        std::vector<std::uint64_t>* ends, Cancel& cancel) const;
    // Encodes from the front until there are at least `limit` ids, or the document ends; whole pretokens only.
    void encode_until(const documents::Document& document, const EncodeOptions& options, std::size_t limit, IdArray& ids,
                      Cancel& cancel) const;
    // The number of pretokens that the pattern cuts the document into; special tokens are text here.
    std::uint64_t count_pretokens(const documents::Document& document, documents::Invalid invalid, Cancel& cancel) const;
    // Appends the ids of bytes that are merged as one piece, not split into pretokens; they need not be UTF-8. With
    // `whole_first`, bytes that are a token are that token, as for a pretoken.
    void encode_piece(std::span<const std::uint8_t> bytes, bool whole_first, std::vector<std::uint32_t>& ids, Cancel& cancel) const;
    // The length of the last pretoken of a text in which special tokens are text; 0 if there is none.
    std::uint64_t last_pretoken_bytes(const documents::Document& document, Cancel& cancel) const;

    // For small inputs, when waiting is not allowed (the caller holds the interpreter lock): false if all slots are busy.
    bool try_encode(const documents::Document& document, const EncodeOptions& options, Sink& sink, Cancel& cancel) const;
    bool try_encode(const documents::Document& document, const EncodeOptions& options, IdArray& ids, SpanRequest& request,
                    Cancel& cancel) const;

    // Summed over all slots; only exact while nobody encodes.
    TableStatistics statistics() const;

    const vocab::Vocabulary& vocabulary() const noexcept { return vocabulary_; }
    const vocab::Merges& merges() const noexcept { return merges_; }
    // What cuts text into pretokens in one go; null if that takes the steps of a preprocessing.
    const pretokens::Scanner* scanner() const noexcept { return scanner_ ? &*scanner_ : nullptr; }
    // What a tokenizer.json has around its vocabulary; null for other vocabularies.
    const Preprocessing* preprocessing() const noexcept { return preprocessing_.get(); }
    // Bytes of ids by table. Where has_chain(), that is not how the file decodes: decode_chain() is.
    const DecodeTable& decode_table() const;
    bool has_chain() const noexcept { return preprocessing_ != nullptr && !DecodeChain::is_byte_level(preprocessing_->components()); }
    const DecodeChain& decode_chain() const;
    cpu::Isa isa() const noexcept { return isa_; }
    // Does a call take the way of Preparation, which reads texts whole?
    bool needs_preparation(const EncodeOptions& options) const noexcept;
    // Where a document may be cut, and its stretches encoded apart.
    documents::Cuts cuts(const EncodeOptions& options) const noexcept;
    // Do ids say all of the text, byte by byte? Not if a normalizer, a split or a missing byte may change it on the way.
    bool keeps_text() const noexcept { return preprocessing_ == nullptr || preprocessing_->is_plain(); }

private:
    friend class StreamEncoder;

    struct Tables {
        vocab::Vocabulary vocabulary;
        vocab::Merges merges;
    };
    static Tables build(vocab::Spec spec, Cancel& cancel);
    bool allows_safe_cuts() const noexcept;
    Tokenizer(Tables tables, std::unique_ptr<const formats::Components> components, cpu::Isa isa);
    std::optional<pretokens::Scanner> make_scanner() const;

    // Word tables and scratch belong to slots, not to threads: as many as threads run at once, however many call.
    struct Slot {
        std::atomic<std::uint64_t> owner{0};  // 0: free; else 1 + the fork generation of who holds it
        std::unique_ptr<Encoder> encoder;
    };
    class Lease;
    static constexpr std::size_t kMaxSlots = 256;

    Lease try_claim(std::size_t slot) const;  // an empty lease if somebody holds the slot; it may have no encoder yet
    Lease try_acquire(std::size_t slot, bool is_large_call = false) const;  // ... with an encoder
    // Waits for one of the first `slots`, and takes the favourite if it can.
    Lease acquire(std::size_t slots, Cancel& cancel, std::size_t favourite = 0, bool is_large_call = false) const;
    void make_first_slot() const;
    void encode_documents(Encoder& encoder, std::span<const documents::Document> documents, const EncodeOptions& options, Sink& sink,
                          Cancel& cancel) const;

    SpanSink span_sink(const SpanRequest& request) const;
    const SpanTable& span_table(SpanCount count) const;
    const SpanTable& span_table(documents::PlaceUnit unit) const;
    SpanLayout span_layout(const SpanRequest& request, const EncodeOptions& options) const;
    EncodeOptions options_with_spans(const EncodeOptions& options, const SpanRequest& request) const;
    const pretokens::Scanner& uncut_scanner() const;
    void run_parts(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray* ids,
                   std::vector<std::uint64_t>* ends, std::uint64_t& id_count, SpanRequest* request, Cancel& cancel) const;

    const std::optional<TableSizes> table_sizes_;
    const vocab::Vocabulary vocabulary_;
    const vocab::Merges merges_;
    const std::unique_ptr<const Preprocessing> preprocessing_;
    std::optional<pretokens::Scanner> scanner_;     // neither this nor the next ever changes
    std::unique_ptr<const Superwords> superwords_;  // once the constructor is done; null: encoded in one level
    const cpu::Isa isa_;
    mutable std::array<Slot, kMaxSlots> slots_;
    mutable std::atomic<const DecodeTable*> decode_table_{nullptr};  // made at the first use
    mutable std::atomic<const DecodeChain*> decode_chain_{nullptr};
    mutable std::array<std::atomic<const SpanTable*>, 3> span_tables_{};  // by SpanCount
    mutable std::atomic<const pretokens::Scanner*> uncut_scanner_{nullptr};
};

// Text that arrives in pieces, ids as if it had come at once. Holds back what later text may still change. Not for use by
// two threads at once.
class StreamEncoder {
public:
    StreamEncoder(const Tokenizer& tokenizer, const EncodeOptions& options);

    // Goes on with the document; any cut will do, also inside of a character.
    void feed(std::span<const std::uint8_t> bytes, IdArray& ids, Cancel& cancel);
    // The end of the document; what is fed next begins another one.
    void finish(IdArray& ids, Cancel& cancel);

private:
    void take(const documents::Document& document, bool last, IdArray& ids, Cancel& cancel);

    const Tokenizer& tokenizer_;
    EncodeOptions options_;
    pretokens::Chunk chunk_;
    std::vector<std::uint8_t> cut_character_;  // its first bytes, at the end of what was fed last
    std::size_t fed_bytes_ = 0;                // of the document, before cut_character_
    std::vector<std::uint8_t> whole_;          // the document so far, if it has to be read whole
};

}  // namespace tokmill::tokens
