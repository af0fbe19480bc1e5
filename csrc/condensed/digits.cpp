#include "condensed/digits.hpp"

#include <algorithm>

#include "cpu/isa.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::condensed {

namespace {

// Tokens may begin and end inside of a character: what is no character is passed over.
bool holds_number(std::string_view token) {
    const unicode::Kernels& kernels = unicode::kernels(cpu::Isa::scalar);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(token.data());
    for (std::size_t at = 0; at < token.size();) {
        const std::size_t end = at + kernels.valid_utf8(bytes + at, token.size() - at);
        for (; at < end; at += unicode::utf8_length(bytes[at]))
            if (unicode::char_class(unicode::decode_utf8(bytes + at)) == unicode::kNumber) return true;
        if (at < token.size()) at += unicode::ill_formed_length(bytes + at, token.size() - at);
    }
    return false;
}

}  // namespace

std::vector<std::int32_t> digit_ids(const vocab::Vocabulary& vocabulary) {
    std::vector<std::int32_t> ids;
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
        if (holds_number(vocabulary.bytes(symbol))) ids.push_back(static_cast<std::int32_t>(vocabulary.id(symbol)));
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace tokmill::condensed
