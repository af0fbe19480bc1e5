// The layout: u32 number of merges; a merge: u16 left, u16 right; then, which may be missing, how the pairs are placed in their table
// (vocab::Placement): four u32 multipliers and u16 displacements to the end of the file. All little-endian.
#include <algorithm>

#include "base/errors.hpp"
#include "base/memory.hpp"
#include "formats/formats.hpp"

namespace tokmill::formats {

namespace {

constexpr std::uint32_t kByteSymbols = 256;
constexpr std::uint32_t kMaxMerges = 65536 - kByteSymbols;  // symbols are written in 16 bits
constexpr std::size_t kMaxTokenBytes = 65536;
constexpr std::size_t kMaxAllBytes = std::size_t(256) << 20;
constexpr std::size_t kMultiplierBytes = 4 * sizeof(std::uint32_t);

[[noreturn]] void damaged(const std::string& what, std::size_t where) {
    throw Error(ErrorKind::vocabulary, "merge list: " + what + " at byte " + std::to_string(where), static_cast<std::int64_t>(where));
}

// Most tokens are shorter than 16 bytes: a copy of that many, which the next token writes over, has no length to branch on.
constexpr std::size_t kCopiedBytes = 16;

void copy_token(std::uint8_t* to, const std::uint8_t* from, std::size_t length) {
    if (length > kCopiedBytes) {
        std::copy_n(from, length, to);
        return;
    }
    std::uint8_t copied[kCopiedBytes];  // from and to may lie closer together than what is copied
    std::memcpy(copied, from, kCopiedBytes);
    std::memcpy(to, copied, kCopiedBytes);
}

template <class T>
void append(std::string& file, T value) {
    file.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

vocab::Spec read_merge_list(std::span<const std::uint8_t> file, Cancel& cancel) {
    if (file.size() < 4) damaged("cut short", file.size());
    const auto count = load<std::uint32_t>(file.data());
    if (count > kMaxMerges || file.size() < 4 + std::size_t(count) * 4)
        damaged("its length does not fit its " + std::to_string(count) + " merges", 0);

    vocab::Spec spec;
    const std::size_t token_count = kByteSymbols + std::size_t(count);
    spec.offsets.resize(token_count + 1);
    spec.ids.resize(token_count);
    spec.parts.assign(token_count, {vocab::kNoSymbol, vocab::kNoSymbol});
    for (std::uint32_t id = 0; id < token_count; ++id) spec.ids[id] = id;
    for (std::uint32_t byte = 0; byte < kByteSymbols; ++byte) spec.offsets[byte + 1] = byte + 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t where = 4 + std::size_t(i) * 4;
        const auto left = load<std::uint16_t>(file.data() + where), right = load<std::uint16_t>(file.data() + where + 2);
        const std::uint32_t made = kByteSymbols + i;
        if (left >= made || right >= made) damaged("a merge of a symbol that does not exist yet", left >= made ? where : where + 2);
        const std::uint64_t length = spec.offsets[left + 1] - spec.offsets[left] + spec.offsets[right + 1] - spec.offsets[right];
        if (length > kMaxTokenBytes) damaged("a token of more than 64 KiB", where);
        spec.offsets[made + 1] = spec.offsets[made] + length;
        if (spec.offsets[made + 1] > kMaxAllBytes) damaged("tokens of more than 256 MiB together", where);
        spec.parts[made] = {left, right};
    }
    spec.bytes.resize(spec.offsets.back() + kCopiedBytes);
    std::uint8_t* const bytes = spec.bytes.data();
    for (std::uint32_t byte = 0; byte < kByteSymbols; ++byte) bytes[byte] = static_cast<std::uint8_t>(byte);
    for (std::uint32_t made = kByteSymbols; made < token_count; ++made) {
        cancel.poll_at(made);
        std::uint64_t at = spec.offsets[made];
        for (const vocab::Symbol part : {spec.parts[made].first, spec.parts[made].second}) {
            const std::uint64_t length = spec.offsets[part + 1] - spec.offsets[part];
            copy_token(bytes + at, bytes + spec.offsets[part], length);
            at += length;
        }
    }
    spec.bytes.resize(spec.offsets.back());

    const std::span<const std::uint8_t> rest = file.subspan(4 + std::size_t(count) * 4);
    if (rest.empty()) return spec;
    if (rest.size() < kMultiplierBytes || rest.size() % 2 != 0 || rest.size() > kMultiplierBytes + 2 * token_count)
        damaged("its length does not fit its " + std::to_string(count) + " merges", file.size() - rest.size());
    std::memcpy(spec.placement.multipliers.data(), rest.data(), kMultiplierBytes);
    spec.placement.displacements.resize((rest.size() - kMultiplierBytes) / 2);
    std::memcpy(spec.placement.displacements.data(), rest.data() + kMultiplierBytes, rest.size() - kMultiplierBytes);
    return spec;
}

std::string write_merge_list(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges) {
    const auto refuse = [](const std::string& why) {
        throw Error(ErrorKind::vocabulary, "a merge list holds the 256 bytes by value and then tokens that merge, ids in order: " + why);
    };
    if (!vocabulary.ids_are_symbols()) refuse("the ids are in another order");
    if (vocabulary.symbol_count() < kByteSymbols || vocabulary.symbol_count() > kByteSymbols + kMaxMerges)
        refuse("there are " + std::to_string(vocabulary.symbol_count()) + " tokens, not 256 to 65,536");
    for (std::uint32_t byte = 0; byte < kByteSymbols; ++byte)
        if (merges.symbol_of_byte()[byte] != byte) refuse("the bytes are in another order");
    std::string file;
    append(file, vocabulary.symbol_count() - kByteSymbols);
    for (vocab::Symbol symbol = kByteSymbols; symbol < vocabulary.symbol_count(); ++symbol) {
        const auto [left, right] = merges.parts(symbol);
        if (left == vocab::kNoSymbol || left >= symbol || right >= symbol)
            refuse("token " + std::to_string(symbol) + " is not made of two that come before it");
        append(file, static_cast<std::uint16_t>(left));
        append(file, static_cast<std::uint16_t>(right));
    }
    const vocab::Placement placement = merges.placement();
    for (const std::uint32_t multiplier : placement.multipliers) append(file, multiplier);
    for (const std::uint16_t displacement : placement.displacements) append(file, displacement);
    return file;
}

}  // namespace tokmill::formats
