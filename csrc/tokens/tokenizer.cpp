#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "pool/pool.hpp"
#include "tokens/placing.hpp"
#include "tokens/superwords.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::tokens {

namespace {

// What IdArray::expect() is told: a str of two or four bytes a character has no more ids for that.
std::size_t unit_count(std::span<const documents::Document> documents) noexcept {
    std::size_t units = 0;
    for (const documents::Document& document : documents) units += document.unit_count;
    return units;
}

// Word tables: two entries a 64-byte bucket. The first slot, which a single thread always gets, has room for four times the
// vocabulary, at most 16 MiB for 524,288 words; with cl100k, 10 MB of English again ran at 496, 631, 711 and 745 MB/s with 2, 4, 8 and 16
// MiB. The further slots make do with 4 MiB, so that many threads stay cheap: with its scratch a slot costs the process less than 8 MB.
constexpr std::size_t kMostFirstTableBytes = std::size_t(16) << 20;
constexpr std::size_t kFurtherTableBytes = std::size_t(4) << 20;
// Threads that share a text of this size have tables as large as the first slot's: beside such a text they are small, and two threads then
// are 1.85 times as fast as one instead of 1.7.
constexpr std::size_t kLargeCallBytes = std::size_t(8) << 20;

TableSizes sizes_for_slot(std::size_t slot, bool is_large_call, const vocab::Vocabulary& vocabulary) {
    if (slot != 0 && !is_large_call) return {kFurtherTableBytes};
    const std::size_t wanted = std::bit_ceil(std::size_t(vocabulary.symbol_count()) * 4 * sizeof(Bucket) / 2);
    return {std::clamp(wanted, kFurtherTableBytes, kMostFirstTableBytes)};
}

// What one thread takes at a time: what fills one chunk with what the search for a cut may add, so that the place of its ids is known
// before any is written.
constexpr std::size_t kPartBytes = pretokens::kChunkBytes - 5120;
// Less text than this is not worth waking another thread.
constexpr std::size_t kLeastSharedBytes = 256 * 1024;

constexpr std::size_t kMaxCharacterBytes = 4;

// The regex of a rank file is tiktoken's.
constexpr pretokens::engine::Dialect kDialect = pretokens::engine::Dialect::tiktoken;

// The components that a snapshot holds, null if it was made of no tokenizer.json.
std::unique_ptr<const formats::Components> map_components(const SectionReader& snapshot) {
    if (!snapshot.has("components")) return nullptr;
    const std::span<const std::uint8_t> json = snapshot.get_bytes("components");
    try {
        return std::make_unique<const formats::Components>(
            formats::read_components({reinterpret_cast<const char*>(json.data()), json.size()}));
    } catch (const Error& error) {
        refuse_damaged(error.what());
    }
}

std::unique_ptr<const Preprocessing> make_preprocessing(std::unique_ptr<const formats::Components> components,
                                                        const vocab::Vocabulary& vocabulary, const vocab::Merges& merges) {
    return components == nullptr ? nullptr : std::make_unique<const Preprocessing>(*components, vocabulary, merges);
}

// A pattern that parts words at every space leaves no superwords in a text, whatever the vocabulary has.
std::unique_ptr<const Superwords> make_superwords(const std::optional<pretokens::Scanner>& scanner, const vocab::Vocabulary& vocabulary,
                                                  const vocab::Merges& merges) {
    return scanner && scanner->starts_behind_letters() ? nullptr : Superwords::find(vocabulary, merges);
}

}  // namespace

// Holds a slot, or nothing, and gives it back with no more memory than an idle slot keeps.
class Tokenizer::Lease {
public:
    Lease() = default;
    explicit Lease(Slot* slot) : slot_(slot) {}
    Lease(Lease&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
        if (slot_ == nullptr) return;
        if (slot_->encoder != nullptr) slot_->encoder->rest();
        slot_->owner.store(0, std::memory_order_release);
    }
    explicit operator bool() const noexcept { return slot_ != nullptr; }
    Encoder& encoder() const noexcept { return *slot_->encoder; }
    bool has_encoder() const noexcept { return slot_->encoder != nullptr; }
    std::size_t index(const Tokenizer& tokenizer) const noexcept { return static_cast<std::size_t>(slot_ - tokenizer.slots_.data()); }
    // An encoder with tables of at least these sizes.
    void provide_encoder(const Tokenizer& tokenizer, const TableSizes& sizes) const {
        if (!has_encoder()) {
            slot_->encoder = tokenizer.superwords_ == nullptr
                                 ? std::make_unique<Encoder>(tokenizer.vocabulary_, tokenizer.merges_, tokenizer.isa_, sizes)
                                 : std::make_unique<Encoder>(*tokenizer.superwords_, tokenizer.isa_, sizes);
        } else if (encoder().word_table_bytes() < sizes.word_bytes) {
            encoder().replace_tables(sizes);
        }
    }

private:
    Slot* slot_ = nullptr;
};

Tokenizer::Tables Tokenizer::build(vocab::Spec spec, Cancel& cancel) {
    const std::vector<std::pair<vocab::Symbol, vocab::Symbol>> parts = std::move(spec.parts);
    vocab::Placement placement = std::move(spec.placement);
    vocab::Vocabulary vocabulary = vocab::Vocabulary::build(std::move(spec), cancel);
    vocab::Merges merges =
        parts.empty() ? vocab::Merges::build(vocabulary, cancel) : vocab::Merges::build(vocabulary, parts, std::move(placement), cancel);
    return {std::move(vocabulary), std::move(merges)};
}

Tokenizer::Tokenizer(vocab::Spec spec, cpu::Isa isa, Cancel& cancel) : Tokenizer(build(std::move(spec), cancel), nullptr, isa) {}

Tokenizer::Tokenizer(formats::TokenizerJson file, cpu::Isa isa, Cancel& cancel)
    : Tokenizer(build(std::move(file.spec), cancel), std::make_unique<const formats::Components>(std::move(file.components)), isa) {}

Tokenizer::Tokenizer(Tables tables, std::unique_ptr<const formats::Components> components, cpu::Isa isa)
    : vocabulary_(std::move(tables.vocabulary)),
      merges_(std::move(tables.merges)),
      preprocessing_(make_preprocessing(std::move(components), vocabulary_, merges_)),
      isa_(isa) {
    scanner_ = make_scanner();
    superwords_ = make_superwords(scanner_, vocabulary_, merges_);
    make_first_slot();  // filled now, not at the first call
}

void Tokenizer::make_first_slot() const {
    Cancel never;
    acquire(1, never);
}

std::optional<pretokens::Scanner> Tokenizer::make_scanner() const {
    const bool safe_cuts = allows_safe_cuts();
    if (preprocessing_ == nullptr) return pretokens::Scanner(vocabulary_.pattern(), kDialect, vocabulary_, safe_cuts, isa_);
    if (preprocessing_->pattern()) return pretokens::Scanner(*preprocessing_->pattern(), vocabulary_, safe_cuts, isa_);
    if (preprocessing_->program() != nullptr) return pretokens::Scanner(*preprocessing_->program(), vocabulary_, safe_cuts, isa_);
    return std::nullopt;
}

Tokenizer::Tokenizer(const SectionReader& snapshot, cpu::Isa isa, std::optional<TableSizes> table_sizes)
    : table_sizes_(table_sizes),
      vocabulary_(vocab::Vocabulary::map(snapshot)),
      merges_(vocab::Merges::map(snapshot, vocabulary_)),
      preprocessing_(make_preprocessing(map_components(snapshot), vocabulary_, merges_)),
      scanner_([&]() -> std::optional<pretokens::Scanner> {
          const bool safe_cuts = allows_safe_cuts();
          if (preprocessing_ == nullptr) return pretokens::Scanner::map(snapshot, vocabulary_.pattern(), kDialect, safe_cuts, isa);
          if (preprocessing_->pattern())
              return pretokens::Scanner::map(snapshot, pretokens::regex(*preprocessing_->pattern()), kDialect, safe_cuts, isa);
          if (preprocessing_->program() != nullptr) return pretokens::Scanner::map(snapshot, *preprocessing_->program(), safe_cuts, isa);
          return std::nullopt;
      }()),
      superwords_(make_superwords(scanner_, vocabulary_, merges_)),
      isa_(isa) {
    make_first_slot();
}

// A part of a pretoken may only be encoded on its own if no whole pretoken is looked up past the merges, nor cut further by its beginning.
bool Tokenizer::allows_safe_cuts() const noexcept {
    return merges_.unreachable().empty() && (preprocessing_ == nullptr || preprocessing_->steps_behind().empty());
}

Tokenizer::~Tokenizer() {
    delete decode_table_.load(std::memory_order_relaxed);
    delete decode_chain_.load(std::memory_order_relaxed);
    for (const auto& table : span_tables_) delete table.load(std::memory_order_relaxed);
    delete uncut_scanner_.load(std::memory_order_relaxed);
}

void Tokenizer::save(SectionWriter& out) const {
    vocabulary_.save(out);
    merges_.save(out);
    if (scanner_) scanner_->save(out);
    if (preprocessing_ != nullptr) {
        const std::string& json = preprocessing_->components().json;
        out.add_bytes("components", json.data(), json.size());
    }
}

Tokenizer::Lease Tokenizer::try_claim(std::size_t index) const {
    Slot& slot = slots_[index];
    const std::uint64_t generation = pool::fork_generation();
    std::uint64_t owner = slot.owner.load(std::memory_order_relaxed);
    // A slot whose holder stayed behind in the parent of a fork is free, but its tables may be half-written.
    const bool orphaned = owner != 0 && owner != generation + 1;
    if ((owner != 0 && !orphaned) || !slot.owner.compare_exchange_strong(owner, generation + 1, std::memory_order_acquire)) return Lease();
    if (orphaned) slot.encoder.release();  // not destroyed: its holder may have been inside of the allocator
    return Lease(&slot);
}

Tokenizer::Lease Tokenizer::try_acquire(std::size_t index, bool is_large_call) const {
    Lease lease = try_claim(index);
    if (lease) lease.provide_encoder(*this, table_sizes_.value_or(sizes_for_slot(index, is_large_call, vocabulary_)));
    return lease;
}

Tokenizer::Lease Tokenizer::acquire(std::size_t slots, Cancel& cancel, std::size_t favourite, bool is_large_call) const {
    slots = std::clamp<std::size_t>(slots, 1, kMaxSlots);
    // Short sleeps instead of a condition variable: no lock that a fork could leave held, and Ctrl-C is answered here too.
    // With many waiting, one of them wakes soon.
    constexpr std::chrono::microseconds kShortest{20};
    constexpr std::chrono::microseconds kLongest{1000};
    for (std::chrono::microseconds pause = kShortest;; pause = std::min(2 * pause, kLongest)) {
        if (favourite < slots)
            if (Lease lease = try_acquire(favourite, is_large_call)) return lease;
        for (std::size_t i = 0; i < slots; ++i)
            if (Lease lease = try_acquire(i, is_large_call)) return lease;
        cancel.poll();
        std::this_thread::sleep_for(pause);
    }
}

namespace {

// Two threads may both make one; a lock would hang the child of a fork that came while it was held.
template <class T, class Make>
const T& made_once(std::atomic<const T*>& place, const Make& make) {
    const T* known = place.load(std::memory_order_acquire);
    if (known == nullptr) {
        std::unique_ptr<const T> fresh = make();
        if (place.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) known = fresh.release();
    }
    return *known;
}

}  // namespace

const DecodeTable& Tokenizer::decode_table() const {
    return made_once(decode_table_, [this] {
        return preprocessing_ == nullptr ? std::make_unique<const DecodeTable>(vocabulary_)
                                         : std::make_unique<const DecodeTable>(vocabulary_, preprocessing_->components());
    });
}

const DecodeChain& Tokenizer::decode_chain() const {
    return made_once(decode_chain_, [this] { return std::make_unique<const DecodeChain>(vocabulary_, *preprocessing_); });
}

const SpanTable& Tokenizer::span_table(SpanCount count) const {
    return made_once(span_tables_[static_cast<std::size_t>(count)], [this, count] {
        const formats::Components* const components = preprocessing_ != nullptr ? &preprocessing_->components() : nullptr;
        return std::make_unique<const SpanTable>(vocabulary_, components, count);
    });
}

const pretokens::Scanner& Tokenizer::uncut_scanner() const {
    return made_once(uncut_scanner_, [this] { return std::make_unique<const pretokens::Scanner>(scanner_->without_cuts(vocabulary_)); });
}

TableStatistics Tokenizer::statistics() const {
    TableStatistics sum;
    for (std::size_t i = 0; i < kMaxSlots; ++i) {
        const Lease lease = try_claim(i);
        if (!lease || !lease.has_encoder()) continue;
        const TableStatistics one = lease.encoder().statistics();
        sum.table_bytes += one.table_bytes;
        sum.lookups += one.lookups;
        sum.misses += one.misses;
        sum.merges += one.merges;
        sum.missing_bytes += one.missing_bytes;
    }
    return sum;
}

bool Tokenizer::needs_preparation(const EncodeOptions& options) const noexcept {
    return preprocessing_ != nullptr &&
           (!preprocessing_->is_plain() || (options.added != nullptr && !options.added->one_search_is_enough()));
}

void Tokenizer::encode_documents(Encoder& encoder, std::span<const documents::Document> documents, const EncodeOptions& options, Sink& sink,
                                 Cancel& cancel) const {
    const auto name_text = [](const documents::Document& document, const Error& error) {
        if (document.row == documents::Document::kNoRow || error.kind() == ErrorKind::interrupted) throw;
        throw Error(error.kind(), "text " + std::to_string(document.row) + ": " + error.what(), error.where());
    };
    // Words are whole pretokens.
    const bool with_words = sink.spans != nullptr && sink.spans->with_words;
    const pretokens::Scanner* const scanner = scanner_ && with_words ? &uncut_scanner() : this->scanner();
    if (needs_preparation(options)) {
        Preparation& preparation = encoder.preparation();
        const Preparation::Take take = [&](const pretokens::Pretokens& block) {
            if (sink.spans != nullptr) {
                sink.spans->writes = block.origins != nullptr;
                if (sink.spans->writes && sink.spans->spans.capacity() == 0) sink.spans->spans.expect(2 * unit_count(documents));
            }
            encoder.encode(block, sink, cancel);
        };
        for (const documents::Document& document : documents) {
            try {
                preparation.add(*preprocessing_, scanner, document, options, isa_, take, cancel);
            } catch (const Error& error) {
                name_text(document, error);
            }
            if (sink.spans != nullptr) sink.spans->tiles.push_back(preparation.tiles());
        }
        preparation.finish(take);
        return;
    }
    if (sink.spans != nullptr) {
        sink.spans->writes = options.specials != nullptr && !options.unless_tiled;
        sink.spans->tiles.assign(documents.size(), !sink.spans->writes);
    }
    const unicode::Kernels& unicode_kernels = unicode::kernels(isa_);
    pretokens::Chunk& chunk = encoder.chunk();
    for (const documents::Document& document : documents) {
        const bool is_last = &document == &documents.back();
        documents::Reader reader(unicode_kernels, document, options.invalid);
        try {
            while (!chunk.fill(*scanner, reader, true, options)) {
                encoder.encode(chunk, sink, cancel);
                chunk.compact();
                cancel.poll();
            }
        } catch (const Error& error) {
            name_text(document, error);
        }
        if (is_last || chunk.full()) {
            sink.last = is_last;
            encoder.encode(chunk, sink, cancel);
            if (!is_last) chunk.compact();
        }
    }
}

bool Tokenizer::try_encode(const documents::Document& document, const EncodeOptions& options, Sink& sink, Cancel& cancel) const {
    const Lease lease = try_acquire(0);
    if (!lease) return false;
    encode_documents(lease.encoder(), {&document, 1}, options, sink, cancel);
    return true;
}

documents::Cuts Tokenizer::cuts(const EncodeOptions& options) const noexcept {
    if (!scanner_ || !scanner_->starts_behind_letters()) return false;
    if (needs_preparation(options)) {
        const bool may_cut = preprocessing_->is_local() && (options.added == nullptr || !options.added->may_lie_across_cuts());
        return {may_cut, !preprocessing_->normalizer().is_identity()};
    }
    // A token with white space inside of it could lie across a cut.
    return options.specials == nullptr ||
           std::none_of(vocabulary_.specials().begin(), vocabulary_.specials().end(), [](const vocab::SpecialToken& special) {
               return special.kind != vocab::SpecialToken::Kind::name && special.text.find_first_of(" \n") != std::string::npos;
           });
}

void Tokenizer::run_parts(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray* ids,
                          std::vector<std::uint64_t>* ends, std::uint64_t& id_count, SpanRequest* request, Cancel& cancel) const {
    struct Result {
        std::vector<std::uint64_t> ends;
        std::uint64_t id_count = 0;
        SpanSink spans;
        std::exception_ptr failure;
    };
    const std::vector<documents::Part> parts = documents::divide(documents, kPartBytes, cuts(options));
    std::vector<Result> results(parts.size());
    std::size_t text_bytes = 0;
    std::size_t most_ids = 0;
    for (const documents::Document& document : documents) {
        text_bytes += document.byte_size();
        most_ids += document.most_utf8_bytes(options.invalid);
    }
    std::optional<Placing> placing;
    if (ids != nullptr) {
        ids->expect(unit_count(documents));  // memory that waits, if there is some: its pages have been touched
        // Seldom more ids than bytes: with room for that many, all parts find their place at once.
        if (ids->grows()) ids->reserve(ids->size() + most_ids + kIdArraySlack);
        placing.emplace(*ids, parts.size());
    }
    // The first failure in the order of the text is the one that is reported, whatever the threads do.
    std::atomic<std::size_t> first_failure{parts.size()};
    std::atomic<std::size_t> next{0};
    pool::run(parts.size(), threads, cancel, [&](std::size_t) {
        // A thread takes the slot that it had before, if it can: that table is in the cache of its core. And it has a slot before it has a
        // part: else, where many call at once, the ids of all other parts would wait for that of a thread without a slot.
        static thread_local std::size_t last_slot = 0;
        const Lease lease = acquire(threads, cancel, last_slot, text_bytes >= kLargeCallBytes);
        last_slot = lease.index(*this);
        const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (first_failure.load(std::memory_order_relaxed) < i) return;
        Result& result = results[i];
        try {
            std::optional<Placing::Part> part;
            if (placing) part.emplace(*placing, i);
            Sink sink{part ? part->ids() : nullptr, &result.ends, 0, part ? &*part : nullptr};
            if (request != nullptr) {
                result.spans = span_sink(*request);
                result.spans.is_rest = parts[i].stretches.front().first_unit != 0;
                sink.spans = &result.spans;
            }
            encode_documents(lease.encoder(), parts[i].stretches, options, sink, cancel);
            result.id_count = sink.id_count;
            if (part) part->done();
        } catch (...) {
            result.failure = std::current_exception();
            std::size_t seen = first_failure.load();
            while (i < seen && !first_failure.compare_exchange_weak(seen, i)) {
            }
        }
    });
    if (first_failure < parts.size()) std::rethrow_exception(results[first_failure].failure);
    if (placing) placing->finish();

    if (request != nullptr) {
        std::vector<SpanPart> span_parts;
        std::size_t first = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            span_parts.push_back({parts[i].stretches, results[i].ends, &results[i].spans, first, parts[i].ends_document.back()});
            first += results[i].id_count;
        }
        lay_spans(span_layout(*request, options), span_parts, *ids, threads, request->spans, cancel);
    }

    std::uint64_t first_id = id_count;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (ends != nullptr)
            for (std::size_t d = 0; d < parts[i].ends_document.size(); ++d)
                if (parts[i].ends_document[d]) ends->push_back(first_id + results[i].ends[d]);
        first_id += results[i].id_count;
    }
    id_count = first_id;
}

void Tokenizer::encode(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray& ids,
                       std::vector<std::uint64_t>* ends, Cancel& cancel) const {
    std::uint64_t id_count = 0;
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    if (ends != nullptr) ends->reserve(ends->size() + documents.size());
    if (threads > 1 && bytes > kLeastSharedBytes) {
        run_parts(documents, options, threads, &ids, ends, id_count, nullptr, cancel);
        return;
    }
    ids.expect(unit_count(documents));
    Sink sink{&ids, ends, 0};
    const Lease lease = acquire(pool::default_thread_count(), cancel);
    encode_documents(lease.encoder(), documents, options, sink, cancel);
}

SpanSink Tokenizer::span_sink(const SpanRequest& request) const {
    SpanSink sink;
    sink.table = &span_table(request.unit);
    sink.with_words = request.with_words;
    sink.has_frame = request.has_frame;
    return sink;
}

// Trims take characters off: bytes are made of these in the end.
const SpanTable& Tokenizer::span_table(documents::PlaceUnit unit) const {
    if (unit == documents::PlaceUnit::character) return span_table(SpanCount::characters);
    if (preprocessing_ == nullptr) return span_table(SpanCount::bytes);
    return span_table(preprocessing_->components().trims.empty() ? SpanCount::bytes_of_characters : SpanCount::characters);
}

SpanLayout Tokenizer::span_layout(const SpanRequest& request, const EncodeOptions& options) const {
    return {span_table(request.unit), request.unit, options.invalid, request.has_frame, isa_};
}

EncodeOptions Tokenizer::options_with_spans(const EncodeOptions& options, const SpanRequest& request) const {
    EncodeOptions with_spans = options;
    with_spans.with_origins = true;
    with_spans.unless_tiled = span_table(request.unit).ids_say_all();
    with_spans.origins_in_bytes = span_table(request.unit).unit() == documents::PlaceUnit::byte;
    return with_spans;
}

void Tokenizer::encode(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray& ids,
                       std::vector<std::uint64_t>* ends, SpanRequest& request, Cancel& cancel) const {
    std::vector<std::uint64_t> own_ends;
    if (ends == nullptr) ends = &own_ends;
    const EncodeOptions with_spans = options_with_spans(options, request);
    std::uint64_t id_count = 0;
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    if (threads > 1 && bytes > kLeastSharedBytes && !request.with_words) {
        run_parts(documents, with_spans, threads, &ids, ends, id_count, &request, cancel);
        return;
    }
    SpanSink spans = span_sink(request);
    ids.expect(unit_count(documents));
    Sink sink{.ids = &ids, .document_ends = ends, .spans = &spans};
    {
        const Lease lease = acquire(pool::default_thread_count(), cancel);
        encode_documents(lease.encoder(), documents, with_spans, sink, cancel);
    }
    const SpanPart all{documents, *ends, &spans, 0, true};
    lay_spans(span_layout(request, options), {&all, 1}, ids, 1, request.spans, cancel);
    request.words = std::move(spans.words);
}

bool Tokenizer::try_encode(const documents::Document& document, const EncodeOptions& options, IdArray& ids, SpanRequest& request,
                           Cancel& cancel) const {
    SpanSink spans = span_sink(request);
    std::vector<std::uint64_t> ends;
    Sink sink{.ids = &ids, .document_ends = &ends, .spans = &spans};
    if (!try_encode(document, options_with_spans(options, request), sink, cancel)) return false;
    const SpanPart all{{&document, 1}, ends, &spans, 0, true};
    lay_spans(span_layout(request, options), {&all, 1}, ids, 1, request.spans, cancel);
    request.words = std::move(spans.words);
    return true;
}

std::uint64_t Tokenizer::count(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads,
                               std::vector<std::uint64_t>* ends, Cancel& cancel) const {
    std::uint64_t id_count = 0;
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    if (threads > 1 && bytes > kLeastSharedBytes) {
        run_parts(documents, options, threads, nullptr, ends, id_count, nullptr, cancel);
        return id_count;
    }
    Sink sink{nullptr, ends, 0};
    const Lease lease = acquire(pool::default_thread_count(), cancel);
    encode_documents(lease.encoder(), documents, options, sink, cancel);
    return sink.id_count;
}

void Tokenizer::encode_until(const documents::Document& document, const EncodeOptions& options, std::size_t limit, IdArray& ids,
                             Cancel& cancel) const {
    if (needs_preparation(options)) {
        encode({&document, 1}, options, 1, ids, nullptr, cancel);
        return;
    }
    const unicode::Kernels& unicode_kernels = unicode::kernels(isa_);
    const Lease lease = acquire(pool::default_thread_count(), cancel);
    Encoder& encoder = lease.encoder();
    pretokens::Chunk chunk;
    Sink sink{&ids, nullptr, 0};
    documents::Reader reader(unicode_kernels, document, options.invalid);
    bool done = false;
    while (!done && sink.id_count < limit) {
        done = chunk.fill(*scanner_, reader, true, options);
        encoder.encode(chunk, sink, cancel);
        chunk.compact();
        cancel.poll();
    }
}

std::uint64_t Tokenizer::count_pretokens(const documents::Document& document, documents::Invalid invalid, Cancel& cancel) const {
    EncodeOptions options;
    options.invalid = invalid;
    std::optional<pretokens::Scanner> plain;
    if (scanner_) plain = scanner_->without_cuts(vocabulary_);
    if (needs_preparation(options)) {
        Preparation preparation;
        std::uint64_t pretokens = 0;
        const Preparation::Take take = [&](const pretokens::Pretokens& block) { pretokens += block.count; };
        preparation.add(*preprocessing_, plain ? &*plain : nullptr, document, options, isa_, take, cancel);
        preparation.finish(take);
        return pretokens - 1;  // the mark of the document's end
    }
    pretokens::Chunk chunk;
    documents::Reader reader(unicode::kernels(isa_), document, invalid);
    std::uint64_t count = 0;
    for (bool done = false; !done;) {
        done = chunk.fill(*plain, reader, true, options);
        count += chunk.complete_count();
        chunk.compact();
        cancel.poll();
    }
    return count - 1;  // the mark of the document's end
}

StreamEncoder::StreamEncoder(const Tokenizer& tokenizer, const EncodeOptions& options) : tokenizer_(tokenizer), options_(options) {
    cut_character_.reserve(kMaxCharacterBytes);  // all it will ever hold: keeping a part of a character back cannot fail
}

void StreamEncoder::take(const documents::Document& document, bool last, IdArray& ids, Cancel& cancel) {
    documents::Reader reader(unicode::kernels(tokenizer_.isa()), document, options_.invalid);
    Sink sink{&ids, nullptr, 0};
    try {
        const Tokenizer::Lease lease = tokenizer_.acquire(pool::default_thread_count(), cancel);
        for (bool done = false; !done;) {
            done = chunk_.fill(*tokenizer_.scanner(), reader, last, options_);
            lease.encoder().encode(chunk_, sink, cancel);
            chunk_.compact();
            cancel.poll();
        }
    } catch (...) {
        // The document is lost; the next one begins in order.
        chunk_.reset();
        cut_character_.clear();
        fed_bytes_ = 0;
        throw;
    }
}

void StreamEncoder::feed(std::span<const std::uint8_t> bytes, IdArray& ids, Cancel& cancel) {
    if (tokenizer_.needs_preparation(options_)) {
        whole_.insert(whole_.end(), bytes.begin(), bytes.end());
        return;
    }
    // A character that the last feed left open is completed first, as far as it goes.
    if (!cut_character_.empty()) {
        const std::size_t wanted = unicode::utf8_length(cut_character_[0]);
        std::size_t taken = 0;
        while (taken < bytes.size() && cut_character_.size() < wanted && (bytes[taken] & 0xC0) == 0x80)
            cut_character_.push_back(bytes[taken++]);
        bytes = bytes.subspan(taken);
        if (bytes.empty() && cut_character_.size() < wanted) return;
        std::uint8_t character[kMaxCharacterBytes];
        const std::size_t size = cut_character_.size();
        std::copy(cut_character_.begin(), cut_character_.end(), character);
        cut_character_.clear();
        const std::size_t first = fed_bytes_;
        fed_bytes_ += size;
        take({character, size, documents::Encoding::utf8, first}, false, ids, cancel);
    }
    // Keep back the lead of a character that the end of this feed cuts.
    std::size_t whole = bytes.size();
    for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
        const std::uint8_t byte = bytes[bytes.size() - back];
        if ((byte & 0xC0) == 0x80) continue;
        if (unicode::utf8_length(byte) > back) whole = bytes.size() - back;
        break;
    }
    cut_character_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end());
    const std::size_t first = fed_bytes_;
    fed_bytes_ += whole;
    take({bytes.data(), whole, documents::Encoding::utf8, first}, false, ids, cancel);
}

void StreamEncoder::finish(IdArray& ids, Cancel& cancel) {
    if (tokenizer_.needs_preparation(options_)) {
        const std::vector<std::uint8_t> whole = std::move(whole_);
        whole_.clear();
        const documents::Document document{whole.data(), whole.size(), documents::Encoding::utf8};
        tokenizer_.encode({&document, 1}, options_, 1, ids, nullptr, cancel);
        return;
    }
    std::uint8_t rest[kMaxCharacterBytes];
    const std::size_t size = cut_character_.size();
    std::copy(cut_character_.begin(), cut_character_.end(), rest);
    cut_character_.clear();
    const std::size_t first = fed_bytes_;
    fed_bytes_ = 0;
    take({rest, size, documents::Encoding::utf8, first}, true, ids, cancel);
    chunk_.reset();
}

}  // namespace tokmill::tokens
