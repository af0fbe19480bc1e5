#include <algorithm>

#include "base/errors.hpp"
#include "base/memory.hpp"
#include "formats/formats.hpp"

namespace tokmill::formats {

vocab::Spec read_merge_list(std::span<const std::uint8_t> file) {
    constexpr std::uint32_t kByteSymbols = 256;
    constexpr std::uint32_t kMaxMerges = 65536 - kByteSymbols;  // symbols are written in 16 bits
    constexpr std::size_t kMaxTokenBytes = 65536;
    constexpr std::size_t kMaxAllBytes = std::size_t(256) << 20;
    const auto damaged = [](const std::string& what, std::size_t where) {
        throw Error(ErrorKind::vocabulary, "merge list: " + what + " at byte " + std::to_string(where), static_cast<std::int64_t>(where));
    };
    if (file.size() < 4) damaged("cut short", file.size());
    const auto count = load<std::uint32_t>(file.data());
    if (count > kMaxMerges || file.size() != 4 + std::size_t(count) * 4)
        damaged("its length does not fit its " + std::to_string(count) + " merges", 0);

    vocab::Spec spec;
    const std::size_t token_count = kByteSymbols + std::size_t(count);
    spec.bytes.reserve(token_count * 8);
    spec.offsets.reserve(token_count + 1);
    spec.ids.reserve(token_count);
    spec.parts.assign(token_count, {vocab::kNoSymbol, vocab::kNoSymbol});
    spec.offsets.push_back(0);
    for (std::uint32_t byte = 0; byte < kByteSymbols; ++byte) {
        spec.bytes.push_back(static_cast<std::uint8_t>(byte));
        spec.offsets.push_back(spec.bytes.size());
        spec.ids.push_back(byte);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t where = 4 + std::size_t(i) * 4;
        for (const std::size_t half : {where, where + 2}) {
            const auto part = load<std::uint16_t>(file.data() + half);
            if (part >= kByteSymbols + i) damaged("a merge of a symbol that does not exist yet", half);
            const std::uint64_t begin = spec.offsets[part];
            const std::size_t length = spec.offsets[part + 1] - begin;
            const std::size_t at = spec.bytes.size();
            spec.bytes.resize(at + length);
            std::copy_n(spec.bytes.data() + begin, length, spec.bytes.data() + at);
            (half == where ? spec.parts[kByteSymbols + i].first : spec.parts[kByteSymbols + i].second) = part;
        }
        if (spec.bytes.size() - spec.offsets.back() > kMaxTokenBytes) damaged("a token of more than 64 KiB", where);
        if (spec.bytes.size() > kMaxAllBytes) damaged("tokens of more than 256 MiB together", where);
        spec.offsets.push_back(spec.bytes.size());
        spec.ids.push_back(kByteSymbols + i);
    }
    return spec;
}

}  // namespace tokmill::formats
