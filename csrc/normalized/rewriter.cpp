// What one step writes, and its alignment to the original text.
#include "normalized/rewriter.hpp"

#include <algorithm>

namespace tokmill::normalized {

Rewriter::Rewriter(const Input& input, std::string& out, Alignment* alignment, std::size_t most_bytes, bool counts_all)
    : input_(input), out_(out), alignment_(alignment), most_bytes_(most_bytes) {
    out_.clear();
    if (alignment_ != nullptr) alignment_->runs_.clear();
    if (counts_all || input.rootless == 0) return;
    started_ = true;
    shifted_ = true;
    put_at(input.text.substr(0, input.rootless), kNowhere);
    read_ = input.rootless;
}

void Rewriter::start() {
    started_ = true;
    out_.reserve(std::min(most_bytes_, input_.text.size() + input_.text.size() / 8 + 16));
    const std::size_t kept = read_;
    append(input_.text.substr(0, kept));
    rootless_ = std::min(input_.rootless, kept);
    if (alignment_ != nullptr) align_same(0, kept);
}

void Rewriter::append(std::string_view bytes) {
    if (bytes.size() > most_bytes_ - out_.size())
        throw Error(ErrorKind::value,
                    "the normalizer makes more than " + std::to_string(most_bytes_) +
                        " bytes of the text (64 times its length and 1 MiB); a Replace or Prepend grows it without bound");
    out_.append(bytes);
}

// The bytes last appended are the input's from `begin` to `end`.
void Rewriter::align_same(std::size_t begin, std::size_t end) {
    if (begin == end) return;
    const auto to = static_cast<std::uint32_t>(out_.size() - (end - begin));
    if (input_.alignment == nullptr) {
        alignment_->append_same(to, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin));
        return;
    }
    const std::span<const Alignment::Run> runs = input_.alignment->runs();
    while (run_ + 1 < runs.size() && runs[run_ + 1].begin <= begin) ++run_;
    for (std::size_t from = begin; from < end;) {
        const Alignment::Run& run = runs[run_];
        const std::size_t run_end = run_ + 1 < runs.size() ? runs[run_ + 1].begin : input_.text.size();
        const std::size_t until = std::min(end, run_end);
        const auto at = to + static_cast<std::uint32_t>(from - begin);
        if (run.same) {
            alignment_->append_same(at, run.source.begin + static_cast<std::uint32_t>(from - run.begin),
                                    static_cast<std::uint32_t>(until - from));
        } else {
            alignment_->append(at, run.source);
        }
        from = until;
        if (from == run_end && from < end) ++run_;
    }
}

void Rewriter::keep(std::size_t begin, std::size_t end) {
    if (shifted_) {
        for (std::size_t position = begin; position < end; position = after(position)) {
            put(unicode::decode_utf8(reinterpret_cast<const std::uint8_t*>(input_.text.data()) + position), 1);
        }
        return;
    }
    read_ = end;
    if (!started_) return;
    append(input_.text.substr(begin, end - begin));
    if (begin < input_.rootless) rootless_ += std::min(end, input_.rootless) - begin;
    if (alignment_ != nullptr) align_same(begin, end);
}

void Rewriter::overwrite(std::size_t begin, std::size_t end, std::string_view bytes) {
    if (shifted_) {
        for (std::size_t i = 0; i < bytes.size(); i += unicode::utf8_length(static_cast<std::uint8_t>(bytes[i])))
            put(unicode::decode_utf8(reinterpret_cast<const std::uint8_t*>(bytes.data()) + i), 1);
        return;
    }
    if (!started_) start();
    const std::size_t at = out_.size();
    keep(begin, end);
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Rewriter::drop(std::size_t begin, std::size_t end) {
    if (begin == end) return;
    if (shifted_) {
        for (std::size_t position = begin; position < end && read_ < input_.text.size(); position = after(position)) read_ = after(read_);
        return;
    }
    if (!started_) start();
    read_ = end;
}

void Rewriter::put(std::uint32_t code_point, std::size_t consumed) {
    std::uint8_t bytes[4];
    const std::size_t count = unicode::encode_utf8(code_point, bytes);
    if (!started_) start();
    std::size_t place = read_ - 1;  // kNowhere at the start
    if (consumed > 0) {
        if (read_ == input_.text.size())
            throw Error(ErrorKind::value,
                        "a step of the normalizer put characters before the text that replace nothing, and a later step cannot align them "
                        "(tokenizers fails here too); use Prepend, or let the Replace that does it be the last step");
        place = read_;
        for (std::size_t i = 0; i < consumed && read_ < input_.text.size(); ++i) read_ = after(read_);
    }
    put_at({reinterpret_cast<const char*>(bytes), count}, place);
}

void Rewriter::put_at(std::string_view bytes, std::size_t place) {
    if (bytes.empty()) return;
    if (!started_) start();
    const std::size_t at = out_.size();
    append(bytes);
    const bool nowhere = place == kNowhere || place < input_.rootless;
    if (nowhere) rootless_ += bytes.size();
    if (alignment_ == nullptr) return;
    Span source{0, 0};
    if (!nowhere) {
        if (input_.alignment != nullptr) {
            source = input_.alignment->at(input_.text, place, run_);
        } else {
            std::size_t first = place;
            while ((static_cast<std::uint8_t>(input_.text[first]) & 0xC0) == 0x80) --first;
            source = {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(after(first))};
        }
    }
    alignment_->append(static_cast<std::uint32_t>(at), source);
}

}  // namespace tokmill::normalized
