#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "pool/pool.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::tokens {

namespace {

// Word tables: two entries a 64-byte bucket. The first slot, which a single thread always gets, has room for four times the
// vocabulary, at most 16 MiB for 524,288 words; with cl100k, 10 MB of English again ran at 496, 631, 711 and 745 MB/s with 2, 4, 8 and 16
// MiB. The further slots make do with 4 MiB, so that many threads stay cheap: with its scratch a slot costs the process less than 8 MB.
constexpr std::size_t kMostFirstTableBytes = std::size_t(16) << 20;
constexpr std::size_t kFurtherTableBytes = std::size_t(4) << 20;

std::size_t first_table_bytes(const vocab::Vocabulary& vocabulary) {
    const std::size_t wanted = std::bit_ceil(std::size_t(vocabulary.symbol_count()) * 4 * sizeof(Bucket) / 2);
    return std::clamp(wanted, kFurtherTableBytes, kMostFirstTableBytes);
}

// What one thread takes at a time: enough to be worth the handing out, few enough that all threads end together.
constexpr std::size_t kPartBytes = 256 * 1024;
// How far back from a border of parts we look for a place to cut a document.
constexpr std::size_t kCutWindowUnits = 4096;

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
        throw Error(ErrorKind::snapshot, std::string("damaged snapshot: ") + error.what() + "; write it again with Tokenizer.save");
    }
}

std::unique_ptr<const Preprocessing> make_preprocessing(std::unique_ptr<const formats::Components> components,
                                                        const vocab::Vocabulary& vocabulary, const vocab::Merges& merges) {
    return components == nullptr ? nullptr : std::make_unique<const Preprocessing>(*components, vocabulary, merges);
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
    void make_encoder(const Tokenizer& tokenizer, std::size_t table_bytes) const {
        slot_->encoder = std::make_unique<Encoder>(tokenizer.vocabulary_, tokenizer.merges_, tokenizer.isa_, table_bytes);
    }

private:
    Slot* slot_ = nullptr;
};

Tokenizer::Tables Tokenizer::build(vocab::Spec spec) {
    const std::vector<std::pair<vocab::Symbol, vocab::Symbol>> parts = std::move(spec.parts);
    vocab::Vocabulary vocabulary = vocab::Vocabulary::build(std::move(spec));
    vocab::Merges merges = parts.empty() ? vocab::Merges::build(vocabulary) : vocab::Merges::build(vocabulary, parts);
    return {std::move(vocabulary), std::move(merges)};
}

Tokenizer::Tokenizer(vocab::Spec spec, cpu::Isa isa) : Tokenizer(build(std::move(spec)), nullptr, isa) {}

Tokenizer::Tokenizer(formats::TokenizerJson file, cpu::Isa isa)
    : Tokenizer(build(std::move(file.spec)), std::make_unique<const formats::Components>(std::move(file.components)), isa) {}

Tokenizer::Tokenizer(Tables tables, std::unique_ptr<const formats::Components> components, cpu::Isa isa)
    : vocabulary_(std::move(tables.vocabulary)),
      merges_(std::move(tables.merges)),
      preprocessing_(make_preprocessing(std::move(components), vocabulary_, merges_)),
      scanner_([&]() -> std::optional<pretokens::Scanner> {
          // A part of a pretoken may only be encoded on its own if no whole pretoken is looked up past the merges.
          const bool safe_cuts = merges_.unreachable().empty();
          if (preprocessing_ == nullptr) return pretokens::Scanner(vocabulary_.pattern(), kDialect, vocabulary_, safe_cuts, isa);
          if (preprocessing_->pattern()) return pretokens::Scanner(*preprocessing_->pattern(), vocabulary_, safe_cuts, isa);
          if (preprocessing_->program() != nullptr) return pretokens::Scanner(*preprocessing_->program(), vocabulary_, safe_cuts, isa);
          return std::nullopt;
      }()),
      isa_(isa) {
    Cancel never;
    acquire(1, never);  // the first slot's table is filled now, not at the first call
}

Tokenizer::Tokenizer(const SectionReader& snapshot, cpu::Isa isa)
    : vocabulary_(vocab::Vocabulary::map(snapshot)),
      merges_(vocab::Merges::map(snapshot, vocabulary_)),
      preprocessing_(make_preprocessing(map_components(snapshot), vocabulary_, merges_)),
      scanner_([&]() -> std::optional<pretokens::Scanner> {
          const bool safe_cuts = merges_.unreachable().empty();
          if (preprocessing_ == nullptr) return pretokens::Scanner::map(snapshot, vocabulary_.pattern(), kDialect, safe_cuts, isa);
          if (preprocessing_->pattern())
              return pretokens::Scanner::map(snapshot, pretokens::regex(*preprocessing_->pattern()), kDialect, safe_cuts, isa);
          if (preprocessing_->program() != nullptr) return pretokens::Scanner::map(snapshot, *preprocessing_->program(), safe_cuts, isa);
          return std::nullopt;
      }()),
      isa_(isa) {
    Cancel never;
    acquire(1, never);
}

Tokenizer::~Tokenizer() {
    delete decode_table_.load(std::memory_order_relaxed);
    delete decode_chain_.load(std::memory_order_relaxed);
    delete byte_spans_.load(std::memory_order_relaxed);
    delete character_spans_.load(std::memory_order_relaxed);
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

Tokenizer::Lease Tokenizer::try_acquire(std::size_t index) const {
    Lease lease = try_claim(index);
    if (lease && !lease.has_encoder()) lease.make_encoder(*this, index == 0 ? first_table_bytes(vocabulary_) : kFurtherTableBytes);
    return lease;
}

Tokenizer::Lease Tokenizer::acquire(std::size_t slots, Cancel& cancel) const {
    slots = std::clamp<std::size_t>(slots, 1, kMaxSlots);
    // Short sleeps instead of a condition variable: no lock that a fork could leave held, and Ctrl-C is answered here too.
    // With many waiting, one of them wakes soon.
    constexpr std::chrono::microseconds kShortest{20};
    constexpr std::chrono::microseconds kLongest{1000};
    for (std::chrono::microseconds pause = kShortest;; pause = std::min(2 * pause, kLongest)) {
        for (std::size_t i = 0; i < slots; ++i)
            if (Lease lease = try_acquire(i)) return lease;
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
    return made_once(decode_chain_, [this] { return std::make_unique<const DecodeChain>(vocabulary_, preprocessing_->components()); });
}

const SpanTable& Tokenizer::span_table(documents::PlaceUnit unit) const {
    return made_once(unit == documents::PlaceUnit::byte ? byte_spans_ : character_spans_, [this, unit] {
        const formats::Components* const components = preprocessing_ != nullptr ? &preprocessing_->components() : nullptr;
        return std::make_unique<const SpanTable>(vocabulary_, components, unit);
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
        const Preparation::Take take = [&](const Pretokens& block) { encoder.encode(block, sink, cancel); };
        for (const documents::Document& document : documents) {
            try {
                preparation.add(*preprocessing_, scanner, document, options, isa_, take, cancel);
            } catch (const Error& error) {
                name_text(document, error);
            }
        }
        preparation.finish(take);
        return;
    }
    const unicode::Kernels& unicode_kernels = unicode::kernels(isa_);
    Chunk& chunk = encoder.chunk();
    for (const documents::Document& document : documents) {
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
        if (chunk.full()) {
            encoder.encode(chunk, sink, cancel);
            chunk.compact();
        }
    }
    encoder.encode(chunk, sink, cancel);
}

bool Tokenizer::try_encode(const documents::Document& document, const EncodeOptions& options, Sink& sink, Cancel& cancel) const {
    const Lease lease = try_acquire(0);
    if (!lease) return false;
    encode_documents(lease.encoder(), {&document, 1}, options, sink, cancel);
    return true;
}

// A stretch of the input that one thread encodes: whole documents, or a part of one that begins at a certain start.
struct Tokenizer::Part {
    std::vector<documents::Document> documents;
    std::vector<bool> ends_document;  // does the i-th stretch end its document?
};

struct Tokenizer::PartResult {
    IdArray ids;
    std::vector<std::uint64_t> ends;
    std::uint64_t id_count = 0;
    SpanSink spans;
    std::exception_ptr failure;
};

// Puts the ids of parts one behind the other while they are still in the cache. A part's place is known once all parts
// before it are done; then whoever finished the last one missing copies all that wait. Threads take parts in rising order,
// so that there are seldom more waiting than threads.
class Tokenizer::Commit {
public:
    Commit(std::vector<PartResult>& results, IdArray* ids, IdArray* spans)
        : results_(results), ids_(ids), spans_(spans), done_(results.size(), false) {}

    // Empty arrays for a part's ids and spans, ones that have been copied from if there are some.
    void take_spares(PartResult& result) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (ids_ != nullptr) result.ids = spare(spare_ids_, ids_->type());
        if (spans_ != nullptr) result.spans.spans = spare(spare_spans_, spans_->type());
    }

    void done(std::size_t part) {
        if (ids_ == nullptr) return;
        std::size_t first = 0;
        std::size_t last = 0;
        std::size_t position = 0;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            done_[part] = true;
            first = last = next_;
            position = ids_->size();
            std::size_t count = 0;
            for (; last < done_.size() && done_[last]; ++last) count += results_[last].ids.size();
            ids_->prepare(count);
            ids_->set_size(position + count);
            if (spans_ != nullptr) {
                spans_->prepare(2 * count);
                spans_->set_size(2 * (position + count));
                for (std::size_t i = first; i < last; ++i) find_base(results_[i].spans);
            }
            next_ = last;
        }
        const std::size_t bytes = id_bytes(ids_->type());
        for (std::size_t i = first; i < last; ++i) {
            IdArray& from = results_[i].ids;
            if (from.size() != 0)
                std::memcpy(static_cast<std::uint8_t*>(ids_->data()) + position * bytes, from.data(), from.size() * bytes);
            if (spans_ != nullptr) copy_spans(results_[i], 2 * position);
            position += from.size();
            const std::lock_guard<std::mutex> lock(mutex_);
            spare_ids_.push_back(std::move(from));
            if (spans_ != nullptr) spare_spans_.push_back(std::move(results_[i].spans.spans));
        }
    }

private:
    static IdArray spare(std::vector<IdArray>& spares, IdType type) {
        if (spares.empty()) return IdArray(type);
        IdArray spare = std::move(spares.back());
        spares.pop_back();
        spare.set_size(0);
        return spare;
    }

    // A part whose first stretch goes on with a document counts from the begin of the stretch. Called in the order of the parts.
    void find_base(SpanSink& part) {
        part.base = part.began_inside ? open_end_ : 0;
        open_end_ = part.last_end + (part.documents == 1 ? part.base : 0);
    }
    void copy_spans(const PartResult& part, std::size_t position) const {
        const IdArray& from = part.spans.spans;
        const auto* const places = static_cast<const std::int64_t*>(from.data());
        const auto base = static_cast<std::int64_t>(part.spans.base);
        auto* const out = static_cast<std::int64_t*>(spans_->data()) + position;
        const std::size_t first = base == 0 ? 0 : 2 * part.ends[0];
        for (std::size_t i = 0; i < first; ++i) out[i] = places[i] + base;
        if (from.size() != first) std::memcpy(out + first, places + first, (from.size() - first) * sizeof places[0]);
    }

    std::mutex mutex_;
    std::vector<PartResult>& results_;
    IdArray* ids_;
    IdArray* spans_;
    std::vector<bool> done_;
    std::size_t next_ = 0;        // the first part whose place is not known
    std::uint64_t open_end_ = 0;  // where the last stretch before it ends in its document
    std::vector<IdArray> spare_ids_, spare_spans_;
};

bool Tokenizer::may_cut_documents(const EncodeOptions& options) const noexcept {
    if (needs_preparation(options) || !scanner_->starts_behind_letters()) return false;
    // A token with white space inside of it could lie across a cut.
    return options.specials == nullptr ||
           std::none_of(vocabulary_.specials().begin(), vocabulary_.specials().end(), [](const vocab::SpecialToken& special) {
               return special.kind != vocab::SpecialToken::Kind::name && special.text.find_first_of(" \n") != std::string::npos;
           });
}

std::vector<Tokenizer::Part> Tokenizer::divide(std::span<const documents::Document> documents, const EncodeOptions& options) const {
    const bool may_cut = may_cut_documents(options);
    std::vector<Part> parts(1);
    std::size_t part_bytes = 0;
    for (const documents::Document& document : documents) {
        std::size_t begin = 0;
        do {
            if (part_bytes >= kPartBytes) {
                parts.emplace_back();
                part_bytes = 0;
            }
            std::size_t end = document.unit_count;
            const std::size_t unit_bytes = documents::unit_bytes(document.encoding);
            const std::size_t room = (kPartBytes - part_bytes) / unit_bytes;
            if (may_cut && end - begin > room + kCutWindowUnits) {
                const std::size_t cut = documents::last_certain_start(document, begin, begin + room + kCutWindowUnits, kCutWindowUnits);
                if (cut != begin) end = cut;
            }
            parts.back().documents.push_back(document.stretch(begin, end));
            parts.back().ends_document.push_back(end == document.unit_count);
            part_bytes += (end - begin) * unit_bytes;
            begin = end;
        } while (begin < document.unit_count);
    }
    return parts;
}

void Tokenizer::run_parts(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray* ids,
                          std::vector<std::uint64_t>* ends, std::uint64_t& id_count, SpanRequest* request, Cancel& cancel) const {
    const std::vector<Part> parts = divide(documents, options);
    std::vector<PartResult> results(parts.size());
    Commit commit(results, ids, request != nullptr ? &request->spans : nullptr);
    if (ids != nullptr) {
        // Never more ids than bytes: with room for that many, what is copied need not move again.
        std::size_t bytes = 0;
        std::size_t most_ids = 0;
        for (const documents::Document& document : documents) {
            bytes += document.byte_size();
            most_ids += document.most_utf8_bytes(options.invalid);
        }
        ids->expect(bytes);  // memory that waits, if there is some: its pages have been touched
        if (ids->grows()) ids->reserve(ids->size() + most_ids + kIdArraySlack);
        if (request != nullptr) {
            request->spans.expect(bytes);
            request->spans.reserve(2 * most_ids + kIdArraySlack);
        }
    }
    // The first failure in the order of the text is the one that is reported, whatever the threads do.
    std::atomic<std::size_t> first_failure{parts.size()};
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        if (first_failure.load(std::memory_order_relaxed) < i) return;
        PartResult& result = results[i];
        if (request != nullptr) result.spans = span_sink(*request);
        commit.take_spares(result);
        Sink sink{ids != nullptr ? &result.ids : nullptr, &result.ends, 0, request != nullptr ? &result.spans : nullptr};
        try {
            result.spans.begin_part(parts[i].documents);
            const Lease lease = acquire(threads, cancel);
            encode_documents(lease.encoder(), parts[i].documents, options, sink, cancel);
            if (request != nullptr) place_spans(parts[i].documents, result.ends, options, request->unit, result.spans);
            result.id_count = sink.id_count;
            commit.done(i);
        } catch (...) {
            result.failure = std::current_exception();
            std::size_t seen = first_failure.load();
            while (i < seen && !first_failure.compare_exchange_weak(seen, i)) {
            }
        }
    });
    if (first_failure < parts.size()) std::rethrow_exception(results[first_failure].failure);

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
    if (threads > 1 && bytes > kPartBytes) {
        run_parts(documents, options, threads, &ids, ends, id_count, nullptr, cancel);
        return;
    }
    ids.expect(bytes);
    Sink sink{&ids, ends, 0};
    const Lease lease = acquire(pool::default_thread_count(), cancel);
    encode_documents(lease.encoder(), documents, options, sink, cancel);
}

SpanSink Tokenizer::span_sink(const SpanRequest& request) const {
    SpanSink sink;
    // A tokenizer.json counts in characters, as tokenizers does; places in bytes are made of them in the end.
    sink.table = &span_table(preprocessing_ != nullptr ? documents::PlaceUnit::character : request.unit);
    sink.with_words = request.with_words;
    sink.has_frame = request.has_frame;
    return sink;
}

// From places in the text as it was read to places in the documents.
void Tokenizer::place_spans(std::span<const documents::Document> documents, std::span<const std::uint64_t> ends,
                            const EncodeOptions& options, documents::PlaceUnit unit, SpanSink& sink) const {
    const documents::PlaceUnit read = sink.table->counts_bytes() ? documents::PlaceUnit::byte : documents::PlaceUnit::character;
    auto* span = static_cast<std::int64_t*>(sink.spans.data());
    for (std::size_t i = 0; i < documents.size(); ++i) {
        std::int64_t* const last = static_cast<std::int64_t*>(sink.spans.data()) + 2 * ends[i];
        documents::OriginalPlaces places(unicode::kernels(isa_), documents[i], options.invalid, read, unit);
        if (places.differ()) {
            documents::OriginalPlaces begins = places;  // of their own: a character in two tokens ends before it begins again
            for (; span != last; span += 2) {
                const auto begin = static_cast<std::uint64_t>(span[0]), end = static_cast<std::uint64_t>(span[1]);
                span[0] = static_cast<std::int64_t>(begins.begin(begin));
                span[1] = begin == end ? span[0] : static_cast<std::int64_t>(places.end(end));
            }
            if (i + 1 == documents.size()) sink.last_end = places.begin(sink.last_end);
        }
        span = last;
    }
}

void Tokenizer::encode(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads, IdArray& ids,
                       std::vector<std::uint64_t>* ends, SpanRequest& request, Cancel& cancel) const {
    std::vector<std::uint64_t> own_ends;
    if (ends == nullptr) ends = &own_ends;
    EncodeOptions with_origins = options;
    with_origins.with_origins = true;
    std::uint64_t id_count = 0;
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    if (threads > 1 && bytes > kPartBytes && !request.with_words) {
        run_parts(documents, with_origins, threads, &ids, ends, id_count, &request, cancel);
        return;
    }
    SpanSink spans = span_sink(request);
    ids.expect(bytes);
    spans.spans.expect(bytes);
    Sink sink{&ids, ends, 0, &spans};
    {
        const Lease lease = acquire(pool::default_thread_count(), cancel);
        encode_documents(lease.encoder(), documents, with_origins, sink, cancel);
    }
    place_spans(documents, *ends, options, request.unit, spans);
    request.spans = std::move(spans.spans);
    request.words = std::move(spans.words);
}

bool Tokenizer::try_encode(const documents::Document& document, const EncodeOptions& options, IdArray& ids, SpanRequest& request,
                           Cancel& cancel) const {
    EncodeOptions with_origins = options;
    with_origins.with_origins = true;
    SpanSink spans = span_sink(request);
    std::vector<std::uint64_t> ends;
    Sink sink{&ids, &ends, 0, &spans};
    if (!try_encode(document, with_origins, sink, cancel)) return false;
    place_spans({&document, 1}, ends, options, request.unit, spans);
    request.spans = std::move(spans.spans);
    request.words = std::move(spans.words);
    return true;
}

std::uint64_t Tokenizer::count(std::span<const documents::Document> documents, const EncodeOptions& options, std::size_t threads,
                               std::vector<std::uint64_t>* ends, Cancel& cancel) const {
    std::uint64_t id_count = 0;
    std::size_t bytes = 0;
    for (const documents::Document& document : documents) bytes += document.byte_size();
    if (threads > 1 && bytes > kPartBytes) {
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
    Chunk chunk;
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
        const Preparation::Take take = [&](const Pretokens& block) { pretokens += block.count; };
        preparation.add(*preprocessing_, plain ? &*plain : nullptr, document, options, isa_, take, cancel);
        preparation.finish(take);
        return pretokens - 1;  // the mark of the document's end
    }
    Chunk chunk;
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
