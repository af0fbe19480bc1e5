// The two passes of a machine over a text. In: valid UTF-8, a cursor. Out: cuts in rising order, a stretch at a time, to a sink that
// has `void cuts(std::uint64_t base, std::size_t count, const std::uint64_t* masks, EventsAt events_at)`: bit i % 64 of masks[i / 64]
// says that a piece begins at byte base + i, for i < count (later bits are 0), and events_at(i) gives all events there.
//
// The pass from right to left has to begin somewhere. At the end of a text any state will do; elsewhere all states are followed
// at once, from some way further right, until a single one is left: that one is certain. In the same way several stretches of a
// window are worked on side by side (lanes), so that the processor waits for six chains of loads at once instead of one.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory.hpp"
#include "pretokens/engine/engine.hpp"
#include "pretokens/engine/machine.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens::engine {

inline constexpr std::size_t kLanes = 6;  // 4 and 8 were slower: 1.07 and 1.21 against 1.32 GB/s
// Odd numbers of cache lines, so that the lanes do not meet in one set of the cache.
inline constexpr std::size_t kLaneBytes = 33 * kCacheLineBytes, kShortLaneBytes = 9 * kCacheLineBytes,
                             kShortestLaneBytes = 3 * kCacheLineBytes;
inline constexpr std::size_t kWindowBytes = kLanes * kLaneBytes;
static_assert(kWindowBytes % 64 == 0);
inline constexpr std::size_t kChunkBytes = 32768;
inline constexpr std::size_t kLetterSlack = 8;

constexpr bool is_continuation(std::uint8_t byte) noexcept { return (byte & 0xC0) == 0x80; }

// Ends of texts, seen from left to right: where the last character of the next text to end begins.
class TextEnds {
public:
    TextEnds(const std::uint8_t* text, std::span<const std::uint64_t> ends, std::uint64_t end, bool last) noexcept
        : text_(text), ends_(ends), end_(end), last_(last) {}

    static constexpr std::uint64_t kNever = UINT64_MAX;

    // The first last character at or behind `at`; callers ask with rising positions.
    std::uint64_t next_last_character(std::uint64_t at) noexcept {
        while (lead_ == kUnknown || (lead_ < at && lead_ != kNever)) {
            if (next_ < ends_.size()) {
                lead_ = lead_before(ends_[next_++]);
            } else if (!end_given_) {
                end_given_ = true;
                lead_ = last_ ? lead_before(end_) : kNever;
            } else {
                lead_ = kNever;
            }
        }
        return lead_;
    }

private:
    static constexpr std::uint64_t kUnknown = UINT64_MAX - 1;
    std::uint64_t lead_before(std::uint64_t end) const noexcept {
        --end;
        while (is_continuation(text_[end])) --end;
        return end;
    }

    const std::uint8_t* text_;
    std::span<const std::uint64_t> ends_;
    std::uint64_t end_;
    bool last_;
    std::size_t next_ = 0;
    bool end_given_ = false;
    std::uint64_t lead_ = kUnknown;
};

// What the letters of a chunk leave behind.
struct Behind {
    std::uint32_t state;       // of the automaton for look-behinds
    std::uint8_t if_last = 0;  // the letter of the last character, were it the last one of its text
};

// Writes the letters of text[from, to); up to 3 more for a character that goes on behind `to`.
Behind classify(const Machine& machine, const std::uint8_t* text, std::uint64_t from, std::uint64_t to, TextEnds& ends,
                std::uint32_t behind, std::uint8_t* letters);

// The state at `to` (to the right of letters[to - 1]) that all states at `from` lead to, or Machine::kNoSet.
std::uint32_t common_state(const Machine& machine, const std::uint8_t* letters, std::size_t to, std::size_t from) noexcept;

// Of letters[0, count), which may go on or end: the rightmost place found whose state is certain, and the state.
struct Certain {
    std::size_t position;  // 0: none
    std::uint32_t state;
};
Certain certain_state(const Machine& machine, const std::uint8_t* letters, std::size_t count, std::uint8_t last_if_last);

// Number: std::uint8_t for narrow moves, std::uint16_t for wide ones.
template <class Number, class Sink>
class Passes {
public:
    Passes(const Machine& machine, const Number* moves, Sink& sink) noexcept : machine_(machine), moves_(moves), sink_(sink) {}

    void run(Cursor& cursor, const std::uint8_t* text, std::uint64_t end, bool last, std::span<const std::uint64_t> text_ends) {
        std::uint8_t own_letters[kChunkBytes + kLetterSlack];
        Buffer<std::uint8_t> more_letters;
        std::size_t chunk_bytes = kChunkBytes;
        while (cursor.at < end) {
            std::uint64_t chunk_end = end;
            if (end - cursor.at > chunk_bytes) {
                chunk_end = cursor.at + chunk_bytes;
                while (is_continuation(text[chunk_end])) --chunk_end;
            }
            const auto count = static_cast<std::size_t>(chunk_end - cursor.at);
            std::uint8_t* letters = own_letters;
            if (count > kChunkBytes) {
                more_letters.reserve_discarding(count + kLetterSlack);
                letters = more_letters.data();
            }
            // The list of ends is searched anew for each chunk: a chunk may begin before the last one ended.
            const auto first_end = std::upper_bound(text_ends.begin(), text_ends.end(), cursor.at);
            const std::span<const std::uint64_t> ends(first_end, text_ends.end());
            TextEnds text_end(text, ends, end, last);
            const bool exact = chunk_end == end && last;
            const Behind behind = classify(machine_, text, cursor.at, chunk_end, text_end, cursor.behind, letters);
            Certain certain{count, 0};
            if (!exact) certain = certain_state(machine_, letters, count, behind.if_last);
            if (!exact && certain.position < count / 4 && chunk_end != end) {
                chunk_bytes *= 2;  // too little for what it cost
                continue;
            }
            if (certain.position == 0) return;
            follow(letters, certain.position, certain.state, cursor.at, cursor.forward);
            if (machine_.behind_count != 0) {
                TextEnds again(text, ends, end, last);
                cursor.behind = behind_at(text, cursor.at, cursor.at + certain.position, again, cursor.behind);
            }
            cursor.at += certain.position;
            if (chunk_end == end && !exact) return;
        }
    }

private:
    std::uint32_t behind_at(const std::uint8_t* text, std::uint64_t from, std::uint64_t to, TextEnds& ends, std::uint32_t behind) const {
        for (std::uint64_t at = from; at < to; at += unicode::utf8_length(text[at])) {
            const std::uint32_t character_class = machine_.class_of(unicode::decode_utf8(text + at));
            const bool is_last = ends.next_last_character(at) == at;
            behind = is_last ? 0 : machine_.behind_next[behind * machine_.class_count + character_class];
        }
        return behind;
    }

    // Both passes over letters[0, count), the first of which stands at `base`; `state` is the one to their right.
    void follow(const std::uint8_t* letters, std::size_t count, std::uint32_t state, std::uint64_t base, std::uint32_t& move) {
        std::uint32_t own_states[kWindowBytes];
        Number own_moves[kWindowBytes + 64];
        for (std::size_t at = 0; at < count;) {
            const std::size_t left = count - at;
            std::size_t size = left;
            for (const std::size_t lane : {kLaneBytes, kShortLaneBytes, kShortestLaneBytes}) {
                if (left < kLanes * lane) continue;
                size = kLanes * lane;
                break;
            }
            std::uint32_t right = state;
            if (size != left) right = state_ahead(letters + at, size, left, state);
            if (right == Machine::kNoSet) {  // nothing is certain before the end
                right = state;
                size = left;
            }
            std::uint32_t* states = own_states;
            Number* moves = own_moves;
            if (size > kWindowBytes) {
                more_states_.reserve_discarding(size);
                more_moves_.reserve_discarding(size + 64);
                states = more_states_.data();
                moves = more_moves_.data();
            }
            const bool in_lanes = size == kLanes * kLaneBytes        ? lanes<kLaneBytes>(letters + at, right, states, moves, move)
                                  : size == kLanes * kShortLaneBytes ? lanes<kShortLaneBytes>(letters + at, right, states, moves, move)
                                  : size == kLanes * kShortestLaneBytes
                                      ? lanes<kShortestLaneBytes>(letters + at, right, states, moves, move)
                                      : false;
            if (!in_lanes) one_by_one(letters + at, size, right, states, moves, move);
            hand_out(moves, size, base + at);
            at += size;
        }
    }

    // The state behind letters[0, size) when `state` is the one behind letters[0, count).
    std::uint32_t state_ahead(const std::uint8_t* letters, std::size_t size, std::size_t count, std::uint32_t state) const noexcept {
        for (const std::size_t ahead : {std::size_t(16), std::size_t(64), std::size_t(1024)}) {
            if (size + ahead >= count) {
                for (std::size_t at = count; at > size;) state = step(state, letters[--at]);
                return state;
            }
            const std::uint32_t common = common_state(machine_, letters, size, size + ahead);
            if (common != Machine::kNoSet) return common;
        }
        return Machine::kNoSet;
    }

    std::uint32_t step(std::uint32_t state, std::uint8_t letter) const noexcept { return machine_.transitions[state + letter]; }

    // Where the moves of a state begin in the table. Narrow ones have the stride of the transitions.
    std::size_t row(std::uint32_t state) const noexcept {
        return sizeof(Number) == 1 ? state : std::size_t(state) >> machine_.shift << machine_.move_shift;
    }

    void one_by_one(const std::uint8_t* letters, std::size_t count, std::uint32_t state, std::uint32_t* states, Number* moves,
                    std::uint32_t& move) const noexcept {
        for (std::size_t i = count; i-- > 0;) states[i] = state = step(state, letters[i]);
        Number at = static_cast<Number>(move);
        for (std::size_t i = 0; i < count; ++i) moves[i] = at = moves_[row(states[i]) + at];
        move = at;
    }

    // The one move that any of them can have led to before letters[to], seen from `from` on; kNone if several.
    std::uint32_t common_move(const std::uint8_t* letters, const std::uint32_t* states, std::size_t from, std::size_t to) const noexcept {
        constexpr std::size_t kMost = 48;
        Number set[kMost];
        std::size_t size = 0;
        while (letters[from] == machine_.continuation()) ++from;
        const auto add = [&](Number move, std::size_t& count) {
            for (std::size_t i = 0; i < count; ++i) {
                if (set[i] == move) return true;
            }
            if (count == kMost) return false;
            set[count++] = move;
            return true;
        };
        for (std::uint32_t move = 0; move < machine_.move_count; ++move) {
            const Number next = moves_[row(states[from]) + move];
            if (next != kDeadMove<Number> && !add(next, size)) return kNone;
        }
        for (std::size_t i = from + 1; i < to; ++i) {
            std::size_t kept = 0;
            for (std::size_t k = 0; k < size; ++k) {
                const Number next = moves_[row(states[i]) + set[k]];  // written at or before where it was read
                if (next != kDeadMove<Number>) add(next, kept);
            }
            size = kept;
        }
        return size == 1 ? set[0] : kNone;
    }

    template <std::size_t kBytes>
    bool lanes(const std::uint8_t* letters, std::uint32_t right, std::uint32_t* states, Number* moves, std::uint32_t& move) const noexcept {
        std::uint32_t state[kLanes];
        state[kLanes - 1] = right;
        for (std::size_t k = 0; k + 1 < kLanes; ++k) {
            const std::size_t border = (k + 1) * kBytes;
            state[k] = common_state(machine_, letters, border, border + 16);
            if (state[k] == Machine::kNoSet) state[k] = common_state(machine_, letters, border, border + 128);
            if (state[k] == Machine::kNoSet) return false;
        }
        // Locals, since stores of bytes might change members, for all that a compiler knows; as wide as an address, which saves an
        // instruction a byte.
        const std::uint32_t* const transitions = machine_.transitions.data();
        std::size_t here[kLanes];
        for (std::size_t k = 0; k < kLanes; ++k) here[k] = state[k];
        for (std::size_t i = kBytes; i-- > 0;) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < kLanes; ++k) {
                const std::uint32_t next = transitions[here[k] + letters[k * kBytes + i]];
                states[k * kBytes + i] = next;
                here[k] = next;
            }
        }
        std::size_t at[kLanes];
        at[0] = move;
        for (std::size_t k = 1; k < kLanes; ++k) {
            const std::size_t border = k * kBytes;
            at[k] = common_move(letters, states, border - 16, border);
            if (at[k] == kNone) at[k] = common_move(letters, states, border - 128, border);
            if (at[k] == kNone) return false;
        }
        const Number* const following = moves_;
        for (std::size_t i = 0; i < kBytes; ++i) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < kLanes; ++k) {
                const Number next = following[row(states[k * kBytes + i]) + at[k]];
                moves[k * kBytes + i] = next;
                at[k] = next;
            }
        }
        move = static_cast<std::uint32_t>(at[kLanes - 1]);
        return true;
    }

    void hand_out(Number* moves, std::size_t count, std::uint64_t base) {
        std::fill_n(moves + count, 64, Number(kFirstMove));
        std::uint64_t masks[kWindowBytes / 64];
        for (std::size_t at = 0; at < count; at += kWindowBytes) {
            const std::size_t size = std::min(count - at, kWindowBytes);
            const Number* const them = moves + at;
            if constexpr (sizeof(Number) == 1) {
                machine_.cuts(them, static_cast<std::uint8_t>(machine_.first_cut), size, masks);
            } else {
                for (std::size_t i = 0; i < size; i += 64) {
                    masks[i / 64] = 0;
                    for (std::size_t bit = 0; bit < 64; ++bit) masks[i / 64] |= std::uint64_t(them[i + bit] >= machine_.first_cut) << bit;
                }
            }
            sink_.cuts(base + at, size, masks, [&](std::size_t i) { return machine_.events_of[them[i]]; });
        }
    }

    const Machine& machine_;
    const Number* moves_;
    Sink& sink_;
    Buffer<std::uint32_t> more_states_;
    Buffer<Number> more_moves_;
};

}  // namespace tokmill::pretokens::engine
