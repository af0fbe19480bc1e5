#include "tokens/spans.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "pool/pool.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// A token as tokenizers calls it: spelt, with the prefix or suffix of words.
std::string name_of(std::string_view bytes, const formats::Components& components) {
    const auto is_mark = [](char byte) { return static_cast<std::uint8_t>(byte) == formats::kWordMark; };
    const bool has_first = !components.word_prefix.empty() && is_mark(bytes.front());
    const bool has_last = !components.word_suffix.empty() && is_mark(bytes.back());
    bytes.remove_prefix(has_first ? 1 : 0);
    bytes.remove_suffix(has_last ? 1 : 0);
    if (components.unknown_token && bytes.size() == 1 && bytes_of(bytes)[0] == formats::kUnknownByte) return *components.unknown_token;
    std::string name = has_first ? "" : components.word_prefix;
    formats::append_spelling(bytes, name);
    return has_last ? name + components.word_suffix : name;
}

}  // namespace

SpanTable::SpanTable(const vocab::Vocabulary& vocabulary, const formats::Components* components, documents::PlaceUnit unit)
    : vocabulary_(&vocabulary), unit_(unit), steps_(vocabulary.id_end()) {
    std::fill_n(steps_.data(), vocabulary.id_end(), Step{kIrregular, 0, 0, 0});
    if (components != nullptr) {
        trims_ = components->trims;
        if (!trims_.empty()) blanks_.resize(vocabulary.id_end());
        for (const formats::AddedToken& token : components->added_tokens) added_.push_back({token.content, token.id});
        std::ranges::stable_sort(added_, {}, &vocab::SpecialToken::id);
    }
    minds_begin_ = std::ranges::any_of(trims_, &formats::Trim::add_prefix_space);
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) {
        const std::uint32_t id = vocabulary.id(symbol);
        if (id == vocab::kNoId) continue;
        const std::string_view bytes = vocabulary.bytes(symbol);
        if (!trims_.empty()) blanks_[id] = pretokens::blanks_of(name_of(bytes, *components));
        measure(id, bytes);
    }
}

void SpanTable::measure(std::uint32_t id, std::string_view bytes) {
    const bool exact = unit_ == documents::PlaceUnit::byte;
    const auto places = static_cast<std::int64_t>(exact ? bytes.size() : unicode::count_characters(bytes_of(bytes), bytes.size()));
    std::int64_t begin = exact || !unicode::is_continuation(bytes_of(bytes)[0]) ? 0 : -1;
    std::int64_t end = places;
    for (std::size_t i = 0; i < trims_.size(); ++i) {
        begin = std::min<std::int64_t>(begin + blanks_[id].leading, end);
        end = std::max<std::int64_t>(end - blanks_[id].trailing, begin);
    }
    if (bytes.size() >= kIrregular || begin > std::numeric_limits<std::int8_t>::max()) return;
    steps_[id] = {static_cast<std::uint8_t>(bytes.size()), static_cast<std::uint8_t>(places), static_cast<std::int8_t>(begin),
                  static_cast<std::uint8_t>(places - end)};
}

std::string_view SpanTable::added_text(std::uint32_t id, std::uint32_t byte_count) const noexcept {
    const auto [first, last] = std::ranges::equal_range(added_, id, {}, &vocab::SpecialToken::id);
    const auto found = std::find_if(first, last, [&](const vocab::SpecialToken& token) { return token.text.size() == byte_count; });
    return found == last ? std::string_view() : std::string_view(found->text);
}

SpanWriter::SpanWriter(const pretokens::Pretokens& block, SpanSink& sink)
    : block_(block),
      sink_(sink),
      table_(*sink.table),
      place_(sink.place),
      fast_end_(block.origins != nullptr || table_.minds_begin() ? 0 : kAll) {}

void SpanWriter::add(const std::uint32_t* ids, std::size_t count) {
    if (sink_.with_words) number_words(ids, count);
    sink_.spans.prepare(2 * count);
    const SpanTable::Step* const steps = table_.steps();
    for (std::size_t i = 0; i < count;) {
        auto* out = static_cast<std::int64_t*>(sink_.spans.data()) + sink_.spans.size();
        const std::int64_t* const first = out;
        auto place = static_cast<std::int64_t>(place_);
        std::uint32_t at = at_;
        SpanTable::Step step{};
        for (; i < count; ++i) {
            step = steps[ids[i]];
            if (step.bytes == SpanTable::kIrregular || at + step.bytes > fast_end_) break;
            const std::int64_t end = place + step.places;
            out[0] = place + step.begin;
            out[1] = end - step.end;
            out += 2;
            place = end;
            at += step.bytes;
        }
        if (at != at_) sink_.at_begin = false;
        at_ = at;
        place_ = static_cast<std::uint64_t>(place);
        sink_.spans.set_size(sink_.spans.size() + static_cast<std::size_t>(out - first));
        if (i == count) break;
        add_slowly(step.bytes == SpanTable::kIrregular ? table_.byte_count(ids[i]) : step.bytes, table_.blanks(ids[i]));
        ++i;
    }
}

void SpanWriter::add_special(std::uint32_t id, std::uint32_t byte_count) {
    if (sink_.with_words) number_word(byte_count);
    sink_.spans.prepare(2);
    pretokens::Blanks blanks;
    if (!table_.trims().empty())
        blanks = block_.origins != nullptr ? block_.origins->added_blanks[next_special_]
                                           : pretokens::blanks_of(table_.added_text(id, byte_count));
    ++next_special_;
    add_slowly(byte_count, blanks);
}

void SpanWriter::end_document() {
    if (sink_.with_words) {
        begin_pretoken();
        sink_.word = 0;
    }
    sink_.last_end = place_;
    sink_.at_begin = true;
    sink_.is_rest = false;
    place_ = 0;
    fast_end_ = block_.origins != nullptr || table_.minds_begin() ? 0 : kAll;
}

void SpanWriter::add_slowly(std::uint32_t byte_count, pretokens::Blanks blanks) {
    if (block_.origins != nullptr) {
        add_prepared(byte_count, blanks);
    } else {
        add_plain(byte_count, blanks);
    }
    // At place 0 the next token may still be one that a trim minds.
    if (table_.minds_begin() && place_ == 0) fast_end_ = at_;
}

// The block is the document's text. (Of a special token the first byte is a mark, which counts as a character too.)
void SpanWriter::add_plain(std::uint32_t byte_count, pretokens::Blanks blanks) {
    const std::uint8_t* const bytes = block_.text + at_;
    const bool exact = table_.counts_bytes();
    const std::uint64_t begin = exact || !unicode::is_continuation(bytes[0]) ? place_ : place_ - 1;
    place_ += exact ? byte_count : unicode::count_characters(bytes, byte_count);
    append(begin, place_, blanks);
    at_ += byte_count;
    fast_end_ = kAll;
}

const pretokens::Origins::Run& SpanWriter::enter_run() noexcept {
    const std::span<const pretokens::Origins::Run> runs = block_.origins->bytes.runs();
    while (next_run_ < runs.size() && runs[next_run_].begin <= at_) place_ = runs[next_run_++].source.begin;
    return runs[next_run_ - 1];
}

// Begins with the first character of its first byte's and ends with the last of its last byte's.
void SpanWriter::add_prepared(std::uint32_t byte_count, pretokens::Blanks blanks) {
    const std::uint32_t last = at_ + byte_count;
    std::uint64_t begin = 0, end = 0;
    for (bool is_first = true; at_ < last; is_first = false) {
        const pretokens::Origins::Run& run = enter_run();
        const std::span<const pretokens::Origins::Run> runs = block_.origins->bytes.runs();
        const std::uint32_t run_end = next_run_ < runs.size() ? runs[next_run_].begin : block_.text_end;
        const std::uint32_t stop = std::min(last, run_end);
        if (is_first) begin = !run.same ? run.source.begin : unicode::is_continuation(block_.text[at_]) ? place_ - 1 : place_;
        if (run.same) place_ += unicode::count_characters(block_.text + at_, stop - at_);
        end = run.same ? place_ : run.source.end;
        at_ = stop;
        fast_end_ = run.same ? run_end : at_;
    }
    append(begin, end, blanks);
}

void SpanWriter::append(std::uint64_t begin, std::uint64_t end, pretokens::Blanks blanks) {
    for (const formats::Trim& trim : table_.trims()) {
        std::uint64_t leading = blanks.leading;
        const bool is_first = (sink_.at_begin && !(trim.behind_frame && sink_.has_frame)) || begin == 0;
        if (leading > 0 && trim.add_prefix_space && is_first && !sink_.is_rest) --leading;
        begin = std::min(begin + leading, end);
        if (end >= blanks.trailing) end = std::max(end - blanks.trailing, begin);
    }
    sink_.at_begin = false;
    auto* const out = static_cast<std::int64_t*>(sink_.spans.data()) + sink_.spans.size();
    out[0] = static_cast<std::int64_t>(begin);
    out[1] = static_cast<std::int64_t>(end);
    sink_.spans.set_size(sink_.spans.size() + 2);
}

// Words are the pretokens of the block (added tokens are among them), each begun by the token at its first byte.
void SpanWriter::number_words(const std::uint32_t* ids, std::size_t count) {
    const SpanTable::Step* const steps = table_.steps();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t bytes = steps[ids[i]].bytes;
        number_word(bytes == SpanTable::kIrregular ? table_.byte_count(ids[i]) : bytes);
    }
}

void SpanWriter::number_word(std::uint32_t byte_count) {
    if (next_pretoken_ < block_.count && block_.starts[next_pretoken_] == word_at_) begin_pretoken();
    word_at_ += byte_count;
    sink_.words.prepare(1);
    static_cast<std::int32_t*>(sink_.words.data())[sink_.words.size()] = static_cast<std::int32_t>(sink_.word) - 1;
    sink_.words.set_size(sink_.words.size() + 1);
}

void SpanWriter::begin_pretoken() noexcept {
    if (block_.origins != nullptr) {
        const std::vector<std::uint32_t>& wordless = block_.origins->wordless;
        for (; next_wordless_ < wordless.size() && wordless[next_wordless_] == next_pretoken_; ++next_wordless_) ++sink_.word;
    }
    ++next_pretoken_;
    ++sink_.word;
}

void join_spans(std::span<const SpanPart> parts, IdArray& spans, std::size_t threads, Cancel& cancel) {
    struct Copy {
        std::size_t position;
        std::uint64_t base;
    };
    std::vector<Copy> copies;
    std::size_t size = 0;
    std::uint64_t open_end = 0;  // where the last stretch so far ends in its document
    for (const SpanPart& part : parts) {
        const SpanSink& sink = *part.sink;
        const std::uint64_t base = sink.began_inside ? open_end : 0;
        copies.push_back({size, base});
        open_end = sink.last_end + (sink.documents == 1 ? base : 0);
        size += sink.spans.size();
    }
    spans.reserve(size);
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        const IdArray& from = parts[i].sink->spans;
        const auto* const places = static_cast<const std::int64_t*>(from.data());
        auto* const out = static_cast<std::int64_t*>(spans.data()) + copies[i].position;
        const auto base = static_cast<std::int64_t>(copies[i].base);
        const std::size_t first = base == 0 ? 0 : 2 * parts[i].first_ids;
        for (std::size_t k = 0; k < first; ++k) out[k] = places[k] + base;
        if (from.size() != first) std::memcpy(out + first, places + first, (from.size() - first) * sizeof places[0]);
    });
    spans.set_size(size);
}

}  // namespace tokmill::tokens
