#include "pretokens/safe_cuts.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string>

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

bool has_non_ascii(std::string_view token) noexcept {
    std::size_t i = 0;
    for (; i + 8 <= token.size(); i += 8) {
        if ((load<std::uint64_t>(token.data() + i) & 0x8080808080808080u) != 0) return true;
    }
    for (; i < token.size(); ++i) {
        if (static_cast<std::uint8_t>(token[i]) >= 0x80) return true;
    }
    return false;
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

}  // namespace

SafeCuts::SafeCuts() : flags_(kBmpSize, 0) {}

void SafeCuts::join_pair(std::string_view left, std::string_view right, std::size_t char_bytes) {
    const std::uint32_t factor = char_bytes == 3 ? kPairFactor3 : kPairFactor2;
    const auto add = [&](std::uint32_t left_code, std::uint32_t right_code) { hashes_.push_back(pair_hash(left_code, right_code, factor)); };
    const bool left_whole = left.size() == char_bytes;
    const bool right_whole = right.size() == char_bytes;
    const auto with_each_right = [&](std::uint32_t left_code) {
        for_each_beginning_with(right, char_bytes, [&](std::uint32_t right_code) { add(left_code, right_code); });
    };
    if (char_bytes == 2) {
        if (left_whole) {
            for_each_beginning_with(left, 2, with_each_right);
        } else {
            for_each_ending_with(left, 2, with_each_right);
        }
        return;
    }
    // With 3 bytes a list can have thousands of members; the long ones become flags. A token that ends behind the first
    // byte of a character is rare (3 in r50k_base, 1 in cl100k_base), so it shares the flags of those cut at both ends.
    if (left_whole && right.size() >= 2) {
        for_each_beginning_with(left, 3, with_each_right);
    } else if (right_whole && left.size() == 2) {
        for_each_ending_with(left, 3, with_each_right);
    } else if (right_whole) {
        for_each_beginning_with(right, 3, [&](std::uint32_t code) { flags_[code] |= kJoinsAnyLeft; });
    } else {
        const auto join_right = [&](std::uint32_t code) { flags_[code] |= kJoinsPartialRight; };
        if (left_whole) {
            for_each_beginning_with(left, 3, join_right);
        } else {
            for_each_ending_with(left, 3, join_right);
        }
        for_each_beginning_with(right, 3, [&](std::uint32_t code) { flags_[code] |= kJoinsPartialLeft; });
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
            for_each_beginning_with(right, 3, [&](std::uint32_t code) { flags_[code] |= kJoinsAsciiLeft; });
        } else if (right_bytes == 1) {
            if (left_cut && left.size() < 3) {
                for_each_ending_with(left, 3, [&](std::uint32_t code) { flags_[code] |= kJoinsAsciiRight; });
            } else if (!left_cut && left.size() == 3) {
                for_each_beginning_with(left, 3, [&](std::uint32_t code) { flags_[code] |= kJoinsAsciiRight; });
            }
        } else if (right_bytes <= 3) {
            if (left_cut ? left.size() < right_bytes : left.size() == right_bytes) join_pair(left, right, right_bytes);
        }
    }
}

void SafeCuts::finish() {
    std::sort(hashes_.begin(), hashes_.end());
    hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
    bit_count_ = kMinBits;
    while (bit_count_ < kMaxBits && (std::size_t(1) << bit_count_) < hashes_.size() * kBitsPerPair) ++bit_count_;
    joined_.assign((std::size_t(1) << bit_count_) / 32, 0);
    for (const std::uint32_t hash : hashes_) {
        const std::uint32_t bit = hash >> (32 - bit_count_);
        joined_[bit / 32] |= 1u << (bit % 32);
    }
    hashes_ = {};
}

SafeCuts SafeCuts::build(const vocab::Vocabulary& vocabulary) {
    SafeCuts cuts;
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol) cuts.add_token(vocabulary.bytes(symbol));
    cuts.finish();
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
