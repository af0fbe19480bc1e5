#include "documents/original_places.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tokmill::documents {

namespace {

constexpr std::uint32_t kReplacementBytes = 3;

const std::uint8_t* bytes_of(const Document& document) noexcept { return static_cast<const std::uint8_t*>(document.data); }

// How many of the first `most` bytes come before one that is not ASCII; of `count` that there are.
std::size_t ascii_run(const std::uint8_t* bytes, std::size_t count, std::size_t most) noexcept {
    std::size_t i = 0;
    for (; i < most && i + 8 <= count; i += 8) {
        // Bit 7 of each byte: of 41 42 C3 A9 ... the lowest one set is bit 23, so 23 / 8 = 2 bytes come before it.
        std::uint64_t eight;
        std::memcpy(&eight, bytes + i, sizeof eight);
        eight &= 0x8080808080808080;
        if (eight != 0) return std::min<std::size_t>(i + std::countr_zero(eight) / 8, most);
    }
    while (i < std::min(count, most) && bytes[i] < 0x80) ++i;
    return std::min(i, most);
}

bool is_ascii(const std::uint8_t* bytes, std::size_t count) noexcept {
    std::uint8_t all = 0;
    for (std::size_t i = 0; i < count; ++i) all |= bytes[i];
    return all < 0x80;
}

template <class Unit>
bool has_surrogate_pair(const void* data, std::size_t count) noexcept {
    const auto* const units = static_cast<const Unit*>(data);
    // Nearly no text has surrogates: one look without branches first, which the compiler makes vectors of.
    std::uint32_t any = 0;
    for (std::size_t i = 0; i < count; ++i) any |= std::uint32_t((units[i] & 0xFFFFF800u) == 0xD800u);
    if (any == 0) return false;
    for (std::size_t i = 1; i < count; ++i)
        if ((units[i] & 0xFFFFFC00u) == 0xDC00u && (units[i - 1] & 0xFFFFFC00u) == 0xD800u) return true;
    return false;
}

bool has_surrogate_pair(const Document& document) noexcept {
    if (document.encoding == Encoding::ucs2) return has_surrogate_pair<std::uint16_t>(document.data, document.unit_count);
    return document.encoding == Encoding::ucs4 && has_surrogate_pair<std::uint32_t>(document.data, document.unit_count);
}

// Bytes of units [begin, end) in UTF-8, none of them half of a pair.
template <class Unit>
std::uint64_t utf8_bytes(const void* data, std::size_t begin, std::size_t end) noexcept {
    const auto* const units = static_cast<const Unit*>(data);
    std::uint64_t bytes = end - begin;
    for (std::size_t i = begin; i < end; ++i) {
        const std::uint32_t code = units[i];
        bytes += std::uint32_t(code >= 0x80) + std::uint32_t(code >= 0x800) + std::uint32_t(code >= 0x10000);
    }
    return bytes;
}

std::uint32_t wide_unit(const Document& document, std::size_t i) noexcept {
    switch (document.encoding) {
        case Encoding::ucs2: return static_cast<const std::uint16_t*>(document.data)[i];
        case Encoding::ucs4: return static_cast<const std::uint32_t*>(document.data)[i];
        default: return bytes_of(document)[i];
    }
}

}  // namespace

OriginalPlaces::OriginalPlaces(const unicode::Kernels& kernels, const Document& document, Invalid invalid, PlaceUnit read, PlaceUnit wanted)
    : kernels_(kernels), document_(document), read_(read), wanted_(wanted) {
    if (document.encoding == Encoding::utf8 && invalid == Invalid::replace && wanted == PlaceUnit::byte)
        all_valid_ = kernels.valid_utf8(bytes_of(document), document.unit_count) == document.unit_count;
    if (read != PlaceUnit::byte || wanted != PlaceUnit::byte) has_pairs_ = has_surrogate_pair(document);
    differ_ = are_different();
}

bool OriginalPlaces::are_different() const noexcept {
    if (document_.encoding == Encoding::ascii) return false;
    if (wanted_ == PlaceUnit::byte && read_ == PlaceUnit::byte) return !all_valid_;
    if (wanted_ == PlaceUnit::byte) return unit_bytes(document_.encoding) > 1 || !is_ascii(bytes_of(document_), document_.unit_count);
    return has_pairs_;
}

OriginalPlaces::Character OriginalPlaces::character_at(std::size_t unit) const noexcept {
    const bool reads_bytes = read_ == PlaceUnit::byte;
    if (document_.encoding == Encoding::utf8) {
        const std::uint8_t* const bytes = bytes_of(document_) + unit;
        const std::size_t left = document_.unit_count - unit;
        std::uint32_t length = unicode::utf8_length(bytes[0]);
        if (all_valid_ || kernels_.valid_utf8(bytes, std::min<std::size_t>(length, left)) == length)
            return {length, reads_bytes ? length : 1, length};
        length = static_cast<std::uint32_t>(unicode::ill_formed_length(bytes, left));
        return {length, reads_bytes ? kReplacementBytes : 1, length};
    }
    const std::uint32_t code = wide_unit(document_, unit);
    const bool is_pair =
        (code & 0xFFFFFC00u) == 0xD800u && unit + 1 < document_.unit_count && (wide_unit(document_, unit + 1) & 0xFFFFFC00u) == 0xDC00u;
    const std::uint32_t units = is_pair ? 2 : 1;
    const std::uint32_t bytes = is_pair || code >= 0x10000 ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    return {units, 1, wanted_ == PlaceUnit::byte ? bytes : units};
}

// Each unit is a character.
void OriginalPlaces::pass_units(std::uint64_t place) {
    while (cursor_.read < place) {
        const std::uint64_t to = std::min(place, cursor_.read / kMarkDistance * kMarkDistance + kMarkDistance);
        const std::size_t begin = cursor_.unit, end = begin + (to - cursor_.read);
        switch (document_.encoding) {
            case Encoding::ucs2: cursor_.wanted += utf8_bytes<std::uint16_t>(document_.data, begin, end); break;
            case Encoding::ucs4: cursor_.wanted += utf8_bytes<std::uint32_t>(document_.data, begin, end); break;
            default: cursor_.wanted += utf8_bytes<std::uint8_t>(document_.data, begin, end); break;
        }
        cursor_.unit = end;
        cursor_.read = to;
        if (to % kMarkDistance == 0 && (marks_.empty() || marks_.back().read < to)) marks_.push_back(cursor_);
    }
}

std::uint64_t OriginalPlaces::seek(std::uint64_t place, bool is_end) {
    if (place < cursor_.read) {
        const auto behind = std::ranges::upper_bound(marks_, place, {}, &Cursor::read);
        cursor_ = behind == marks_.begin() ? Cursor{} : *(behind - 1);
    }
    if (!has_pairs_ && document_.encoding != Encoding::utf8) {
        pass_units(std::min<std::uint64_t>(place, document_.unit_count));
        return cursor_.wanted;
    }
    while (cursor_.read < place) {
        if (document_.encoding == Encoding::utf8) {
            const std::size_t ascii =
                ascii_run(bytes_of(document_) + cursor_.unit, document_.unit_count - cursor_.unit, place - cursor_.read);
            cursor_.unit += ascii;
            cursor_.read += ascii;
            cursor_.wanted += ascii;
        }
        if (cursor_.read >= place || cursor_.unit >= document_.unit_count) break;
        const Character character = character_at(cursor_.unit);
        if (cursor_.read + character.read > place) {  // inside of it: bytes are counted; a replaced sequence may have three too
            const bool is_same = kernels_.valid_utf8(bytes_of(document_) + cursor_.unit, character.units) == character.units;
            if (is_same) return cursor_.wanted + (place - cursor_.read);
            return cursor_.wanted + (is_end ? character.wanted : 0);
        }
        cursor_.unit += character.units;
        cursor_.read += character.read;
        cursor_.wanted += character.wanted;
        if (marks_.empty() ? cursor_.read >= kMarkDistance : cursor_.read >= marks_.back().read + kMarkDistance) marks_.push_back(cursor_);
    }
    return cursor_.wanted;
}

}  // namespace tokmill::documents
