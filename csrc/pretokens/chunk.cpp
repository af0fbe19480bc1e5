#include "pretokens/chunk.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/errors.hpp"

namespace tokmill::pretokens {

namespace {

// After the text: what the scanner, the probe and the merger may read, and what the reader may overwrite.
constexpr std::size_t kTextSlack = kReadSlackBytes + documents::kReadSlackBytes;
// A chunk keeps at most this much room between calls; a longer pretoken gives its memory back.
constexpr std::uint32_t kMaxKeptBytes = 1u << 20;
// Shorter documents are copied: many of them share a chunk, and the last bytes, which nobody can lend, would bring all of them along.
constexpr std::size_t kLeastLentBytes = 2 * kChunkBytes;
// The same for a stretch that can be lent as a whole; it has its chunk for itself.
constexpr std::size_t kLeastLentWholeBytes = kChunkBytes / 2;
static_assert(documents::kLendSlackBytes >= kTextSlack);

}  // namespace

void Chunk::reset() noexcept {
    end_ = start_count_ = specials_searched_ = 0;
    document_open_ = false;
    lent_ = nullptr;
    special_ids_.clear();
    if (limit_ > kMaxKeptBytes) {
        limit_ = kChunkBytes;
        text_ = Buffer<std::uint8_t>();
        starts_ = Buffer<std::uint32_t>();
    }
}

void Chunk::prepare_text() {
    if (text_.capacity() >= limit_ + kTextSlack) return;
    const std::uint32_t keep = lent_ != nullptr ? 0 : end_;
    text_.grow(limit_ + kTextSlack, keep);
    std::memset(text_.data() + keep, 0, text_.capacity() - keep);
}

void Chunk::begin_document(const documents::Document& document) {
    document_ = document;
    document_open_ = true;
    document_bytes_ = 0;
    document_begin_ = end_;
    begin_segment(end_);
}

std::uint64_t Chunk::position_in_document(std::uint32_t at) const noexcept {
    return documents::bytes_before(document_) + document_bytes_ + at - document_begin_;
}

void Chunk::begin_segment(std::uint32_t at) {
    scan_ = pretokens::ScanState{};
    scan_.scanned = scan_.last_start = at;
    specials_searched_ = at;
    segment_first_ = start_count_;
}

void Chunk::push_start(std::uint32_t at) {
    starts_.grow(start_count_ + 1 + pretokens::kStartsSlack, start_count_);
    starts_[start_count_++] = at;
}

void Chunk::scan(const Scanner& scanner, std::uint32_t end, bool last, const ChunkOptions& options) {
    // At most one start a byte, and each byte gives one once.
    starts_.grow(start_count_ + (end - std::min(end, scan_.last_start)) + pretokens::kStartsSlack, start_count_);
    const std::uint32_t known = start_count_;
    start_count_ += static_cast<std::uint32_t>(scanner.scan(scan_, text(), end, last, starts_.data() + start_count_));
    if (options.max_pretoken_bytes < limit_) {
        for (std::uint32_t i = std::max(known, segment_first_ + 1); i < start_count_; ++i)
            if (starts_[i] - starts_[i - 1] > options.max_pretoken_bytes) refuse_pretoken(starts_[i - 1], options);
    }
    if (end - scan_.last_start > options.max_pretoken_bytes) refuse_pretoken(scan_.last_start, options);
}

void Chunk::refuse_pretoken(std::uint32_t start, const ChunkOptions& options) const {
    const std::uint64_t where = position_in_document(start);
    throw Error(ErrorKind::pretoken_too_long,
                "the pretoken at byte " + std::to_string(where) + " is longer than max_pretoken_bytes = " +
                    std::to_string(options.max_pretoken_bytes) + "; raise it (memory grows with it) or cut the text",
                static_cast<std::int64_t>(where));
}

void Chunk::cut_specials(const Scanner& scanner, bool last, const ChunkOptions& options) {
    const vocab::SpecialMatcher& specials = *options.specials;
    for (;;) {
        const vocab::SpecialMatcher::Match match = specials.find(text_.data(), end_, specials_searched_);
        // What could still become a (longer) special token with more text has to wait.
        const std::size_t undecided = last ? end_ : end_ - std::min<std::size_t>(end_, specials.max_token_bytes() - 1);
        if (match.byte_count == 0 || match.begin >= std::max<std::size_t>(undecided, specials_searched_)) {
            std::uint32_t certain = std::max(static_cast<std::uint32_t>(undecided), specials_searched_);
            while (certain > specials_searched_ && certain < end_ && (text_[certain] & 0xC0) == 0x80) --certain;
            specials_searched_ = certain;
            if (certain > scan_.scanned || last) scan(scanner, certain, last, options);
            return;
        }
        const auto begin = static_cast<std::uint32_t>(match.begin);
        if (options.specials_are_errors && match.control) {
            const std::uint64_t where = position_in_document(begin);
            throw Error(ErrorKind::special_token,
                        "the text holds the special token '" +
                            std::string(reinterpret_cast<const char*>(text_.data()) + begin, match.byte_count) + "' at byte " +
                            std::to_string(where) + "; special=\"text\" reads it as text, \"parse\" as the token",
                        static_cast<std::int64_t>(where));
        }
        scan(scanner, begin, true, options);
        push_start(begin);
        text_[begin] = kSpecialMark;
        special_ids_.push_back(match.id);
        begin_segment(begin + static_cast<std::uint32_t>(match.byte_count));
    }
}

bool Chunk::fill(const Scanner& scanner, documents::Reader& reader, bool last, const ChunkOptions& options) {
    prepare_text();
    if (!document_open_) {
        begin_document(reader.document());
        std::size_t none = 0;
        const std::size_t least = reader.lends_to_the_end() ? kLeastLentWholeBytes : kLeastLentBytes;
        if (end_ == 0 && options.specials == nullptr && reader.lends() && reader.units_left() >= least) lent_ = reader.lend(0, none);
    }
    while (!reader.done()) {
        if (full()) return false;
        if (lent_ != nullptr) {
            std::size_t byte_count = 0;
            reader.lend(limit_ - end_, byte_count);
            if (byte_count == 0) {
                take_back();
                continue;
            }
            end_ += static_cast<std::uint32_t>(byte_count);
            if (reader.done() && last) break;  // scanned once, below
            scan(scanner, end_, false, options);
            continue;
        }
        end_ += static_cast<std::uint32_t>(reader.read(text_.data() + end_, limit_ - end_));
        if (reader.done() && last) break;  // scanned once, below
        if (options.specials != nullptr) {
            cut_specials(scanner, false, options);
        } else {
            scan(scanner, end_, false, options);
        }
    }
    if (last) {
        if (options.specials != nullptr) {
            cut_specials(scanner, true, options);
        } else {
            scan(scanner, end_, true, options);
        }
        push_start(end_);
        document_open_ = false;
    }
    return true;
}

// The end of a lent document: what is not encoded yet goes on in memory of our own.
void Chunk::take_back() {
    text_.grow(limit_ + kTextSlack, 0);
    std::memcpy(text_.data(), lent_, end_);
    lent_ = nullptr;
}

Pretokens Chunk::pretokens() {
    starts_.grow(start_count_ + 1 + kStartsReadAhead, start_count_);
    const std::uint32_t complete = complete_count();
    std::fill_n(starts_.data() + complete, kStartsReadAhead + 1, document_open_ ? scan_.last_start : end_);
    return {text(), end_, starts_.data(), complete, std::memchr(text(), 0, end_) != nullptr, special_ids_};
}

void Chunk::compact() {
    const std::uint32_t keep_from = document_open_ ? scan_.last_start : end_;
    const bool started = pretoken_open();
    if (lent_ != nullptr) {
        lent_ = document_open_ ? lent_ + keep_from : nullptr;
    } else {
        std::memmove(text_.data(), text_.data() + keep_from, end_ - keep_from);
    }
    end_ -= keep_from;
    scan_.rebase(keep_from);
    specials_searched_ -= std::min(specials_searched_, keep_from);
    document_bytes_ += keep_from - document_begin_;
    document_begin_ = 0;
    segment_first_ = 0;
    start_count_ = started ? 1 : 0;
    if (started) starts_[0] = 0;
    special_ids_.clear();
    if (end_ > limit_ / 2) {
        if (limit_ > (1u << 30)) throw std::bad_alloc();
        if (lent_ == nullptr) text_.grow(limit_ * 2 + kTextSlack, end_);
        limit_ *= 2;  // not before the memory is there
    }
}

}  // namespace tokmill::pretokens
