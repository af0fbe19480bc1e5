#include "pretokens/origins.hpp"

#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace {

const std::uint8_t* bytes_of(std::string_view text) noexcept { return reinterpret_cast<const std::uint8_t*>(text.data()); }

// The character that stands for a blank in byte-level spelling: U+0120.
constexpr std::uint32_t kSpeltBlank = 0x120;

bool is_blank(std::uint32_t code_point) noexcept {
    return code_point == kSpeltBlank || unicode::contains(unicode::CharacterSet::white_space, code_point);
}

}  // namespace

void Origins::append(std::uint32_t begin, CharacterSpan source, bool joins) {
    end_document();
    if (joins && !runs_.empty() && !runs_.back().same && runs_.back().source == source) return;
    runs_.push_back({begin, source, false});
}

void Origins::append_same(std::uint32_t begin, std::uint64_t source_byte, std::uint32_t byte_count, std::uint32_t source) {
    if (!goes_on(source_byte)) runs_.push_back({begin, {source, source}, true});
    next_byte_ = source_byte + byte_count;
}

void Origins::drop(const std::uint8_t* block, std::uint32_t byte_count, bool counts_bytes) {
    std::size_t kept = 0;
    while (kept < runs_.size() && (kept + 1 < runs_.size() ? runs_[kept + 1].begin : ~std::uint32_t(0)) <= byte_count) ++kept;
    runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(kept));
    if (runs_.empty()) return;
    Run& first = runs_.front();
    if (first.begin < byte_count) {
        const std::uint32_t lost = byte_count - first.begin;
        if (first.same)
            first.source.begin += counts_bytes ? lost : static_cast<std::uint32_t>(unicode::count_characters(block + first.begin, lost));
        first.begin = byte_count;
    }
    for (Run& run : runs_) run.begin -= byte_count;
}

Blanks blanks_of(std::string_view text) noexcept {
    Blanks blanks;
    std::size_t begin = 0, end = text.size();
    while (begin < text.size() && is_blank(unicode::decode_utf8(bytes_of(text) + begin))) {
        begin += unicode::utf8_length(bytes_of(text)[begin]);
        ++blanks.leading;
    }
    while (end > 0) {
        std::size_t lead = end - 1;
        while (lead > 0 && unicode::is_continuation(bytes_of(text)[lead])) --lead;
        if (!is_blank(unicode::decode_utf8(bytes_of(text) + lead))) break;
        end = lead;
        ++blanks.trailing;
    }
    return blanks;
}

}  // namespace tokmill::pretokens
