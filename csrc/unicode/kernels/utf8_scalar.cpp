// UTF-8 validation and transcoding on any processor: eight bytes at a time where they are ASCII, else a character at a
// time. The judge of the vector kernels.
#include <cstring>

#include "base/memory.hpp"
#include "unicode/kernels/utf8.hpp"

namespace tokmill::unicode {

namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080u;

std::size_t copy_valid_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    const std::size_t valid = first_ill_formed(source, count, 0);
    if (valid != 0) std::memcpy(destination, source, valid);
    return valid;
}
std::size_t valid_utf8(const std::uint8_t* source, std::size_t count) { return first_ill_formed(source, count, 0); }

std::size_t latin1_to_utf8(std::uint8_t* destination, const std::uint8_t* source, std::size_t count) {
    std::uint8_t* out = destination;
    // No branch on a single byte: accents come at random. Both bytes are stored, the second is overwritten after ASCII.
    const auto encode = [&out](std::uint8_t c) {
        out[0] = c < 0x80 ? c : static_cast<std::uint8_t>(0xC0 | c >> 6);
        out[1] = static_cast<std::uint8_t>(0x80 | (c & 0x3F));
        out += 1 + (c >> 7);
    };
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const std::uint64_t bytes = load<std::uint64_t>(source + i);
        if ((bytes & kHighBits) == 0) {
            std::memcpy(out, &bytes, 8);
            out += 8;
        } else {
            for (std::size_t k = 0; k < 8; ++k) encode(source[i + k]);
        }
    }
    for (; i < count; ++i) encode(source[i]);
    return static_cast<std::size_t>(out - destination);
}

template <class Unit>
std::size_t encode_next_unit(const Unit* source, std::size_t count, std::size_t position, std::uint8_t*& out,
                             LoneSurrogate& lone) noexcept {
    std::uint32_t code_point = source[position];
    std::size_t next = position + 1;
    if (is_surrogate(code_point)) {
        const std::uint32_t second = next < count ? source[next] : 0u;
        if (code_point < 0xDC00 && (second & 0xFFFFFC00u) == 0xDC00) {
            // D83D DE00: (3D << 10 | 200) + 10000 = 1F600.
            code_point = 0x10000 + ((code_point & 0x3FF) << 10 | (second & 0x3FF));
            ++next;
        } else {
            code_point = kReplacementCharacter;
            lone.note(position);
        }
    } else if (code_point >= kCodePointLimit) {
        code_point = kReplacementCharacter;  // no Python str holds one; counted as lone so that nothing passes unseen
        lone.note(position);
    }
    out += encode_utf8(code_point, out);
    return next;
}

template <class Unit>
std::size_t units_to_utf8(std::uint8_t* destination, const Unit* source, std::size_t count, std::size_t* lone_surrogate) {
    constexpr std::uint64_t kNotAscii = sizeof(Unit) == 2 ? 0xFF80FF80FF80FF80u : 0xFFFFFF80FFFFFF80u;
    constexpr std::size_t kUnitsPerWord = 8 / sizeof(Unit);
    std::uint8_t* out = destination;
    LoneSurrogate lone{lone_surrogate};
    std::size_t i = 0;
    while (i < count) {
        if (i + kUnitsPerWord <= count && (load<std::uint64_t>(source + i) & kNotAscii) == 0) {
            for (std::size_t k = 0; k < kUnitsPerWord; ++k) out[k] = static_cast<std::uint8_t>(source[i + k]);
            out += kUnitsPerWord;
            i += kUnitsPerWord;
        } else {
            i = encode_next_unit(source, count, i, out, lone);
        }
    }
    return static_cast<std::size_t>(out - destination);
}

}  // namespace

std::size_t first_ill_formed(const std::uint8_t* source, std::size_t count, std::size_t from) noexcept {
    std::size_t i = from;
    while (i < count) {
        while (i + 16 <= count && ((load<std::uint64_t>(source + i) | load<std::uint64_t>(source + i + 8)) & kHighBits) == 0) i += 16;
        if (i == count) break;
        const std::size_t length = well_formed_length(source + i, count - i);
        if (length == 0) return i;
        i += length;
    }
    return count;
}

std::size_t encode_next(const std::uint16_t* source, std::size_t count, std::size_t position, std::uint8_t*& out,
                        LoneSurrogate& lone) noexcept {
    return encode_next_unit(source, count, position, out, lone);
}
std::size_t encode_next(const std::uint32_t* source, std::size_t count, std::size_t position, std::uint8_t*& out,
                        LoneSurrogate& lone) noexcept {
    return encode_next_unit(source, count, position, out, lone);
}

const Kernels kScalarKernels{copy_valid_utf8, valid_utf8, latin1_to_utf8, units_to_utf8<std::uint16_t>, units_to_utf8<std::uint32_t>};

}  // namespace tokmill::unicode
