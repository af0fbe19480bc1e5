#include "tokens/spans.hpp"

#include <algorithm>
#include <string>

#include "tokens/kernels/span_kernels.hpp"
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

CutCharacter last_character_of(std::string_view bytes) noexcept {
    std::size_t lead = bytes.size();
    while (lead > 0 && unicode::is_continuation(bytes_of(bytes)[lead - 1])) --lead;
    if (lead == 0) return {0, 0, false};
    const std::size_t so_far = bytes.size() - lead + 1, length = unicode::utf8_length(bytes_of(bytes)[lead - 1]);
    return so_far == length ? CutCharacter()
                            : CutCharacter{static_cast<std::uint8_t>(so_far), static_cast<std::uint8_t>(length - so_far), true};
}

}  // namespace

SpanTable::SpanTable(const vocab::Vocabulary& vocabulary, const formats::Components* components, SpanCount count)
    : vocabulary_(&vocabulary), count_(count), steps_(vocabulary.id_end()), advances_(vocabulary.id_end()) {
    std::fill_n(steps_.data(), vocabulary.id_end(), Step{kIrregular, 0, 0, 0});
    std::fill_n(advances_.data(), vocabulary.id_end(), advance::kOther);
    if (count == SpanCount::bytes_of_characters) last_characters_.resize(vocabulary.id_end());
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
    for (const vocab::SpecialToken& special : components != nullptr ? std::span(added_) : std::span(vocabulary.specials()))
        if (special.kind != vocab::SpecialToken::Kind::name) add_special(special.id, special.text);
}

// The ids of special and added tokens may be those of others as well.
void SpanTable::add_special(std::uint32_t id, std::string_view text) {
    if (vocabulary_->bytes_of_id(id) != text) {
        ids_say_all_ = false;
        return;
    }
    const bool is_known = steps_[id].bytes != kIrregular;
    if (!trims_.empty()) {
        const pretokens::Blanks blanks = pretokens::blanks_of(text);
        if (is_known && blanks != blanks_[id]) ids_say_all_ = false;
        if (!is_known) blanks_[id] = blanks;
    }
    if (!is_known) measure(id, text);
}

void SpanTable::measure(std::uint32_t id, std::string_view bytes) {
    const std::uint8_t* const first = bytes_of(bytes);
    const bool begins_inside = unicode::is_continuation(first[0]);
    const bool counts_characters = count_ == SpanCount::characters;
    const auto places = static_cast<std::int64_t>(counts_characters ? unicode::count_characters(first, bytes.size()) : bytes.size());
    std::int64_t begin = counts_characters && begins_inside ? -1 : 0;
    std::int64_t end = places;
    for (std::size_t i = 0; i < trims_.size(); ++i) {
        begin = std::min<std::int64_t>(begin + blanks_[id].leading, end);
        end = std::max<std::int64_t>(end - blanks_[id].trailing, begin);
    }
    const CutCharacter last = last_character_of(bytes);
    if (count_ == SpanCount::bytes_of_characters) last_characters_[id] = last;
    if (places <= advance::kPlaces) advances_[id] = static_cast<std::uint8_t>(places | advance::kOdd);
    if (bytes.size() >= kIrregular || begin > std::numeric_limits<std::int8_t>::max()) return;
    if (count_ == SpanCount::bytes_of_characters && (begins_inside || last.to_come != 0)) return;
    steps_[id] = {static_cast<std::uint8_t>(bytes.size()), static_cast<std::uint8_t>(places), static_cast<std::int8_t>(begin),
                  static_cast<std::uint8_t>(places - end)};
    if (places > advance::kPlaces || begin < -1 || begin > 1 || end != places) return;
    advances_[id] = static_cast<std::uint8_t>(places | (begin == 1 ? advance::kBeginsLate : begin == -1 ? advance::kBeginsEarly : 0));
}

std::string_view SpanTable::added_text(std::uint32_t id, std::uint32_t byte_count) const noexcept {
    const auto [first, last] = std::ranges::equal_range(added_, id, {}, &vocab::SpecialToken::id);
    const auto found = std::find_if(first, last, [&](const vocab::SpecialToken& token) { return token.text.size() == byte_count; });
    return found == last ? std::string_view() : std::string_view(found->text);
}

PlaceSpan trimmed(const SpanTable& table, PlaceSpan span, pretokens::Blanks blanks, TokenPlace place) noexcept {
    for (const formats::Trim& trim : table.trims()) {
        std::uint64_t leading = blanks.leading;
        const bool is_first = (place.at_begin && !(trim.behind_frame && place.has_frame)) || span.begin == 0;
        // A single blank of the first token may be the prefix space, and stays; of more, none was put there.
        if (leading == 1 && trim.add_prefix_space && is_first && !place.is_rest) leading = 0;
        span.begin = std::min(span.begin + leading, span.end);
        if (span.end >= blanks.trailing) span.end = std::max(span.end - blanks.trailing, span.begin);
    }
    return span;
}

SpanWriter::SpanWriter(const pretokens::Pretokens& block, SpanSink& sink)
    : block_(block),
      sink_(sink),
      table_(*sink.table),
      place_(sink.place),
      fast_end_(block.origins != nullptr || table_.minds_begin() ? 0 : kAll) {}

void SpanWriter::add(const std::uint32_t* ids, std::size_t count) {
    if (sink_.with_words) number_words(ids, count);
    if (!sink_.writes) return;
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
        add_slowly(step.bytes == SpanTable::kIrregular ? static_cast<std::uint32_t>(table_.bytes(ids[i]).size()) : step.bytes,
                   table_.blanks(ids[i]));
        ++i;
    }
}

void SpanWriter::add_special(std::uint32_t id, std::uint32_t byte_count) {
    if (sink_.with_words) number_word(byte_count);
    if (!sink_.writes) return;
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
    sink_.at_begin = true;
    sink_.is_rest = false;
    if (!sink_.writes) return;
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

// Of a character that goes on at a byte of the block, the places that are before it.
std::uint64_t SpanWriter::begun_before(std::uint32_t at) const noexcept {
    if (table_.count() == SpanCount::bytes || !unicode::is_continuation(block_.text[at])) return 0;
    if (table_.count() == SpanCount::characters) return 1;
    std::uint32_t lead = at;
    while (unicode::is_continuation(block_.text[lead])) --lead;
    return at - lead;
}

// Of a character that goes on there, the places that are behind it; all of it is before `end`. A character counts where it begins.
std::uint64_t SpanWriter::ended_behind(std::uint32_t at, std::uint32_t end) const noexcept {
    std::uint32_t behind = at;
    if (table_.count() == SpanCount::bytes_of_characters)
        while (behind < end && unicode::is_continuation(block_.text[behind])) ++behind;
    return behind - at;
}

std::uint64_t SpanWriter::places(std::uint32_t begin, std::uint32_t end) const noexcept {
    return table_.count() == SpanCount::characters ? unicode::count_characters(block_.text + begin, end - begin) : end - begin;
}

// The block is the document's text. (Of a special token the first byte is a mark, which counts as a character too.)
void SpanWriter::add_plain(std::uint32_t byte_count, pretokens::Blanks blanks) {
    const std::uint32_t end = at_ + byte_count;
    const std::uint64_t begin = place_ - begun_before(at_);
    place_ += places(at_, end);
    append(begin, place_ + ended_behind(end, block_.text_end), blanks);
    at_ = end;
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
        if (is_first) begin = run.same ? place_ - begun_before(at_) : run.source.begin;
        if (run.same) place_ += places(at_, stop);
        end = run.same ? place_ + ended_behind(stop, run_end) : run.source.end;
        at_ = stop;
        fast_end_ = run.same ? run_end : at_;
    }
    append(begin, end, blanks);
}

void SpanWriter::append(std::uint64_t begin, std::uint64_t end, pretokens::Blanks blanks) {
    const PlaceSpan span = trimmed(table_, {begin, end}, blanks, {sink_.at_begin, sink_.is_rest, sink_.has_frame});
    sink_.at_begin = false;
    auto* const out = static_cast<std::int64_t*>(sink_.spans.data()) + sink_.spans.size();
    out[0] = static_cast<std::int64_t>(span.begin);
    out[1] = static_cast<std::int64_t>(span.end);
    sink_.spans.set_size(sink_.spans.size() + 2);
}

// Words are the pretokens of the block (added tokens are among them), each begun by the token at its first byte.
void SpanWriter::number_words(const std::uint32_t* ids, std::size_t count) {
    const SpanTable::Step* const steps = table_.steps();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t bytes = steps[ids[i]].bytes;
        number_word(bytes == SpanTable::kIrregular ? static_cast<std::uint32_t>(table_.bytes(ids[i]).size()) : bytes);
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

}  // namespace tokmill::tokens
