// A chunk in, its ids out. Words that the table knows cost 2-3 ns; the others are put off to the end of the chunk, so that
// many can be merged at once: a merge waits for memory, sixteen of them wait together (71-94 ns a word against 250 when
// each is merged where it is met).
#include "tokens/encoder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tokens/superword_pass.hpp"

namespace tokmill::tokens {

namespace {

// Scratch of a slot at rest: enough for any chunk of kChunkBytes, whose symbols are at most its bytes and kSymbolSlack for each
// of its pretokens that no table knows; 4 MiB. One pretoken of 30 MB had left 97 MB behind.
constexpr std::size_t kMostKeptSymbols = std::size_t(1) << 20;

// Copies 16 at a time and may write up to 15 ids too many: for short runs that is cheaper than counting.
template <class Id>
inline Id* copy_ids(Id* out, const std::uint32_t* ids, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; i += 16)
        for (std::size_t k = 0; k < 16; ++k) out[i + k] = static_cast<Id>(ids[i + k]);
    return out + count;
}
template <>
inline std::uint32_t* copy_ids(std::uint32_t* out, const std::uint32_t* ids, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; i += 16) std::memcpy(out + i, ids + i, 64);
    return out + count;
}
template <class Id>
inline Id* copy_ids_exactly(Id* out, const std::uint32_t* ids, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<Id>(ids[i]);
    return out + count;
}

}  // namespace

Encoder::Encoder(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, std::span<const std::uint32_t> ids, cpu::Isa isa,
                 const TableSizes& sizes)
    : vocabulary_(vocabulary),
      merges_(merges),
      symbol_ids_(ids),
      ids_are_symbols_(ids.data() == vocabulary.ids().data() && vocabulary.ids_are_symbols()),
      probe_kernels_(probe_kernels(isa)),
      merge_kernels_(merge_kernels(isa)),
      table_(sizes, probe_kernels_.bucket_offset) {
    table_.seed(vocabulary, merges, ids);
    statistics_.table_bytes = table_.byte_size();
}

Encoder::Encoder(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, cpu::Isa isa, const TableSizes& sizes)
    : Encoder(vocabulary, merges, vocabulary.ids(), isa, sizes) {}

Encoder::Encoder(const Superwords& superwords, cpu::Isa isa, const TableSizes& sizes)
    : Encoder(superwords.first_vocabulary(), superwords.first_merges(), superwords.measured_tokens(), isa, sizes) {
    superwords_ = std::make_unique<SuperwordPass>(superwords, isa);
}

Encoder::~Encoder() = default;

void Encoder::replace_tables(const TableSizes& sizes) {
    table_ = WordTable(sizes, probe_kernels_.bucket_offset);
    table_.seed(vocabulary_, merges_, symbol_ids_);
    statistics_.table_bytes = table_.byte_size();
}

void Encoder::rest() noexcept {
    chunk_.reset();
    if (superwords_ != nullptr) superwords_->rest();
    if (preparation_ != nullptr) preparation_->reset();
    if (ids_.capacity() + symbols_.capacity() <= kMostKeptSymbols) return;
    for (Buffer<std::uint32_t>* numbers : {&ids_, &symbols_, &word_misses_, &window_misses_}) *numbers = {};
    for (Buffer<MergeJob>* jobs : {&word_jobs_, &window_jobs_}) *jobs = {};
    misses_ = {};
    answers_ = {};
    long_scratch_.give_back();
}

Preparation& Encoder::preparation() {
    if (preparation_ == nullptr) preparation_ = std::make_unique<Preparation>();
    return *preparation_;
}

TableStatistics Encoder::statistics() const noexcept {
    TableStatistics statistics = statistics_;
    if (preparation_ != nullptr) statistics.missing_bytes = preparation_->dropped_bytes();
    return statistics;
}

void Encoder::encode(pretokens::Chunk& chunk, Sink& sink, Cancel& cancel) {
    if (chunk.complete_count() != 0) encode(chunk.pretokens(), sink, cancel);
}

void Encoder::encode(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel) {
    if (superwords_ == nullptr) {
        encode_words(pretokens, sink, cancel);
        return;
    }
    const pretokens::Pretokens words = superwords_->cut(pretokens);
    Sink first{&superwords_->first_ids(), &superwords_->first_ends()};
    encode_words(words, first, cancel);
    superwords_->join(pretokens, sink, cancel);
}

void Encoder::encode_words(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel) {
    const auto& [text, text_end, starts, count, nul, special_ids, origins] = pretokens;
    misses_.reserve_discarding(count);
    ProbeResult found;
    if (sink.ids != nullptr) {
        // A word of the table gives at most four ids, but never more than it has bytes.
        ids_.reserve_discarding(std::size_t(text_end) + kIdSlack);
        found = probe_kernels_.probe(table_, text, starts, count, nul, ids_.data(), misses_.data());
    } else {
        found = probe_kernels_.probe_count(table_, text, starts, count, nul, misses_.data());
    }
    if (found.miss_count == 1 && misses_[0].length == 0) {
        // A short text of words that are known, and its end.
        answers_.reserve_discarding(1);
        answers_[0] = {nullptr, kPending};
    } else if (found.miss_count != 0) {
        sort_misses(text, text_end, found.miss_count, cancel);
        merge_and_remember();
    }
    statistics_.lookups += count;
    statistics_.misses += found.miss_count;
    if (sink.ids == nullptr) {
        assemble_counts(found, sink);
        return;
    }
    switch (sink.ids->type()) {
        case IdType::int32:
        case IdType::uint32: assemble<std::uint32_t>(special_ids, found, sink); break;
        case IdType::uint16: assemble<std::uint16_t>(special_ids, found, sink); break;
        case IdType::int64: assemble<std::int64_t>(special_ids, found, sink); break;
    }
    if (sink.spans != nullptr && sink.spans->takes_blocks()) append_spans(pretokens, found, *sink.spans);
}

// Finds out for each miss what it needs: nothing (a mark), a look into the other tables, the answer to an equal miss, or
// merging.
void Encoder::sort_misses(const std::uint8_t* text, std::uint32_t text_end, std::uint32_t miss_count, Cancel& cancel) {
    answers_.reserve_discarding(miss_count);
    word_jobs_.reserve_discarding(miss_count);
    word_misses_.reserve_discarding(miss_count);
    window_jobs_.reserve_discarding(miss_count);
    window_misses_.reserve_discarding(miss_count);
    symbols_.reserve_discarding(std::size_t(text_end) + std::size_t(miss_count + 1) * kSymbolSlack);
    word_job_count_ = window_job_count_ = 0;
    symbol_count_ = 0;
    // As many places as there may be words, within reason: a chunk of Chinese can hold 20,000 new ones.
    const std::uint32_t recent_count = std::bit_ceil(std::clamp(2 * miss_count, 16u, 65536u));
    recent_mask_ = recent_count - 1;
    recent_words_.reserve_discarding(recent_count);
    std::memset(recent_words_.data(), 0xFF, recent_count * sizeof(std::uint32_t));
    for (std::uint32_t i = 0; i < miss_count; ++i) {
        Miss& miss = misses_[i];
        if (miss.length > kMaxWordBytes && miss.length <= kMaxMediumBytes) {
            miss.bucket_offset = table_.medium_index(medium_key(text + miss.start, miss.length), miss.length);
            __builtin_prefetch(table_.medium(miss.bucket_offset));
            __builtin_prefetch(table_.medium(miss.bucket_offset) + 1);
        }
    }
    for (std::uint32_t i = 0; i < miss_count; ++i) {
        const Miss& miss = misses_[i];
        const std::uint8_t* bytes = text + miss.start;
        answers_[i] = {nullptr, kPending};
        if (miss.length == 0 || bytes[0] == pretokens::kSpecialMark) continue;
        std::uint32_t* ids = symbols_.data() + symbol_count_;
        if (merges_.unreachable().size() != 0) {
            // A whole pretoken that is a token is that token, even if its bytes would merge into others.
            const auto token = vocabulary_.find({reinterpret_cast<const char*>(bytes), miss.length});
            if (token) {
                *ids = symbol_ids_[*token];
                answers_[i] = {ids, 1};
                symbol_count_ += 1;
                continue;
            }
        }
        if (miss.length <= kMaxWordBytes) {
            sort_word(text, i);
        } else if (look_up_piece(text, i, ids)) {
            symbol_count_ += answers_[i].count;
        } else if (miss.length <= kMaxWindowBytes) {
            window_misses_[window_job_count_] = i;
            window_jobs_[window_job_count_++] = {bytes, miss.length, 0, ids};
            symbol_count_ += miss.length + kSymbolSlack;
        } else {
            const auto count = static_cast<std::uint32_t>(
                merge_long(vocabulary_, merges_, merge_kernels_, long_scratch_, bytes, miss.length, ids, cancel));
            to_ids(ids, count);
            remember_piece(bytes, miss.length, ids, count);
            answers_[i] = {ids, count};
            symbol_count_ += count + kSymbolSlack;
        }
    }
}

void Encoder::sort_word(const std::uint8_t* text, std::uint32_t i) {
    const Miss& miss = misses_[i];
    std::uint32_t& recent = recent_words_[miss.bucket_offset / sizeof(Bucket) & recent_mask_];
    if (recent < i && misses_[recent].length == miss.length &&
        std::memcmp(text + misses_[recent].start, text + miss.start, miss.length) == 0) {
        answers_[i].count = recent;
        return;
    }
    recent = i;
    word_misses_[word_job_count_] = i;
    word_jobs_[word_job_count_++] = {text + miss.start, miss.length, 0, symbols_.data() + symbol_count_};
    symbol_count_ += miss.length + kSymbolSlack;
}

bool Encoder::look_up_piece(const std::uint8_t* text, std::uint32_t i, std::uint32_t* ids) {
    const Miss& miss = misses_[i];
    const std::uint8_t* bytes = text + miss.start;
    if (miss.length <= kMaxMediumBytes) {
        const MediumKey key = medium_key(bytes, miss.length);
        const MediumEntry* entry = table_.medium(miss.bucket_offset);
        for (const MediumEntry* const end = entry + 2; entry != end; ++entry) {
            if (entry->length != miss.length || entry->key != key) continue;
            std::memcpy(ids, entry->ids, sizeof entry->ids);
            answers_[i] = {ids, entry->id_count};
            return true;
        }
    }
    if (miss.length <= kMaxWideBytes) {
        const WideEntry* entry = table_.wide(table_.wide_index(bytes, miss.length));
        for (const WideEntry* const end = entry + 2; entry != end; ++entry) {
            if (entry->length != miss.length || std::memcmp(entry->bytes, bytes, miss.length) != 0) continue;
            std::memcpy(ids, entry->ids, entry->id_count * sizeof entry->ids[0]);
            answers_[i] = {ids, entry->id_count};
            return true;
        }
    }
    return false;
}

void Encoder::merge_and_remember() {
    if (word_job_count_ != 0) merge_kernels_.merge_words(merges_, word_jobs_.data(), word_job_count_);
    for (std::uint32_t j = 0; j < word_job_count_; ++j) {
        const MergeJob& job = word_jobs_[j];
        to_ids(job.symbols, job.symbol_count);
        answers_[word_misses_[j]] = {job.symbols, job.symbol_count};
        if (job.symbol_count <= kIdsPerWord && job.bytes[job.length - 1] != 0 && table_.remembers())
            table_.insert(misses_[word_misses_[j]].bucket_offset, word_key(job.bytes, job.length), job.symbols, job.symbol_count);
    }
    statistics_.merges += word_job_count_ + window_job_count_;
    if (window_job_count_ != 0) merge_kernels_.merge_windows(merges_, window_jobs_.data(), window_job_count_);
    for (std::uint32_t j = 0; j < window_job_count_; ++j) {
        const MergeJob& job = window_jobs_[j];
        to_ids(job.symbols, job.symbol_count);
        answers_[window_misses_[j]] = {job.symbols, job.symbol_count};
        remember_piece(job.bytes, job.length, job.symbols, job.symbol_count);
    }
}

void Encoder::remember_piece(const std::uint8_t* bytes, std::uint32_t length, const std::uint32_t* ids, std::uint32_t id_count) noexcept {
    if (!table_.remembers()) return;
    if (length <= kMaxMediumBytes && id_count <= kIdsPerMedium) {
        const MediumKey key = medium_key(bytes, length);
        MediumEntry& entry = table_.add_medium(table_.medium_index(key, length));
        entry.key = key;
        entry.length = static_cast<std::uint16_t>(length);
        std::copy_n(ids, id_count, entry.ids);
        entry.id_count = static_cast<std::uint16_t>(id_count);
    } else if (length <= kMaxWideBytes) {
        if (id_count > kIdsPerWide) return;
        WideEntry& entry = table_.add_wide(table_.wide_index(bytes, length));
        std::memcpy(entry.bytes, bytes, length);
        entry.length = static_cast<std::uint8_t>(length);
        std::copy_n(ids, id_count, entry.ids);
        entry.id_count = static_cast<std::uint8_t>(id_count);
    }
}

void Encoder::to_ids(vocab::Symbol* symbols, std::uint32_t count) const noexcept {
    if (ids_are_symbols_) return;
    for (std::uint32_t i = 0; i < count; ++i) symbols[i] = symbol_ids_[symbols[i]];
}

void Encoder::end_document(Sink& sink, std::uint64_t id_count) {
    if (sink.document_ends != nullptr) sink.document_ends->push_back(id_count);
}

// Puts the ids that the probe found and those of the misses together, in the order of the text.
template <class Id>
void Encoder::assemble(std::span<const std::uint32_t> special_ids, ProbeResult found, Sink& sink) {
    std::uint64_t total = found.id_count;
    for (std::uint32_t i = 0; i < found.miss_count; ++i) {
        Answer& answer = answers_[i];
        if (answer.ids == nullptr) {
            if (answer.count == kPending) continue;
            answer = answers_[answer.count];
        }
        total += answer.count;
    }
    total += special_ids.size();
    if (sink.last && sink.place != nullptr) sink.ids = sink.place->take(sink.ids, total);
    sink.ids->prepare(total);
    Id* const first = static_cast<Id*>(sink.ids->data()) + sink.ids->size();
    Id* const end = first + total + (sink.ids->has_slack() ? kIdArraySlack : 0);  // nothing is written from here on
    Id* out = first;
    std::uint32_t copied = 0;
    std::size_t next_special = 0;
    const auto append = [&](const std::uint32_t* ids, std::uint32_t count) {
        const bool room = end - out >= static_cast<std::ptrdiff_t>(count + kIdArraySlack);
        out = room ? copy_ids(out, ids, count) : copy_ids_exactly(out, ids, count);
    };
    for (std::uint32_t i = 0; i < found.miss_count; ++i) {
        const Miss& miss = misses_[i];
        append(ids_.data() + copied, miss.at - copied);
        copied = miss.at;
        if (answers_[i].ids != nullptr) {
            append(answers_[i].ids, answers_[i].count);
        } else if (miss.length == 0) {
            end_document(sink, sink.id_count + static_cast<std::uint64_t>(out - first));
        } else {
            *out++ = static_cast<Id>(special_ids[next_special++]);
        }
    }
    append(ids_.data() + copied, found.id_count - copied);
    const auto written = static_cast<std::size_t>(out - first);
    sink.ids->set_size(sink.ids->size() + written);
    sink.id_count += written;
}

// The same once more, when assemble() has found all answers.
void Encoder::append_spans(const pretokens::Pretokens& pretokens, ProbeResult found, SpanSink& sink) const {
    SpanWriter writer(pretokens, sink);
    std::uint32_t written = 0;
    std::size_t next_special = 0;
    for (std::uint32_t i = 0; i < found.miss_count; ++i) {
        const Miss& miss = misses_[i];
        writer.add(ids_.data() + written, miss.at - written);
        written = miss.at;
        if (answers_[i].ids != nullptr) {
            writer.add(answers_[i].ids, answers_[i].count);
        } else if (miss.length == 0) {
            writer.end_document();
        } else {
            writer.add_special(pretokens.special_ids[next_special++], miss.length);
        }
    }
    writer.add(ids_.data() + written, found.id_count - written);
    writer.finish();
}

void Encoder::assemble_counts(ProbeResult found, Sink& sink) {
    std::uint64_t extra = 0;
    for (std::uint32_t i = 0; i < found.miss_count; ++i) {
        Answer& answer = answers_[i];
        if (answer.ids == nullptr && answer.count != kPending) answer = answers_[answer.count];
        const Miss& miss = misses_[i];
        if (answer.ids != nullptr) {
            extra += answer.count;
        } else if (miss.length == 0) {
            end_document(sink, sink.id_count + miss.at + extra);
        } else {
            ++extra;
        }
    }
    sink.id_count += found.id_count + extra;
}

}  // namespace tokmill::tokens
