// The specification as a kernel: one pretoken after the other. Finds no safe cuts, except between starts of the general engine: those
// character by character, as the flags and pairs of kernels.hpp are meant.
#include <bit>

#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens {

namespace {

template <Pattern kPattern>
std::size_t scan(const KernelTables&, ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) {
    if (state.last_start >= end) return 0;
    std::size_t count = 0;
    if (!state.begun) starts[count++] = state.last_start;
    state.begun = true;
    for (;;) {
        const PretokenEnd pretoken = next_pretoken<kPattern>(text, state.last_start, end);
        if (pretoken.position >= end || (pretoken.saw_end && !last)) return count;
        starts[count++] = state.last_start = pretoken.position;
    }
}

// A character as the cuts beside it need it.
struct Neighbour {
    std::uint32_t bytes = 0;  // 0: none known
    std::uint32_t code = 0;
    std::uint32_t flags = 0;  // BmpFlags, of characters of up to 3 bytes
};

bool may_cut(const KernelTables& tables, const Neighbour& left, const Neighbour& right) noexcept {
    if (right.bytes == 4 || (right.flags & kBmpClass) == unicode::kWhiteSpace) return false;
    if (left.bytes == 1 && right.bytes == 3) return left.code != ' ' && (right.flags & kJoinsAsciiLeft) == 0;
    if (left.bytes == 3 && right.bytes == 1) return (left.flags & kJoinsAsciiRight) == 0;
    if (left.bytes != right.bytes || right.bytes == 1) return false;
    if (right.bytes == 3) {
        if ((right.flags & kJoinsAnyLeft) != 0) return false;
        if ((left.flags & kJoinsPartialRight) != 0 && (right.flags & kJoinsPartialLeft) != 0) return false;
    }
    const std::uint32_t hash = pair_hash(left.code, right.code, right.bytes == 3 ? kPairFactor3 : kPairFactor2);
    const std::uint32_t bit = hash >> tables.joined_shift;
    return (tables.joined[bit / 32] >> (bit % 32) & 1) == 0;
}

template <bool kCuts>
std::size_t write_stretch(const KernelTables& tables, const Stretch& stretch, std::uint32_t* starts) {
    const std::uint8_t* const text = stretch.text + stretch.base;
    std::size_t written = 0;
    Neighbour left;
    std::uint32_t next = 0;  // the next character, if the stretch began with its first byte
    while (kCuts && next < stretch.count && (text[next] & 0xC0) == 0x80) ++next;
    for (std::uint32_t at = 0; at < stretch.count; at += 64) {
        std::uint64_t mask = stretch.masks[at / 64];
        while (kCuts && next < stretch.count && next < at + 64) {
            Neighbour right{unicode::utf8_length(text[next]), unicode::decode_utf8(text + next)};
            if (right.bytes < 4) right.flags = tables.bmp[right.code];
            if (may_cut(tables, left, right)) mask |= std::uint64_t(1) << (next - at);
            left = right;
            next += right.bytes;
        }
        for (; mask != 0; mask &= mask - 1) starts[written++] = stretch.base + at + static_cast<std::uint32_t>(std::countr_zero(mask));
    }
    return written;
}

}  // namespace

ScanFunction scan_scalar(Pattern pattern) noexcept {
    return with_pattern(pattern, []<Pattern kPattern>() -> ScanFunction { return scan<kPattern>; });
}

WriteFunction write_scalar(bool safe_cuts) noexcept { return safe_cuts ? write_stretch<true> : write_stretch<false>; }

}  // namespace tokmill::pretokens
