#include "tokens/superword_pass.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "tokens/encoder.hpp"
#include "tokens/spans.hpp"

namespace tokmill::tokens {

namespace {

// Scratch of a slot at rest, in elements: enough for any chunk whose pretokens are not giants.
constexpr std::size_t kMostKept = std::size_t(1) << 18;

static_assert(kIdArraySlack >= kJoinReadAhead);

// The first bit from `at` on that is 0; there is one.
std::size_t next_zero(const std::uint64_t* bits, std::size_t at) noexcept {
    std::size_t word = at / 64;
    std::uint64_t zeros = ~bits[word] >> (at % 64) << (at % 64);
    while (zeros == 0) zeros = ~bits[++word];
    return word * 64 + static_cast<std::size_t>(std::countr_zero(zeros));
}

void append_ids(Sink& sink, const std::uint32_t* ids, std::size_t count) {
    if (sink.ids != nullptr && count != 0) {
        sink.ids->prepare(count);
        void* const to = sink.ids->data();
        const std::size_t at = sink.ids->size();
        switch (sink.ids->type()) {
            case IdType::int32:
            case IdType::uint32: std::copy_n(ids, count, static_cast<std::uint32_t*>(to) + at); break;
            case IdType::uint16:
                std::transform(ids, ids + count, static_cast<std::uint16_t*>(to) + at,
                               [](std::uint32_t id) { return static_cast<std::uint16_t>(id); });
                break;
            case IdType::int64: std::copy_n(ids, count, static_cast<std::int64_t*>(to) + at); break;
        }
        sink.ids->set_size(at + count);
    }
    sink.id_count += count;
}

}  // namespace

pretokens::Pretokens SuperwordPass::cut(const pretokens::Pretokens& pretokens) {
    text_ = pretokens.text;
    stretches_.clear();
    const std::uint32_t* const starts = pretokens.starts;
    const std::uint32_t count = pretokens.count, text_end = starts[count];
    const std::size_t first_word = starts[0] / 64, word_end = std::size_t(text_end) / 64 + 1;
    borders_.reserve_discarding(word_end);
    std::memset(borders_.data() + first_word, 0, (word_end - first_word) * sizeof(std::uint64_t));
    // A word for each byte, and up to two for each mark.
    starts_.reserve_discarding(std::size_t(text_end - starts[0]) + 2 * std::size_t(count) + kCutSlack + pretokens::kStartsReadAhead + 1);
    std::uint32_t words = 0, begin = starts[0];
    std::size_t next_special = 0;
    const auto end_stretch = [&](std::uint32_t end, Stretch::Mark mark, std::uint32_t special_id, std::uint32_t special_bytes) {
        stretches_.push_back({begin, end, mark, special_id, special_bytes});
        if (begin != end)
            words += static_cast<std::uint32_t>(
                kernels_.cut_words(superwords_.word_cuts(), {text_, borders_.data(), begin, end}, starts_.data() + words));
    };
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t at = starts[i], next = starts[i + 1];
        if (at == next) {
            end_stretch(at, Stretch::Mark::document_end, 0, 0);
            starts_[words++] = at;
            begin = next;
        } else if (text_[at] == pretokens::kSpecialMark) {
            end_stretch(at, Stretch::Mark::special, pretokens.special_ids[next_special++], next - at);
            starts_[words++] = at;
            starts_[words++] = at;
            begin = next;
        } else {
            borders_[at / 64] |= std::uint64_t(1) << (at % 64);
        }
    }
    if (begin != text_end) end_stretch(text_end, Stretch::Mark::none, 0, 0);
    std::fill_n(starts_.data() + words, pretokens::kStartsReadAhead + 1, text_end);
    special_symbols_.assign(next_special, 0);
    return {text_, pretokens.text_end, starts_.data(), words, pretokens.has_nul, special_symbols_};
}

void SuperwordPass::join(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel) {
    std::optional<SpanWriter> spans;
    if (sink.spans != nullptr && sink.spans->takes_blocks()) spans.emplace(pretokens, *sink.spans);
    auto* const symbols = static_cast<std::uint32_t*>(first_ids_.data());
    std::size_t begin = 0, next_end = 0;
    for (const Stretch& stretch : stretches_) {
        const std::size_t end = stretch.mark == Stretch::Mark::none ? first_ids_.size() : first_ends_[next_end++];
        if (begin != end) {
            const std::size_t kept = join_stretch(stretch, symbols + begin, end - begin, cancel);
            append_kept(symbols + begin, end - begin, kept, sink, spans ? &*spans : nullptr);
        }
        begin = end;
        if (stretch.mark == Stretch::Mark::special) {
            append_ids(sink, &stretch.special_id, 1);
            if (spans) spans->add_special(stretch.special_id, stretch.special_bytes);
            ++begin;
        } else if (stretch.mark == Stretch::Mark::document_end) {
            if (sink.document_ends != nullptr) sink.document_ends->push_back(sink.id_count);
            if (spans) spans->end_document();
        }
    }
    if (spans) spans->finish();
    first_ids_.set_size(0);
    first_ends_.clear();
}

void SuperwordPass::append_kept(std::uint32_t* symbols, std::size_t count, std::size_t kept, Sink& sink, SpanWriter* spans) const {
    const bool is_32_bit = sink.ids != nullptr && (sink.ids->type() == IdType::int32 || sink.ids->type() == IdType::uint32);
    if (is_32_bit && spans == nullptr) {
        sink.ids->prepare(kept);
        std::uint32_t* const to = static_cast<std::uint32_t*>(sink.ids->data()) + sink.ids->size();
        kernels_.write_kept(superwords_.symbol_ids(), symbols, count, dropped_.data(), to);
        sink.ids->set_size(sink.ids->size() + kept);
        sink.id_count += kept;
        return;
    }
    kernels_.write_kept(superwords_.symbol_ids(), symbols, count, dropped_.data(), symbols);
    append_ids(sink, symbols, kept);
    if (spans != nullptr) spans->add(symbols, kept);
}

// Runs of tokens that may be joined are listed first and merged then, pairs by themselves: so the look-ups of many do not wait for each
// other, nor for branches that nobody can foretell.
std::size_t SuperwordPass::join_stretch(const Stretch& stretch, std::uint32_t* symbols, std::size_t count, Cancel& cancel) {
    const std::size_t words = count / 64 + 1;
    joins_.reserve_discarding(words);
    joins_[words - 1] = 0;
    dropped_.reserve_discarding(words);
    std::memset(dropped_.data(), 0, words * sizeof(std::uint64_t));
    kernels_.find_joins(superwords_.join_tables(), {text_, borders_.data(), stretch.begin, stretch.end}, symbols, count, joins_.data());
    list_runs(count);
    join_pairs(symbols);
    join_triples(symbols);
    for (std::size_t i = 0; i < run_count_; ++i) {
        const auto [at, length] = runs_[i];
        const std::size_t left = join_run(symbols + at, length, cancel);
        for (std::size_t gone = at + left; gone < at + length; ++gone) dropped_[gone / 64] |= std::uint64_t(1) << (gone % 64);
    }
    std::size_t kept = count;
    for (std::size_t word = 0; word < words; ++word) kept -= static_cast<std::size_t>(std::popcount(dropped_[word]));
    return kept;
}

void SuperwordPass::list_runs(std::size_t count) {
    pairs_.reserve_discarding(count);
    triples_.reserve_discarding(count);
    runs_.reserve_discarding(count);
    pair_count_ = triple_count_ = run_count_ = 0;
    std::uint64_t before = 0;  // the last bit of the word before
    for (std::size_t word = 0; word * 64 < count; ++word) {
        const std::uint64_t joins = joins_[word];
        const std::uint64_t begins = joins & ~(joins << 1 | before);
        const std::uint64_t after = (word + 1) * 64 < count ? joins_[word + 1] << 63 : 0;
        before = joins >> 63;
        for (std::uint64_t pairs = begins & ~(joins >> 1 | after); pairs != 0; pairs &= pairs - 1)
            pairs_[pair_count_++] = static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(std::countr_zero(pairs));
        for (std::uint64_t runs = begins & (joins >> 1 | after); runs != 0; runs &= runs - 1) {
            const std::size_t at = word * 64 + static_cast<std::size_t>(std::countr_zero(runs));
            const std::size_t length = next_zero(joins_.data(), at) - at + 1;
            // Written to both lists; which one grows is chance.
            triples_[triple_count_] = static_cast<std::uint32_t>(at);
            runs_[run_count_] = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length)};
            triple_count_ += length == 3;
            run_count_ += length != 3;
        }
    }
}

void SuperwordPass::join_pairs(std::uint32_t* symbols) {
    for (std::size_t i = 0; i < pair_count_; ++i) {
        const std::size_t at = pairs_[i];
        const vocab::Symbol whole = superwords_.joined(symbols[at], symbols[at + 1]);
        const bool joined = whole != vocab::kNoSymbol;
        symbols[at] = joined ? whole : symbols[at];
        dropped_[(at + 1) / 64] |= std::uint64_t(joined) << ((at + 1) % 64);
    }
}

// a b c: the lower of both pairs (kNoSymbol is above all), the left one of equals, then what is left of it with the third.
void SuperwordPass::join_triples(std::uint32_t* symbols) {
    constexpr vocab::Symbol kNone = vocab::kNoSymbol;
    for (std::size_t i = 0; i < triple_count_; ++i) {
        const std::size_t at = triples_[i];
        const vocab::Symbol a = symbols[at], b = symbols[at + 1], c = symbols[at + 2];
        const vocab::Symbol left = superwords_.joined(a, b), right = superwords_.joined(b, c);
        const bool is_right = right < left;
        const vocab::Symbol pair = is_right ? right : left;
        const vocab::Symbol whole = superwords_.joined(is_right ? a : pair, is_right ? pair : c);
        const bool any = pair != kNone, all = whole != kNone;
        symbols[at] = all ? whole : any && !is_right ? pair : a;
        symbols[at + 1] = is_right ? pair : b;
        const bool drops_second = all || (any && !is_right), drops_third = all || is_right;
        dropped_[(at + 1) / 64] |= std::uint64_t(drops_second) << ((at + 1) % 64);
        dropped_[(at + 2) / 64] |= std::uint64_t(drops_third) << ((at + 2) % 64);
    }
}

std::size_t SuperwordPass::join_run(std::uint32_t* symbols, std::size_t count, Cancel& cancel) {
    const auto pairs = [this](vocab::Symbol left, vocab::Symbol right) { return superwords_.joined(left, right); };
    if (count > vocab::kMaxPlainMerge) return tree_.merge(pairs, symbols, count, [&] { cancel.poll(); });
    vocab::Symbol ranks[vocab::kMaxPlainMerge];
    for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = pairs(symbols[i], symbols[i + 1]);
    return vocab::merge_plain(pairs, symbols, ranks, static_cast<std::uint32_t>(count));
}

void SuperwordPass::rest() noexcept {
    // Left behind by a call that was stopped.
    first_ids_.set_size(0);
    first_ends_.clear();
    if (starts_.capacity() + first_ids_.capacity() <= kMostKept) return;
    starts_ = {};
    borders_ = {};
    joins_ = {};
    dropped_ = {};
    pairs_ = {};
    triples_ = {};
    runs_ = {};
    first_ids_ = IdArray(IdType::uint32);
    tree_ = {};
}

}  // namespace tokmill::tokens
