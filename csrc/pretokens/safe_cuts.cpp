#include "pretokens/safe_cuts.hpp"

#include <bit>
#include <cstddef>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "base/memory.hpp"
#include "pretokens/kernels/kernels.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace {

constexpr std::uint32_t kBmpSize = 0x10000;
// 32 bits a pair keep false joins at 3 %: r50k_base gets 2^15, cl100k_base 2^17, o200k_base 2^20 (128 KiB).
constexpr std::uint32_t kMinBits = 15;
constexpr std::uint32_t kMaxBits = 20;
constexpr std::size_t kBitsPerPair = 32;

constexpr bool is_continuation(char c) noexcept { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; }

// Loads that overlap at the end instead of a loop over the last bytes: tokens are short, and how short is what a branch cannot foresee.
bool has_non_ascii(std::string_view token) noexcept {
    const std::size_t size = token.size();
    const auto byte = [&](std::size_t i) { return std::uint64_t(static_cast<std::uint8_t>(token[i])); };
    if (size < 4) return size != 0 && ((byte(0) | byte(size / 2) | byte(size - 1)) & 0x80u) != 0;
    std::uint64_t seen = load<std::uint32_t>(token.data()) | load<std::uint32_t>(token.data() + size - 4);
    for (std::size_t i = 4; i + 4 < size; i += 8) {
        const std::size_t at = i + 8 <= size ? i : size - 8;
        seen |= load<std::uint64_t>(token.data() + at);
    }
    return (seen & 0x8080808080808080u) != 0;
}

// Calls `use` with every code point of `char_bytes` (2 or 3) bytes that begins with `beginning`.
template <class Use>
void for_each_beginning_with(std::string_view beginning, std::size_t char_bytes, Use use) {
    std::uint32_t bits = static_cast<std::uint8_t>(beginning[0]) & (char_bytes == 2 ? 0x1Fu : 0x0Fu);
    for (std::size_t i = 1; i < beginning.size(); ++i) bits = bits << 6 | (static_cast<std::uint8_t>(beginning[i]) & 0x3Fu);
    const std::uint32_t open_bits = 6 * static_cast<std::uint32_t>(char_bytes - beginning.size());
    for (std::uint32_t rest = 0; rest < 1u << open_bits; ++rest) use(bits << open_bits | rest);
}

// Calls `use` with every code point of `char_bytes` (2 or 3) bytes whose last bytes are `ending` (fewer than all).
template <class Use>
void for_each_ending_with(std::string_view ending, std::size_t char_bytes, Use use) {
    std::uint32_t bits = 0;
    for (const char byte : ending) bits = bits << 6 | (static_cast<std::uint8_t>(byte) & 0x3Fu);
    const std::uint32_t known_bits = 6 * static_cast<std::uint32_t>(ending.size());
    const std::uint32_t limit = char_bytes == 2 ? 0x800 : kBmpSize;
    for (std::uint32_t code = bits; code < limit; code += 1u << known_bits) use(code);
}

// The parts of a character that stand for a list: its first byte or two, its last byte or two.
constexpr std::size_t kBeginnings2 = 16, kEndings1 = kBeginnings2 + 16 * 64, kEndings2 = kEndings1 + 64, kLists = kEndings2 + 64 * 64;

std::size_t low_bits(char byte, std::uint32_t mask) noexcept { return static_cast<std::uint8_t>(byte) & mask; }

}  // namespace

// A million tokens can begin or end in the same part of a character; its list is gone through once.
void SafeCuts::flag_beginnings(std::string_view beginning, std::uint8_t flag) {
    if (beginning.size() < 3) {
        const std::size_t first = low_bits(beginning[0], 0x0F);
        std::uint8_t& done = lists_done_[beginning.size() == 1 ? first : kBeginnings2 + first * 64 + low_bits(beginning[1], 0x3F)];
        if ((done & flag) != 0) return;
        done |= flag;
    }
    for_each_beginning_with(beginning, 3, [&](std::uint32_t code) { flags_[code] |= flag; });
}

void SafeCuts::flag_endings(std::string_view ending, std::uint8_t flag) {
    const std::size_t first = low_bits(ending[0], 0x3F);
    std::uint8_t& done = lists_done_[ending.size() == 1 ? kEndings1 + first : kEndings2 + first * 64 + low_bits(ending[1], 0x3F)];
    if ((done & flag) != 0) return;
    done |= flag;
    for_each_ending_with(ending, 3, [&](std::uint32_t code) { flags_[code] |= flag; });
}

void SafeCuts::join_pair(std::string_view left, std::string_view right, std::size_t char_bytes) {
    const std::uint32_t factor = char_bytes == 3 ? kPairFactor3 : kPairFactor2;
    const bool left_whole = left.size() == char_bytes;
    const bool right_whole = right.size() == char_bytes;
    const auto with_each_right = [&](std::uint32_t left_code) {
        for_each_beginning_with(right, char_bytes, [&](std::uint32_t right_code) {
            const std::uint32_t bit = pair_hash(left_code, right_code, factor) >> (32 - kMaxBits);
            joined_[bit / 32] |= 1u << (bit % 32);
        });
    };
    // With 3 bytes a list can have thousands of members; the long ones become flags. A token that ends behind the first
    // byte of a character is rare (3 in r50k_base, 1 in cl100k_base), so it shares the flags of those cut at both ends.
    if (left_whole && (char_bytes == 2 || right.size() >= 2)) {
        for_each_beginning_with(left, char_bytes, with_each_right);
    } else if (char_bytes == 2 || (right_whole && left.size() == 2)) {
        for_each_ending_with(left, char_bytes, with_each_right);
    } else if (right_whole) {
        flag_beginnings(right, kJoinsAnyLeft);
    } else {
        if (left_whole) {
            flag_beginnings(left, kJoinsPartialRight);
        } else {
            flag_endings(left, kJoinsPartialRight);
        }
        flag_beginnings(right, kJoinsPartialLeft);
    }
}

void SafeCuts::add_token(std::string_view token) {
    if (!has_non_ascii(token)) return;
    for (std::size_t border = 1; border < token.size(); ++border) {
        if (is_continuation(token[border])) continue;
        // The character before the border, from its lead byte or, if the token begins inside it, from the token's begin.
        std::size_t left_begin = border - 1;
        while (left_begin > 0 && is_continuation(token[left_begin])) --left_begin;
        const std::string_view left = token.substr(left_begin, border - left_begin);
        const bool left_cut = is_continuation(left[0]);
        if (left_cut ? left.size() > 3 : unicode::utf8_length(static_cast<std::uint8_t>(left[0])) != left.size()) continue;
        // The character after it, which the token's end may cut off.
        const std::size_t right_bytes = unicode::utf8_length(static_cast<std::uint8_t>(token[border]));
        std::size_t right_end = border + 1;
        while (right_end < token.size() && right_end - border < right_bytes && is_continuation(token[right_end])) ++right_end;
        const std::string_view right = token.substr(border, right_end - border);
        if (right.size() < right_bytes && right_end < token.size()) continue;  // ill-formed: never found in valid text

        const bool left_ascii = static_cast<std::uint8_t>(left[0]) < 0x80;
        if (right_bytes == 3 && left_ascii && left[0] != ' ') {
            flag_beginnings(right, kJoinsAsciiLeft);
        } else if (right_bytes == 1) {
            if (left_cut && left.size() < 3) {
                flag_endings(left, kJoinsAsciiRight);
            } else if (!left_cut && left.size() == 3) {
                flag_beginnings(left, kJoinsAsciiRight);
            }
        } else if (right_bytes <= 3) {
            if (left_cut ? left.size() < right_bytes : left.size() == right_bytes) join_pair(left, right, right_bytes);
        }
    }
}

// The set was built as large as it may get. Its bit numbers are the tops of hashes, so a smaller set has one bit for every
// group of neighbouring ones.
void SafeCuts::shrink() {
    std::size_t pairs = 0;
    for (const std::uint32_t word : joined_) pairs += static_cast<std::size_t>(std::popcount(word));
    bit_count_ = kMinBits;
    while (bit_count_ < kMaxBits && (std::size_t(1) << bit_count_) < pairs * kBitsPerPair) ++bit_count_;
    const std::uint32_t group = 1u << (kMaxBits - bit_count_);
    std::vector<std::uint32_t> smaller((std::size_t(1) << bit_count_) / 32, 0);
    for (std::uint32_t word = 0; word < joined_.size(); ++word) {
        for (std::uint32_t rest = joined_[word]; rest != 0; rest &= rest - 1) {
            const std::uint32_t bit = (word * 32 + static_cast<std::uint32_t>(std::countr_zero(rest))) / group;
            smaller[bit / 32] |= 1u << (bit % 32);
        }
    }
    joined_ = std::move(smaller);
}

SafeCuts SafeCuts::build(const vocab::Vocabulary& vocabulary) {
    SafeCuts cuts;
    cuts.joined_.assign((std::size_t(1) << kMaxBits) / 32, 0);
    cuts.lists_done_.assign(kLists, 0);
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) cuts.add_token(vocabulary.bytes(symbol));
    cuts.shrink();
    cuts.lists_done_ = {};
    return cuts;
}

void SafeCuts::save(SectionWriter& out) const {
    out.add("pretokens.border_flags", std::span<const std::uint8_t>(flags_));
    out.add("pretokens.joined_pairs", std::span<const std::uint32_t>(joined_));
}

SafeCuts SafeCuts::map(const SectionReader& in) {
    SafeCuts cuts;
    const std::span<const std::uint8_t> flags = in.get<std::uint8_t>("pretokens.border_flags", kBmpSize);
    const std::span<const std::uint32_t> joined = in.get<std::uint32_t>("pretokens.joined_pairs");
    const std::size_t bits = joined.size() * 32;
    if (!std::has_single_bit(bits) || bits < std::size_t(1) << kMinBits || bits > std::size_t(1) << kMaxBits)
        throw Error(ErrorKind::snapshot, "section 'pretokens.joined_pairs' has " + std::to_string(joined.size()) +
                                             " elements, which is no size of a pair set; make the snapshot again");
    cuts.flags_.assign(flags.begin(), flags.end());
    cuts.joined_.assign(joined.begin(), joined.end());
    cuts.bit_count_ = static_cast<std::uint32_t>(std::countr_zero(bits));
    return cuts;
}

}  // namespace tokmill::pretokens
