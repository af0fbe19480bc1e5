#include "tokens/preparation.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/errors.hpp"
#include "tokens/kernels/kernels.hpp"

namespace tokmill::tokens {

namespace {

namespace engine = pretokens::engine;

constexpr std::size_t kTextSlack = pretokens::kReadSlackBytes + 64;
constexpr std::size_t kMaxKeptBytes = std::size_t(1) << 20;
constexpr std::size_t kMaxDocumentBytes = (std::size_t(1) << 31) - 1;  // positions have 32 bits, and marks come in

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

}  // namespace

struct Preparation::Job {
    const Preprocessing& preprocessing;
    const pretokens::Scanner* scanner;
    const documents::Document& document;
    const EncodeOptions& options;
    const Take& take;
    Cancel& cancel;
    std::size_t stretch_begin = 0;  // of the stretch between added tokens that is in work, in the document
    std::size_t stretch_end = 0;
    std::string_view text = {};  // what became of it
    bool misses_bytes = false;   // it holds bytes that have no token
    bool has_begun = false;      // see begin_document()
};

void Preparation::reset() noexcept {
    document_bytes_ = end_ = count_ = 0;
    added_ids_.clear();
    origins_.clear();
    if (document_.capacity() + text_.capacity() + starts_.capacity() * sizeof(std::uint32_t) <= 4 * kMaxKeptBytes) return;
    document_ = {};
    text_ = {};
    starts_ = {};
    workspace_ = {};
    split_memory_ = {};
    for (std::vector<engine::Span>* spans : {&spans_, &inner_spans_, &behind_spans_}) *spans = {};
    prefixed_ = {};
    mapped_ = {};
}

void Preparation::read(const documents::Document& document, documents::Invalid invalid, cpu::Isa isa) {
    const std::size_t most = document.most_utf8_bytes(invalid);
    if (most > kMaxDocumentBytes)
        throw Error(ErrorKind::value, "a text of " + std::to_string(most) +
                                          " bytes is too long for a tokenizer that reads texts whole; at most " +
                                          std::to_string(kMaxDocumentBytes) + " are taken, cut it");
    documents::Reader reader(unicode::kernels(isa), document, invalid);
    constexpr std::size_t kLeastRoom = 16;
    document_.reserve_discarding(most + kLeastRoom + documents::kReadSlackBytes + kTextSlack);
    document_bytes_ = 0;
    while (!reader.done()) document_bytes_ += reader.read(document_.data() + document_bytes_, most - document_bytes_ + kLeastRoom);
}

void Preparation::reserve_text(std::size_t more) {
    if (end_ + more + kTextSlack <= text_.capacity()) return;
    text_.grow(end_ + more + kTextSlack, end_);
    std::memset(text_.data() + end_, 0, text_.capacity() - end_);  // slack is read, though not used
}

void Preparation::push_start() {
    starts_.grow(count_ + 1 + pretokens::kStartsSlack, count_);
    starts_[count_++] = static_cast<std::uint32_t>(end_);
}

// Hands the first `complete` pretokens out and moves the rest to the front.
void Preparation::give(const Take& take, std::uint32_t complete) {
    if (complete == 0) return;
    const std::uint32_t first_left = complete < count_ ? starts_[complete] : static_cast<std::uint32_t>(end_);
    starts_.grow(count_ + pretokens::kStartsReadAhead + 1, count_);
    std::uint32_t ahead[pretokens::kStartsReadAhead + 1];
    std::copy_n(starts_.data() + complete, pretokens::kStartsReadAhead + 1, ahead);
    std::fill_n(starts_.data() + complete, pretokens::kStartsReadAhead + 1, first_left);
    take({text_.data(), static_cast<std::uint32_t>(end_), starts_.data(), complete, std::memchr(text_.data(), 0, end_) != nullptr,
          added_ids_, with_origins_ ? &origins_.block() : nullptr});
    if (with_origins_) origins_.drop(text_.data(), first_left, static_cast<std::uint32_t>(end_), complete);
    std::copy_n(ahead, pretokens::kStartsReadAhead + 1, starts_.data() + complete);
    for (std::uint32_t i = complete; i < count_; ++i) starts_[i - complete] = starts_[i] - first_left;
    count_ -= complete;
    std::memmove(text_.data(), text_.data() + first_left, end_ - first_left);
    end_ -= first_left;
    added_ids_.clear();
}

void Preparation::give_if_full(const Job& job) {
    if (end_ < pretokens::kChunkBytes && count_ < pretokens::kChunkBytes) return;
    give(job.take, count_);
    job.cancel.poll();
}

void Preparation::finish(const Take& take) { give(take, count_); }

void Preparation::add(const Preprocessing& preprocessing, const pretokens::Scanner* scanner, const documents::Document& document,
                      const EncodeOptions& options, cpu::Isa isa, const Take& take, Cancel& cancel) {
    read(document, options.invalid, isa);
    Job job{preprocessing, scanner, document, options, take, cancel};
    const std::string_view text(reinterpret_cast<const char*>(document_.data()), document_bytes_);
    if (text.empty() || preprocessing.normalizer().is_identity()) begin_document(job, true);
    if (options.added == nullptr) {
        if (!text.empty()) raw_stretch(job, 0, text.size());
    } else {
        options.added->cut(
            AddedTokens::Pass::raw, text, [&](std::size_t begin, std::size_t end) { raw_stretch(job, begin, end); },
            [&](const AddedTokens::Token& token, const AddedTokens::Found& found) {
                if (!job.has_begun) begin_document(job, false);
                if (with_origins_) origins_.begin_stretch(0, text, nullptr);
                job.text = text;
                add_added_token(job, token, found, true);
            });
    }
    reserve_text(1);
    push_start();  // the end of the document
    give_if_full(job);
}

// Before anything of the document goes into the block, and when it is known whether the normalizer leaves it as it is. (With an added token
// in it, it is normalised in stretches, and nobody waits for the last of them.)
void Preparation::begin_document(Job& job, bool is_unchanged) {
    const EncodeOptions& options = job.options;
    const std::string_view text(reinterpret_cast<const char*>(document_.data()), document_bytes_);
    job.has_begun = true;
    tiles_ = options.unless_tiled && is_unchanged && job.preprocessing.keeps_all() && !job.preprocessing.misses(text) &&
             (options.added == nullptr || options.added->stand_for_their_content());
    const bool with_origins = options.with_origins && !tiles_;
    if (with_origins != with_origins_) give(job.take, count_);
    with_origins_ = with_origins;
    if (with_origins_) origins_.begin_document(text, options.origins_in_bytes);
}

// A stretch without added tokens that are looked for in the text as it came.
void Preparation::raw_stretch(Job& job, std::size_t begin, std::size_t end) {
    job.stretch_begin = begin;
    job.stretch_end = end;
    std::string_view text(reinterpret_cast<const char*>(document_.data()) + begin, end - begin);
    const normalized::Alignment* alignment = nullptr;
    if (!job.preprocessing.normalizer().is_identity()) {
        const bool with_alignment = job.has_begun ? with_origins_ : job.options.with_origins;
        const normalized::Result result = job.preprocessing.normalizer().normalize(text, workspace_, with_alignment, job.cancel);
        if (!job.has_begun) begin_document(job, result.unchanged && text.size() == document_bytes_);
        text = result.text;
        alignment = result.alignment;
    }
    job.text = text;
    if (with_origins_) origins_.begin_stretch(begin, text, alignment);
    if (job.options.added == nullptr) {
        if (!text.empty()) stretch(job, text);
        return;
    }
    job.options.added->cut(
        AddedTokens::Pass::normalized, text, [&](std::size_t from, std::size_t to) { stretch(job, text.substr(from, to - from)); },
        [&](const AddedTokens::Token& token, const AddedTokens::Found& found) { add_added_token(job, token, found, false); });
}

void Preparation::add_added_token(Job& job, const AddedTokens::Token& token, const AddedTokens::Found& found, bool is_raw) {
    if (token.special && job.options.specials_are_errors) {
        const std::uint64_t where = position_of(job, found.content, is_raw);
        throw Error(ErrorKind::special_token,
                    "the text holds the special token '" + token.content + "' at byte " + std::to_string(where) +
                        "; special=\"text\" reads it as text, \"parse\" as the token",
                    static_cast<std::int64_t>(where));
    }
    reserve_text(1);
    push_start();
    if (with_origins_) origins_.note_added(end_, found.begin, found.end);
    text_[end_++] = pretokens::kSpecialMark;
    added_ids_.push_back(token.id);
    give_if_full(job);
}

// Where in the document's UTF-8 the character stands that `position` of the text in work came from.
std::uint64_t Preparation::position_of(const Job& job, std::size_t position, bool is_raw) const {
    const std::uint64_t before = documents::bytes_before(job.document);
    if (is_raw) return before + position;
    const std::string_view text(reinterpret_cast<const char*>(document_.data()) + job.stretch_begin, job.stretch_end - job.stretch_begin);
    normalized::Workspace workspace;
    const normalized::Result result = job.preprocessing.normalizer().normalize(text, workspace, true, job.cancel);
    const std::size_t offset = result.alignment != nullptr ? result.alignment->at(result.text, position).begin : position;
    return before + job.stretch_begin + offset;
}

void Preparation::stretch(Job& job, std::string_view text) {
    const Preprocessing& preprocessing = job.preprocessing;
    job.misses_bytes = preprocessing.misses(text) || (preprocessing.adds_space() && preprocessing.misses(" "));
    if (preprocessing.scans() && !job.misses_bytes) {
        scan(job, text);
    } else {
        split(job, text);
    }
    job.cancel.poll();
}

// By the scanner, in blocks, as a Chunk does it; a block grows with a pretoken that fills it, so that all of it stays linear.
void Preparation::scan(Job& job, std::string_view text) {
    pretokens::ScanState state;
    state.scanned = state.last_start = static_cast<std::uint32_t>(end_);
    const bool adds_space = job.preprocessing.adds_space() && text[0] != ' ';
    const auto text_begin = static_cast<std::size_t>(text.data() - job.text.data());
    if (adds_space) {
        reserve_text(1);
        if (with_origins_) origins_.note(end_, {" ", text_begin, true});
        text_[end_++] = ' ';
    }
    std::uint32_t segment_first = count_;
    std::uint32_t whole = count_;  // pretokens before this one are as the steps behind leave them
    for (std::size_t taken = 0;;) {
        std::size_t block = std::min(text.size() - taken, std::max<std::size_t>(pretokens::kChunkBytes, end_ - state.last_start));
        while (taken + block < text.size() && (bytes_of(text)[taken + block] & 0xC0) == 0x80) --block;
        reserve_text(block);
        if (with_origins_) origins_.note(end_, {text.substr(taken, block), text_begin + taken, false});
        std::memcpy(text_.data() + end_, text.data() + taken, block);
        end_ += block;
        taken += block;
        const bool last = taken == text.size();
        starts_.grow(count_ + (end_ - state.last_start) + pretokens::kStartsSlack, count_);
        const std::uint32_t known = count_;
        count_ += static_cast<std::uint32_t>(
            job.scanner->scan(state, text_.data(), static_cast<std::uint32_t>(end_), last, starts_.data() + count_));
        if (job.options.max_pretoken_bytes < end_) {
            for (std::uint32_t i = std::max(known, segment_first + 1); i < count_; ++i)
                if (starts_[i] - starts_[i - 1] > job.options.max_pretoken_bytes) refuse_pretoken(job.options);
            if (end_ - state.last_start > job.options.max_pretoken_bytes) refuse_pretoken(job.options);
        }
        if (!job.preprocessing.steps_behind().empty()) whole = cut_behind(job, whole, last ? count_ : std::max(count_, whole + 1) - 1);
        if (last) break;
        if (end_ >= pretokens::kChunkBytes && count_ > 1 && count_ > segment_first) {
            // All but the last start, whose pretoken is not complete; it is one of this stretch, so no added token stays behind.
            const std::uint32_t moved = starts_[count_ - 1];
            give(job.take, count_ - 1);
            state.rebase(moved);
            segment_first = whole = 0;
            job.cancel.poll();
        }
    }
    give_if_full(job);
}

void Preparation::split(Job& job, std::string_view text) {
    const Preprocessing& preprocessing = job.preprocessing;
    const auto text_begin = static_cast<std::size_t>(text.data() - job.text.data());
    const auto one = [&](const Piece& piece) {
        if (preprocessing.steps_behind().empty()) {
            add_pretoken(job, piece);
        } else {
            split_behind(job, piece);
        }
    };
    spans_.clear();
    engine::split(preprocessing.steps(), bytes_of(text), text.size(), split_memory_, spans_, job.cancel);
    for (const engine::Span span : spans_) {
        const std::string_view piece = text.substr(span.begin, span.end - span.begin);
        if (!preprocessing.adds_space()) {
            one({piece, text_begin + span.begin, false});
            continue;
        }
        prefixed_.clear();
        if (piece[0] != ' ') prefixed_ += ' ';
        prefixed_ += piece;
        const Piece prefixed{prefixed_, text_begin + span.begin, piece[0] != ' '};
        inner_spans_.clear();
        engine::split(preprocessing.byte_level_step(), bytes_of(prefixed_), prefixed_.size(), split_memory_, inner_spans_, job.cancel);
        for (const engine::Span inner : inner_spans_) one(prefixed.part(inner.begin, inner.end));
    }
}

// Lets the steps behind ByteLevel cut pretokens [first, last) of the block, and says where the one behind them now stands. Most pretokens
// hold no byte that matters to the steps; the others are mapped one behind the other and cut in one go.
std::uint32_t Preparation::cut_behind(const Job& job, std::uint32_t first, std::uint32_t last) {
    const auto end_of = [&](std::uint32_t i) { return i + 1 < count_ ? starts_[i + 1] : static_cast<std::uint32_t>(end_); };
    matters_.clear();
    mapped_.clear();
    behind_spans_.clear();
    if (first == last) return last;
    const std::string_view text(reinterpret_cast<const char*>(text_.data()), end_of(last - 1));
    std::uint32_t i = first;
    for (std::size_t at = starts_[first]; (at = job.preprocessing.matters_behind().find(text, at)) < text.size(); at = end_of(i)) {
        while (end_of(i) <= at) ++i;
        matters_.push_back(i);
        const std::size_t mapped_begin = mapped_.size();
        formats::append_spelling(text.substr(starts_[i], end_of(i) - starts_[i]), mapped_);
        behind_spans_.push_back({mapped_begin, mapped_.size()});
    }
    if (matters_.empty()) return last;
    engine::split_each(job.preprocessing.steps_behind(), bytes_of(mapped_), split_memory_, behind_spans_, job.cancel);
    // The pieces are all of the mapped text, so their lengths say where they stand.
    further_starts_.clear();
    std::size_t pretoken = 0;
    std::uint32_t at = starts_[matters_[0]];
    for (const engine::Span span : behind_spans_) {
        if (at == end_of(matters_[pretoken])) {
            at = starts_[matters_[++pretoken]];
        } else if (at != starts_[matters_[pretoken]]) {
            further_starts_.push_back(at);
        }
        for (std::uint64_t i = span.begin; i < span.end; ++i) at += (bytes_of(mapped_)[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    const auto further = static_cast<std::uint32_t>(further_starts_.size());
    starts_.grow(count_ + further + pretokens::kStartsSlack, count_);
    std::copy_backward(starts_.data() + last, starts_.data() + count_, starts_.data() + count_ + further);
    std::uint32_t to = last + further;
    for (std::uint32_t from = last, left = further; left != 0;) {
        const bool takes_further = from == first || starts_[from - 1] < further_starts_[left - 1];
        starts_[--to] = takes_further ? further_starts_[--left] : starts_[--from];
    }
    count_ += further;
    return last + further;
}

// Steps behind ByteLevel see its output: each byte as a character of the alphabet.
void Preparation::split_behind(Job& job, const Piece& piece) {
    if (job.preprocessing.matters_behind().find(piece.bytes, 0) == piece.bytes.size()) {
        add_pretoken(job, piece);
        return;
    }
    mapped_.clear();
    formats::append_spelling(piece.bytes, mapped_);
    behind_spans_.clear();
    engine::split(job.preprocessing.steps_behind(), bytes_of(mapped_), mapped_.size(), split_memory_, behind_spans_, job.cancel);
    std::size_t at = 0;  // in mapped_
    std::size_t byte = 0;
    const auto advance = [&](std::size_t to) {
        for (; at < to; ++at) byte += (bytes_of(mapped_)[at] & 0xC0) != 0x80 ? 1 : 0;
        return byte;
    };
    for (const engine::Span span : behind_spans_) {
        const std::size_t begin = advance(span.begin), end = advance(span.end);
        add_pretoken(job, piece.part(begin, end));
    }
}

void Preparation::refuse_pretoken(const EncodeOptions& options) {
    throw Error(ErrorKind::pretoken_too_long,
                "a pretoken is longer than max_pretoken_bytes = " + std::to_string(options.max_pretoken_bytes) +
                    "; raise it (memory grows with it) or cut the text");
}

// The position is looked for only now: the first place of the byte in the stretch, by which the text was refused.
void Preparation::refuse_missing_byte(const Job& job, std::uint8_t byte) const {
    const std::string_view stretch(reinterpret_cast<const char*>(document_.data()) + job.stretch_begin,
                                   job.stretch_end - job.stretch_begin);
    std::uint64_t where = documents::bytes_before(job.document) + job.stretch_begin;
    const std::size_t offset = stretch.find(static_cast<char>(byte));
    if (offset != std::string_view::npos) where += offset;
    constexpr char kDigits[] = "0123456789ABCDEF";
    throw Error(ErrorKind::missing_byte,
                std::string("the byte 0x") + kDigits[byte >> 4] + kDigits[byte & 15] + " at position " + std::to_string(where) +
                    " of the text is no token of this vocabulary; load it without missing_bytes=\"error\" to leave such bytes out, as "
                    "tokenizers does",
                static_cast<std::int64_t>(where));
}

void Preparation::add_pretoken(Job& job, const Piece& piece) {
    const std::string_view bytes = piece.bytes;
    if (bytes.size() > job.options.max_pretoken_bytes) refuse_pretoken(job.options);
    reserve_text(bytes.size() + 1);
    if (job.misses_bytes) {
        change_bytes(job, piece);
    } else {
        const bool is_marked = job.preprocessing.marks_begin() || job.preprocessing.marks_end();
        if (with_origins_ && is_marked) origins_.note_word(end_, count_, piece, job.preprocessing);
        if (with_origins_ && !is_marked) origins_.note(end_, piece);
        push_start();
        if (job.preprocessing.marks_begin()) text_[end_++] = formats::kWordMark;
        std::memcpy(text_.data() + end_, bytes.data(), bytes.size());
        end_ += bytes.size();
        if (job.preprocessing.marks_end()) text_[end_++] = formats::kWordMark;
    }
    give_if_full(job);
}

// A pretoken of a text that holds bytes without a token: they are left out or stand for the unknown token.
void Preparation::change_bytes(const Job& job, const Piece& piece) {
    const Preprocessing& preprocessing = job.preprocessing;
    const std::string_view bytes = piece.bytes;
    const std::size_t begin = end_;
    if (with_origins_) origins_.note_word(end_, count_, piece, preprocessing);
    const std::size_t last = bytes.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        const bool first_mark = preprocessing.marks_begin() && i == 0, last_mark = preprocessing.marks_end() && i == last;
        switch (first_mark || last_mark ? preprocessing.use_at_mark(byte) : preprocessing.use_inside(byte)) {
            case Preprocessing::ByteUse::keep:
                if (first_mark) text_[end_++] = formats::kWordMark;
                text_[end_++] = byte;
                if (last_mark) text_[end_++] = formats::kWordMark;
                break;
            case Preprocessing::ByteUse::drop:
                if (preprocessing.components().refuses_missing_bytes) refuse_missing_byte(job, byte);
                ++dropped_bytes_;
                break;
            case Preprocessing::ByteUse::unknown:
                if (!preprocessing.components().fuse_unknown || end_ == begin || text_[end_ - 1] != formats::kUnknownByte)
                    text_[end_++] = formats::kUnknownByte;
                break;
        }
    }
    if (end_ == begin) return;  // nothing is left of it
    const std::size_t end = std::exchange(end_, begin);
    push_start();
    end_ = end;
}

}  // namespace tokmill::tokens
