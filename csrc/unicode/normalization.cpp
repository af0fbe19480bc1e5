// Normal forms after UAX #15. What decides speed is how text that needs nothing is passed over: 64 ASCII bytes a step, and one look-up of
// a bit for most other characters. A segment in doubt is decomposed, its marks are sorted, and it is composed
// again; characters are packed into 32 bits there, the combining class above the code point.
#include "unicode/normalization.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <span>

#include "base/memory.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::unicode {

namespace {

// What is known of each code point, in one byte. "First" is the first character of its decomposition.
enum NormalizationFlag : std::uint8_t {
    kDecomposes = 1 << 0,            // canonically (Hangul syllables too)
    kDecomposesCompatibly = 1 << 1,  // canonically or not
    kNotNfc = 1 << 2,                // alone, it is not its own NFC
    kNotNfkc = 1 << 3,
    kCombines = 1 << 4,         // its combining class is not 0
    kSecond = 1 << 5,           // second of a pair that composes
    kJoins = 1 << 6,            // first is a mark or the second of a pair
    kJoinsCompatibly = 1 << 7,  // the same for its compatibility decomposition
};

struct DecompositionPlaces {
    std::uint16_t canonical;  // in kDecompositions; 0: none
    std::uint16_t compatible;
};

struct Composition {
    std::uint32_t first;
    std::uint32_t second;
    std::uint32_t whole;
};

#include "unicode/tables/normalization.inc"

constexpr std::uint32_t kPageShift = 7;
constexpr std::uint32_t kPageMask = 127;

template <class Value, class Page>
Value look_up(const Page* pages, const Value* values, std::uint32_t code_point) noexcept {
    return values[static_cast<std::size_t>(pages[code_point >> kPageShift]) << kPageShift | (code_point & kPageMask)];
}

// Hangul syllables are numbered: leading consonant, vowel, trailing consonant (none is the first).
constexpr std::uint32_t kSyllables = 0xAC00;
constexpr std::uint32_t kSyllableCount = 11172;
constexpr std::uint32_t kLeading = 0x1100;
constexpr std::uint32_t kLeadingCount = 19;
constexpr std::uint32_t kVowels = 0x1161;
constexpr std::uint32_t kVowelCount = 21;
constexpr std::uint32_t kTrailing = 0x11A7;
constexpr std::uint32_t kTrailingCount = 28;

constexpr std::uint32_t kNoComposition = 0;

constexpr std::uint32_t kClassShift = 24;
constexpr std::uint32_t kCodePointMask = (1u << kClassShift) - 1;

constexpr std::size_t kCharactersBetweenPolls = 1 << 16;

// Sorts marks by combining class and keeps equals in order: insertion for the few that occur, counting for long runs.
void sort_marks(std::span<NormalizedCharacter> marks) {
    constexpr std::size_t kFew = 24;
    if (marks.size() <= kFew) {
        for (std::size_t i = 1; i < marks.size(); ++i) {
            const NormalizedCharacter mark = marks[i];
            std::size_t to = i;
            for (; to > 0 && marks[to - 1].code_point >> kClassShift > mark.code_point >> kClassShift; --to) marks[to] = marks[to - 1];
            marks[to] = mark;
        }
        return;
    }
    std::array<std::size_t, 257> starts{};
    for (const NormalizedCharacter& mark : marks) ++starts[(mark.code_point >> kClassShift) + 1];
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    std::vector<NormalizedCharacter> sorted(marks.size());
    for (const NormalizedCharacter& mark : marks) sorted[starts[mark.code_point >> kClassShift]++] = mark;
    std::copy(sorted.begin(), sorted.end(), marks.begin());
}

}  // namespace

struct NormalizationTables {
    const std::uint8_t* flag_pages;
    const std::uint8_t* flags;
    const std::uint8_t* combining_pages;
    const std::uint8_t* combining;
    const std::uint8_t* decomposition_pages;
    const std::uint16_t* decomposition;
    const DecompositionPlaces* places;
    std::span<const Composition> compositions;

    std::uint8_t flags_of(std::uint32_t code_point) const noexcept { return look_up(flag_pages, flags, code_point); }
    std::uint8_t class_of(std::uint32_t code_point) const noexcept { return look_up(combining_pages, combining, code_point); }

    // The code point with its combining class above it.
    std::uint32_t packed(std::uint32_t code_point) const noexcept {
        return code_point | static_cast<std::uint32_t>(class_of(code_point)) << kClassShift;
    }

    void decompose(std::uint32_t code_point, bool compatible, std::vector<NormalizedCharacter>& out) const {
        if (code_point - kSyllables < kSyllableCount) {
            const std::uint32_t number = code_point - kSyllables;
            out.push_back({kLeading + number / (kVowelCount * kTrailingCount), 1});
            out.push_back({kVowels + number / kTrailingCount % kVowelCount, 0});
            if (number % kTrailingCount != 0) out.push_back({kTrailing + number % kTrailingCount, 0});
            return;
        }
        const DecompositionPlaces place = places[look_up(decomposition_pages, decomposition, code_point)];
        const std::uint32_t start = compatible ? place.compatible : place.canonical;
        if (start == 0) {
            out.push_back({packed(code_point), 1});
            return;
        }
        const std::uint32_t* const text = kDecompositions + start;
        for (std::uint32_t i = 1; i <= text[0]; ++i) out.push_back({packed(text[i]), i == 1 ? 1u : 0u});
    }

    std::uint32_t compose(std::uint32_t first, std::uint32_t second) const noexcept {
        if (first - kLeading < kLeadingCount && second - kVowels < kVowelCount)
            return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
        if (first - kSyllables < kSyllableCount && (first - kSyllables) % kTrailingCount == 0 &&
            second - (kTrailing + 1) < kTrailingCount - 1)
            return first + (second - kTrailing);
        const auto key = [](const Composition& pair) { return static_cast<std::uint64_t>(pair.first) << 32 | pair.second; };
        const std::uint64_t wanted = static_cast<std::uint64_t>(first) << 32 | second;
        const auto found = std::ranges::lower_bound(compositions, wanted, {}, key);
        return found != compositions.end() && key(*found) == wanted ? found->whole : kNoComposition;
    }

    // Composes decomposed characters in place; returns how many are left. A mark is blocked from its starter by one of
    // its own or a higher class between them.
    std::size_t compose_all(std::span<NormalizedCharacter> text) const noexcept {
        constexpr std::size_t kNone = SIZE_MAX;
        std::size_t written = 0;
        std::size_t starter = kNone;
        std::uint32_t last_class = 0;  // of what was written behind the starter; 0: nothing was
        for (const NormalizedCharacter& next : text) {
            const std::uint32_t next_class = next.code_point >> kClassShift;
            const bool reaches = starter != kNone && (starter + 1 == written || last_class < next_class);
            if (reaches) {
                const std::uint32_t whole = compose(text[starter].code_point, next.code_point & kCodePointMask);
                if (whole != kNoComposition) {
                    text[starter].code_point = whole;
                    text[starter].consumed += next.consumed;
                    continue;
                }
            }
            if (next_class == 0) starter = written;
            last_class = next_class;
            text[written++] = next;
        }
        return written;
    }
};

namespace {

constexpr NormalizationTables kUnicodeTables{
    kUnicodeFlagsPages,         kUnicodeFlags,         kUnicodeCombiningPages, kUnicodeCombining,
    kUnicodeDecompositionPages, kUnicodeDecomposition, kUnicodePlaces,         kUnicodeCompositions,
};
constexpr NormalizationTables kTokenizersTables{
    kTokenizersFlagsPages,         kTokenizersFlags,         kTokenizersCombiningPages, kTokenizersCombining,
    kTokenizersDecompositionPages, kTokenizersDecomposition, kTokenizersPlaces,         kTokenizersCompositions,
};

}  // namespace

// One bit a code point of the first plane: does it stay as it is, whatever stands beside it? 8 KiB, of which a script takes some lines.
class QuietCharacters {
public:
    QuietCharacters(const NormalizationTables& tables, std::uint8_t flags) {
        for (std::uint32_t code_point = 0; code_point < 0x10000; ++code_point)
            bits_[code_point / 64] |= std::uint64_t((tables.flags_of(code_point) & flags) == 0) << (code_point % 64);
    }
    bool holds(std::uint32_t code_point) const noexcept { return (bits_[code_point / 64] >> (code_point % 64) & 1) != 0; }

private:
    std::array<std::uint64_t, 0x10000 / 64> bits_{};
};

namespace {

// Found at the first use of a form (0.1 ms), and then for good. Of several threads that find them at once one stays.
const QuietCharacters& quiet_characters(Form form, NormalizationData data, const NormalizationTables& tables, std::uint8_t flags) {
    static std::array<std::array<std::atomic<const QuietCharacters*>, 4>, 2> known{};
    std::atomic<const QuietCharacters*>& place = known[static_cast<std::size_t>(data)][static_cast<std::size_t>(form)];
    const QuietCharacters* found = place.load(std::memory_order_acquire);
    if (found != nullptr) return *found;
    auto made = std::make_unique<const QuietCharacters>(tables, flags);
    if (place.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel)) return *made.release();
    return *found;
}

}  // namespace

FormNormalizer::FormNormalizer(Form form, NormalizationData data)
    : tables_(data == NormalizationData::unicode_16 ? &kUnicodeTables : &kTokenizersTables),
      composes_(form == Form::nfc || form == Form::nfkc),
      compatible_(form == Form::nfkc || form == Form::nfkd),
      joins_(compatible_ ? kJoinsCompatibly : kJoins) {
    if (composes_) {
        doubtful_ = static_cast<std::uint8_t>((compatible_ ? kNotNfkc : kNotNfc) | kSecond);
    } else {
        doubtful_ = compatible_ ? kDecomposesCompatibly : kDecomposes;
    }
    quiet_ = &quiet_characters(form, data, *tables_, static_cast<std::uint8_t>(doubtful_ | joins_ | kCombines));
}

std::size_t FormNormalizer::first_doubtful(const std::uint8_t* text, std::size_t size, std::size_t from, Cancel& cancel) const {
    std::size_t segment = from;  // where the segment of the character before `position` starts
    std::uint32_t last_class = 0;
    std::size_t position = from;
    std::size_t next_poll = position + kCharactersBetweenPolls;
    while (position < size) {
        if (position >= next_poll) {
            cancel.poll();
            next_poll = position + kCharactersBetweenPolls;
        }
        if (const std::size_t quiet_end = pass_quiet(text, std::min(size, next_poll), position); quiet_end != position) {
            position = quiet_end;
            segment = quiet_end - 1;
            while (is_continuation(text[segment])) --segment;
            last_class = 0;
            continue;
        }
        const std::uint32_t code_point = decode_utf8(text + position);
        const std::uint8_t flags = tables_->flags_of(code_point);
        if ((flags & joins_) == 0) segment = position;
        if ((flags & doubtful_) != 0) return segment;
        if ((flags & kCombines) == 0) {
            last_class = 0;
        } else {
            const std::uint32_t its_class = tables_->class_of(code_point);
            if (its_class < last_class) return segment;
            last_class = its_class;
        }
        position += utf8_length(text[position]);
    }
    return size;
}

// The end of the run of characters from `from` on that stay, whatever stands beside them; it may go on there.
std::size_t FormNormalizer::pass_quiet(const std::uint8_t* text, std::size_t end, std::size_t from) const noexcept {
    constexpr std::uint64_t kHighBits = 0x8080808080808080u;
    constexpr std::size_t kStride = 64;
    std::size_t position = from;
    while (position + kStride <= end) {
        const std::uint8_t* const at = text + position;
        if (at[0] < 0x80) {
            const std::uint64_t high = load<std::uint64_t>(at) & kHighBits;
            position += high != 0 ? static_cast<std::size_t>(std::countr_zero(high)) / 8 : 8;
            for (; high == 0 && position + kStride <= end; position += kStride) {
                std::uint64_t all = 0;
                for (std::size_t i = 0; i < kStride; i += 8) all |= load<std::uint64_t>(text + position + i);
                if ((all & kHighBits) != 0) break;
            }
        } else if (at[0] < 0xE0) {
            if (!quiet_->holds((at[0] & 0x1Fu) << 6 | (at[1] & 0x3Fu))) return position;
            position += 2;
        } else if (at[0] < 0xF0) {
            if (!quiet_->holds((at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu))) return position;
            position += 3;
        } else {
            return position;
        }
    }
    while (position < end && text[position] < 0x80) ++position;
    return position;
}

std::size_t FormNormalizer::segment_end(const std::uint8_t* text, std::size_t size, std::size_t from, Cancel& cancel) const {
    std::size_t position = from;
    std::size_t next_poll = position + kCharactersBetweenPolls;
    do {
        position += utf8_length(text[position]);
        if (position >= next_poll) {
            cancel.poll();
            next_poll = position + kCharactersBetweenPolls;
        }
    } while (position < size && (tables_->flags_of(decode_utf8(text + position)) & joins_) != 0);
    return position;
}

void FormNormalizer::normalize_segment(const std::uint8_t* text, std::size_t begin, std::size_t end, std::vector<NormalizedCharacter>& out,
                                       Cancel& cancel) const {
    out.clear();
    std::size_t next_poll = begin + kCharactersBetweenPolls;
    for (std::size_t position = begin; position < end; position += utf8_length(text[position])) {
        tables_->decompose(decode_utf8(text + position), compatible_, out);
        if (position >= next_poll) {
            cancel.poll();
            next_poll = position + kCharactersBetweenPolls;
        }
    }
    // Marks move only among the marks around them.
    for (std::size_t i = 0; i < out.size();) {
        std::size_t run_end = i;
        while (run_end < out.size() && out[run_end].code_point >> kClassShift != 0) ++run_end;
        sort_marks(std::span(out).subspan(i, run_end - i));
        i = run_end + 1;
    }
    cancel.poll();
    if (composes_) out.resize(tables_->compose_all(out));
    for (NormalizedCharacter& character : out) character.code_point &= kCodePointMask;
}

}  // namespace tokmill::unicode
