#include "tokens/superword_pass.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tokens/encoder.hpp"
#include "tokens/spans.hpp"

namespace tokmill::tokens {

namespace {

// Scratch of a slot at rest, in elements: enough for any chunk whose pretokens are not giants.
constexpr std::size_t kMostKept = std::size_t(1) << 18;

static_assert(kIdArraySlack >= kJoinReadAhead);

static_assert(JoinRuns::kMaxLength <= kMaxRunSymbols && kJoinRunSlack >= kRunSlack);

std::size_t count_kept(const std::uint32_t* symbols, std::size_t count) noexcept {
    return count - static_cast<std::size_t>(std::count(symbols, symbols + count, vocab::kNoSymbol));
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
    borders_.reserve_discarding(word_end + kBordersReadAhead);
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

std::size_t SuperwordPass::symbols_end(const Stretch& stretch, std::size_t& next_end) const noexcept {
    return stretch.mark == Stretch::Mark::none ? first_ids_.size() : first_ends_[next_end++];
}

void SuperwordPass::join(const pretokens::Pretokens& pretokens, Sink& sink, Cancel& cancel) {
    merge_all(cancel);
    std::optional<SpanWriter> spans;
    if (sink.spans != nullptr && sink.spans->takes_blocks()) spans.emplace(pretokens, *sink.spans);
    auto* const symbols = static_cast<std::uint32_t*>(first_ids_.data());
    std::size_t begin = 0, next_end = 0;
    for (const Stretch& stretch : stretches_) {
        const std::size_t end = symbols_end(stretch, next_end);
        if (begin != end) append_kept(symbols + begin, end - begin, sink, spans ? &*spans : nullptr);
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

// Runs of tokens that may be joined are listed first, those of all stretches together, and merged then, those of one length side by side:
// so the look-ups of many do not wait for each other, nor for branches that nobody can foretell.
void SuperwordPass::merge_all(Cancel& cancel) {
    for (std::uint32_t length = 2; length <= JoinRuns::kLonger; ++length) {
        run_starts_[length].reserve_discarding(first_ids_.size() / length + kJoinRunSlack);
        runs_.at[length] = run_starts_[length].data();
        runs_.count[length] = 0;
    }
    std::size_t begin = 0, next_end = 0;
    for (const Stretch& stretch : stretches_) {
        const std::size_t end = symbols_end(stretch, next_end);
        if (begin != end) list_runs(stretch, begin, end, cancel);
        begin = stretch.mark == Stretch::Mark::special ? end + 1 : end;
    }
    auto* const symbols = static_cast<std::uint32_t*>(first_ids_.data());
    for (std::uint32_t length = 2; length <= JoinRuns::kMaxLength; ++length)
        merge_kernels_.merge_runs(superwords_.second_merges(), {symbols, runs_.at[length], runs_.count[length], length});
}

void SuperwordPass::list_runs(const Stretch& stretch, std::size_t begin, std::size_t end, Cancel& cancel) {
    const std::size_t count = end - begin, words = (count + 63) / 64;
    auto* const symbols = static_cast<std::uint32_t*>(first_ids_.data()) + begin;
    joins_.reserve_discarding(words + 1);
    joins_[words] = 0;
    kernels_.find_joins(superwords_.join_tables(), {text_, borders_.data(), stretch.begin, stretch.end}, symbols, count, joins_.data());
    kernels_.list_runs(joins_.data(), count, static_cast<std::uint32_t>(begin), runs_);
    // Few, and of any length: merged one by one, while their joins are here.
    for (std::size_t i = 0; i < runs_.count[JoinRuns::kLonger]; ++i) {
        const std::size_t at = runs_.at[JoinRuns::kLonger][i] - begin;
        std::size_t last = at;
        while (joins_[last / 64] >> (last % 64) & 1) ++last;
        merge_long_run(symbols + at, last - at + 1, cancel);
    }
    runs_.count[JoinRuns::kLonger] = 0;
}

void SuperwordPass::merge_long_run(std::uint32_t* symbols, std::size_t count, Cancel& cancel) {
    const vocab::Merges& merges = superwords_.second_merges();
    const auto pairs = [&](vocab::Symbol left, vocab::Symbol right) { return merges.merged(left, right); };
    std::size_t left;
    if (count > vocab::kMaxPlainMerge) {
        left = tree_.merge(pairs, symbols, count, [&] { cancel.poll(); });
    } else {
        vocab::Symbol ranks[vocab::kMaxPlainMerge];
        for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = pairs(symbols[i], symbols[i + 1]);
        left = vocab::merge_plain(pairs, symbols, ranks, static_cast<std::uint32_t>(count));
    }
    std::fill(symbols + left, symbols + count, vocab::kNoSymbol);
}

void SuperwordPass::append_kept(std::uint32_t* symbols, std::size_t count, Sink& sink, SpanWriter* spans) const {
    const bool is_32_bit = sink.ids != nullptr && (sink.ids->type() == IdType::int32 || sink.ids->type() == IdType::uint32);
    if (is_32_bit && spans == nullptr) {
        // What may grow has room for more than is left; an array of the caller's may be just large enough.
        sink.ids->prepare(sink.ids->grows() ? count : count_kept(symbols, count));
        std::uint32_t* const to = static_cast<std::uint32_t*>(sink.ids->data()) + sink.ids->size();
        const std::size_t kept = kernels_.write_kept(superwords_.symbol_ids(), symbols, count, to);
        sink.ids->set_size(sink.ids->size() + kept);
        sink.id_count += kept;
        return;
    }
    const std::size_t kept = kernels_.write_kept(superwords_.symbol_ids(), symbols, count, symbols);
    append_ids(sink, symbols, kept);
    if (spans != nullptr) spans->add(symbols, kept);
}

void SuperwordPass::rest() noexcept {
    // Left behind by a call that was stopped.
    first_ids_.set_size(0);
    first_ends_.clear();
    if (starts_.capacity() + first_ids_.capacity() <= kMostKept) return;
    starts_ = {};
    borders_ = {};
    joins_ = {};
    for (Buffer<std::uint32_t>& starts : run_starts_) starts = {};
    first_ids_ = IdArray(IdType::uint32);
    tree_ = {};
}

}  // namespace tokmill::tokens
