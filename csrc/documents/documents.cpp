#include "documents/documents.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace tokmill::documents {

namespace {

// So that character_border() finds one.
constexpr std::size_t kLeastLentBytes = 16;

constexpr std::uint8_t kReplacementUtf8[3] = {0xEF, 0xBF, 0xBD};

using unicode::is_continuation;

// The largest cut <= count that does not divide a character, if the bytes are UTF-8. Four continuation bytes in a row
// are in no character, so that three steps back are enough.
std::size_t character_border(const std::uint8_t* bytes, std::size_t count) noexcept {
    for (std::size_t back = 0; back < 4 && back < count; ++back)
        if (!is_continuation(bytes[count - back])) return count - back;
    return count;
}

std::string hex(std::uint8_t byte) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

std::uint32_t unit_at(const Document& document, std::size_t i) noexcept {
    switch (document.encoding) {
        case Encoding::ucs2: return static_cast<const std::uint16_t*>(document.data)[i];
        case Encoding::ucs4: return static_cast<const std::uint32_t*>(document.data)[i];
        default: return static_cast<const std::uint8_t*>(document.data)[i];
    }
}

// Is the character that ends before unit i a letter?
bool letter_before(const Document& document, std::size_t begin, std::size_t i) noexcept {
    std::uint32_t code_point = unit_at(document, i - 1);
    if (document.encoding == Encoding::utf8 && code_point >= 0x80) {
        // Undecodable bytes are no letters; the document is validated later.
        const auto* bytes = static_cast<const std::uint8_t*>(document.data);
        std::size_t lead = i - 1;
        while (lead > begin && i - lead < 4 && is_continuation(bytes[lead])) --lead;
        if (bytes[lead] < 0xC2 || bytes[lead] > 0xF4 || unicode::utf8_length(bytes[lead]) != i - lead) return false;
        code_point = unicode::decode_utf8(bytes + lead);
    }
    if (code_point >= unicode::kCodePointLimit) return false;
    const unicode::CharClass c = unicode::char_class(code_point);
    return c == unicode::kUpper || c == unicode::kLower || c == unicode::kLetter;
}

}  // namespace

std::size_t Reader::read(std::uint8_t* out, std::size_t room) {
    switch (document_.encoding) {
        case Encoding::ascii: {
            const std::size_t count = std::min(room, document_.unit_count - next_);
            std::memcpy(out, static_cast<const std::uint8_t*>(document_.data) + next_, count);
            next_ += count;
            return count;
        }
        case Encoding::utf8: return read_bytes(out, room);
        default: return read_wide(out, room);
    }
}

void Reader::refuse_byte(std::size_t position) const {
    const std::uint8_t byte = static_cast<const std::uint8_t*>(document_.data)[position];
    const std::size_t where = document_.first_unit + position;
    throw Error(ErrorKind::invalid_utf8,
                "byte " + hex(byte) + " at position " + std::to_string(where) +
                    " is not UTF-8; pass invalid=\"replace\" to read such bytes as U+FFFD",
                static_cast<std::int64_t>(where));
}

const std::uint8_t* Reader::lend(std::size_t most, std::size_t& byte_count) {
    const std::uint8_t* const text = static_cast<const std::uint8_t*>(document_.data) + next_;
    byte_count = 0;
    const std::size_t readable = units_left() + document_.units_behind;
    if (most == 0 || readable < kLendSlackBytes + kLeastLentBytes) return text;
    std::size_t count = std::min({most, units_left(), readable - kLendSlackBytes});
    if (document_.encoding == Encoding::utf8) {
        count = character_border(text, count);
        const std::size_t valid = kernels_.valid_utf8(text, count);
        if (valid != count) refuse_byte(next_ + valid);
    }
    next_ += count;
    byte_count = count;
    return text;
}

std::size_t Reader::read_bytes(std::uint8_t* out, std::size_t room) {
    const auto* bytes = static_cast<const std::uint8_t*>(document_.data);
    std::size_t written = 0;
    while (next_ < document_.unit_count) {
        const std::size_t left = document_.unit_count - next_;
        std::size_t count = std::min(room - written, left);
        if (count < left) count = character_border(bytes + next_, count);
        if (count == 0) break;
        const std::size_t valid = kernels_.copy_valid_utf8(out + written, bytes + next_, count);
        next_ += valid;
        written += valid;
        if (valid == count) break;
        if (invalid_ != Invalid::replace) refuse_byte(next_);
        if (room - written < sizeof kReplacementUtf8) break;
        std::memcpy(out + written, kReplacementUtf8, sizeof kReplacementUtf8);
        written += sizeof kReplacementUtf8;
        next_ += unicode::ill_formed_length(bytes + next_, document_.unit_count - next_);
        if (room - written < 16) break;
    }
    return written;
}

std::size_t Reader::read_wide(std::uint8_t* out, std::size_t room) {
    const std::size_t worst = document_.encoding == Encoding::latin1 ? 2 : document_.encoding == Encoding::ucs2 ? 3 : 4;
    std::size_t count = std::min(room / worst, document_.unit_count - next_);
    // A surrogate pair stays together.
    const auto surrogate = [&](std::size_t i) { return (unit_at(document_, i) & 0xFFFFF800u) == 0xD800u; };
    if (next_ + count < document_.unit_count && worst > 2 && count > 1 && surrogate(next_ + count - 1) && surrogate(next_ + count)) {
        // Back to before the run's last high surrogate: the run may hold any order of halves.
        if (unit_at(document_, next_ + count - 1) < 0xDC00u) --count;
    }
    std::size_t lone = SIZE_MAX;
    std::size_t written = 0;
    switch (document_.encoding) {
        case Encoding::latin1:
            written = kernels_.latin1_to_utf8(out, static_cast<const std::uint8_t*>(document_.data) + next_, count);
            break;
        case Encoding::ucs2:
            written = kernels_.ucs2_to_utf8(out, static_cast<const std::uint16_t*>(document_.data) + next_, count, &lone);
            break;
        default: written = kernels_.ucs4_to_utf8(out, static_cast<const std::uint32_t*>(document_.data) + next_, count, &lone); break;
    }
    if (lone != SIZE_MAX && invalid_ == Invalid::error) {
        const std::size_t where = document_.first_unit + next_ + lone;
        throw Error(ErrorKind::invalid_utf8,
                    "lone surrogate at character " + std::to_string(where) + "; leave invalid= out to read it as U+FFFD",
                    static_cast<std::int64_t>(where));
    }
    next_ += count;
    return written;
}

std::size_t bytes_before(const Document& stretch) noexcept {
    if (stretch.encoding == Encoding::ascii || stretch.encoding == Encoding::utf8) return stretch.first_unit;
    const Document before{static_cast<const std::uint8_t*>(stretch.data) - stretch.first_unit * unit_bytes(stretch.encoding),
                          stretch.first_unit, stretch.encoding};
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < before.unit_count; ++i) {
        const std::uint32_t unit = unit_at(before, i);
        const bool pair = (unit & 0xFFFFFC00u) == 0xD800u && i + 1 < before.unit_count && (unit_at(before, i + 1) & 0xFFFFFC00u) == 0xDC00u;
        bytes += pair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit < 0x10000 ? 3 : 4;
        if (pair) ++i;
    }
    return bytes;
}

std::size_t last_certain_start(const Document& document, std::size_t begin, std::size_t end, std::size_t window,
                               bool behind_ascii) noexcept {
    const std::size_t lowest = end - begin > window ? end - window : begin;
    for (std::size_t i = std::min(end, document.unit_count - 1); i > lowest && i > begin; --i) {
        const std::uint32_t unit = unit_at(document, i);
        if (unit != ' ' && unit != '\n') continue;
        if ((!behind_ascii || unit_at(document, i - 1) < 0x80) && letter_before(document, begin, i)) return i;
    }
    return begin;
}

}  // namespace tokmill::documents
