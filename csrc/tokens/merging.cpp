// Long pieces: windows merged apart from each other, joined where both have the same token.
//
// Invariant at every step: the output is the merge result of bytes [0, end) of the piece. Why a join keeps it:
//   (1) If every adjacent pair of a sequence of tokens is the merge result of its own bytes, the sequence is the merge result
//       of the whole. For look at the first merge that crosses a border between two of the tokens. Until then every span
//       evolved as it does alone, so the two tokens' own bytes, merged alone, would see the same merge, and
//       the pair would not come out.
//   (2) Every adjacent pair of a merge result is the merge result of its own bytes: nothing ever crossed its
//       borders, so what happened inside happened as it does alone.
//   So when the result of [0, end) and the result of a window that begins before `end` have a token in common, at the same
//   place, the first up to that token and the second from it on have only pairs that are results: by (1) that is the
//   result of everything up to the window's end. Nothing is said about ranks; it holds for every vocabulary.
//
// Time: short windows are merged many at once by the kernels, in O(1) a byte. Where two have no token in common, a bridge
// across them, a window of runs or a tree window follows. A tree window has kFirstTreeWindow bytes, then twice that, and
// so on, until it can be joined, at the latest when it begins at byte 0, where nothing is to be joined. It overlaps
// the output by a quarter up to a half, so a success at length L moves the end on by L / 2 or more, or reaches the end of
// the piece, while it and its failed halves cost 2 * c L log L: the whole is O(n log n). What was tried in vain before it is
// charged to it too: one bridge and two windows of runs, each of those bounded by its own length plus O(runs^2), and short windows,
// whose number is at most twice that of the ones that went well before, plus 8. Nothing is ever given back without
// the end moving on, so it ends, also with tables that contradict themselves.
#include "tokens/merging.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "base/errors.hpp"
#include "tokens/kernels/merge_kernels.hpp"

namespace tokmill::tokens {

namespace {

using vocab::Symbol;

// Bytes that neighbouring short windows share: more where many of them had no token in common.
constexpr std::uint32_t kMinOverlap = 8, kMaxOverlap = 24, kOverlapStep = 2;
constexpr std::uint32_t kManyBridges = 8;       // more than one window in so many needs a bridge
constexpr std::uint32_t kFewWindows = 2;        // merged one by one
constexpr std::uint32_t kFirstOverlap = 20;     // that the first window shares with the output, at least
constexpr std::uint32_t kMaxFirstOverlap = 42;  // and at most: it has to bring new text
constexpr std::uint32_t kFirstWindows = 8;      // at once; doubled up to kMaxWindows, so that a repetition is seen early
constexpr std::size_t kFirstTreeWindow = 256;

// Text is taken for one of runs if its next runs have kMinRunBytes together: few of them, when short windows would do as
// well; more, when those have failed.
constexpr std::uint32_t kFewRunsAhead = 8, kMoreRunsAhead = 16;
constexpr std::size_t kMinRunBytes = 64;
constexpr std::size_t kMaxRunWindow = std::size_t(1) << 23;  // about a millisecond
constexpr std::size_t kRunOverlapTokens = 2;  // that a window of runs shares with the output; at the second attempt four times as many

constexpr std::uint32_t kMaxPeriodTokens = 8;
constexpr std::uint32_t kMaxTailTokens = 4;  // tokens at the end that a repetition may leave out
constexpr std::size_t kMinRepetition = 256;  // bytes; shorter ones are merged as fast
constexpr std::size_t kCompareStep = std::size_t(1) << 20;

std::uint64_t bit(std::uint32_t at) { return std::uint64_t(1) << at; }
std::uint64_t bits_below(std::uint32_t at) { return bit(at) - 1; }

class LongPiece {
public:
    LongPiece(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const MergeKernels& kernels, LongPieceScratch& scratch,
              const std::uint8_t* bytes, std::size_t length, Symbol* symbols, Cancel& cancel)
        : vocabulary_(vocabulary),
          merges_(merges),
          kernels_(kernels),
          scratch_(scratch),
          bytes_(bytes),
          length_(length),
          symbols_(symbols),
          cancel_(cancel) {}

    std::size_t run() {
        std::uint32_t wanted = kFirstWindows;
        while (end_ < length_) {
            cancel_.poll();
            if (!run_window(kFewRunsAhead)) {
                const std::uint32_t joined = short_windows(wanted);
                wanted = std::clamp(joined * 2, kFirstWindows, MergeWindows::kMaxCount);  // twice as many as went well
            }
            repeat_period();
        }
        return count_;
    }

private:
    std::size_t length_of(Symbol symbol) const { return vocabulary_.bytes(symbol).size(); }

    struct Place {
        std::size_t token;  // its index in the output
        std::size_t begin;  // its first byte
    };
    // The last token that begins `overlap` bytes before the end, or earlier.
    Place restart(std::size_t overlap) const {
        Place place{count_, end_};
        while (place.token != 0 && end_ - place.begin < overlap) place.begin -= length_of(symbols_[--place.token]);
        return place;
    }

    // Merges up to `wanted` short windows and joins them one after the other; returns how many came before the first that could
    // not be joined. Neighbours that share no token get a third window laid across their overlap, a bridge, which shares
    // about 40 bytes with either; so the overlap can be small. Where that is not enough either, windows of other kinds follow
    // until they have passed the place.
    std::uint32_t short_windows(std::uint32_t wanted) {
        const Place first = restart(kFirstOverlap);
        if (end_ - first.begin > kMaxFirstOverlap) {
            other_window();
            return 0;
        }
        MergeWindows &windows = scratch_.windows, &bridges = scratch_.bridges;
        lay_windows(windows, first.begin, overlap_, wanted);
        bridges.count = bridges.padded_count = 0;
        merge(windows);

        for (std::uint32_t i = 1; i < windows.count; ++i) {
            const MergeJob& job = windows.jobs[i - 1];
            const auto shift = static_cast<std::uint32_t>(windows.begins[i] - windows.begins[i - 1]);
            if (!shared_token(borders_of(job) >> shift, borders_of(windows.jobs[i]), job.length - shift))
                lay_window(bridges, at_character(windows.begins[i] + overlap_ / 2 - kMaxWindowBytes / 2));
        }
        merge(bridges);
        if (bridges.count * kManyBridges > windows.count) {
            overlap_ = std::min(overlap_ + kOverlapStep, kMaxOverlap);
        } else if (bridges.count == 0) {
            overlap_ = std::max(overlap_ - kOverlapStep, kMinOverlap);
        }

        Borders borders = borders_from(first.begin);
        std::uint32_t joined = windows.count;
        for (std::uint32_t i = 0, bridge = 0; i < windows.count; ++i) {
            if (bridge < bridges.count && bridges.begins[bridge] < windows.begins[i]) {
                join_window(bridges.jobs[bridge], bridges.begins[bridge], borders);  // if this fails so will the next
                ++bridge;
            }
            while (!join_window(windows.jobs[i], windows.begins[i], borders)) {
                joined = std::min(joined, i);
                other_window();
                borders.known = false;
            }
        }
        return joined;
    }

    // Vector kernels take as long for one window as for several.
    void merge(MergeWindows& windows) const {
        (windows.count <= kFewWindows ? kScalarMerge : kernels_).merge_windows(merges_, windows.jobs, windows.count);
    }

    void other_window() {
        if (!run_window(kMoreRunsAhead)) tree_window();
    }

    // If the text ahead consists of runs of equal bytes: one window of many runs. False if it has not, or the window cannot be joined.
    bool run_window(std::uint32_t runs_ahead) {
        const std::size_t left = length_ - end_;
        if (RunMerger::span_of_runs(bytes_ + end_, std::min(left, kMinRunBytes), runs_ahead) < std::min(kMinRunBytes, left)) return false;
        for (const std::size_t tokens : {std::min(count_, kRunOverlapTokens), std::min(count_, 4 * kRunOverlapTokens)}) {
            std::size_t begin = end_;
            for (std::size_t i = 1; i <= tokens; ++i) begin -= length_of(symbols_[count_ - i]);
            const std::size_t size = RunMerger::span_of_runs(bytes_ + begin, std::min(length_ - begin, kMaxRunWindow), RunMerger::kMaxRuns);
            if (begin + size < std::min(end_ + kMinRunBytes / 2, length_)) return false;
            scratch_.symbols.reserve_discarding(size);
            const std::optional<std::size_t> count = scratch_.runs.merge(merges_, bytes_ + begin, size, scratch_.symbols.data());
            if (!count) return false;
            if (join(scratch_.symbols.data(), *count, begin, size)) return true;
        }
        return false;
    }

    // Where tokens of the output begin, and its end: bit i stands for byte base + i.
    struct Borders {
        std::size_t base;
        std::uint64_t bits;
        bool known;
    };
    Borders borders_from(std::size_t base) const {
        Borders borders{base, 0, true};
        std::size_t token = count_;
        for (std::size_t at = end_; at >= base; at -= length_of(symbols_[--token])) {
            if (at - base < 64) borders.bits |= bit(static_cast<std::uint32_t>(at - base));
            if (token == 0) break;
        }
        return borders;
    }

    // A window that begins inside a character finds its step later: up to three bytes back to where one begins.
    std::size_t at_character(std::size_t begin) const {
        for (int back = 0; back < 3 && (bytes_[begin] & 0xc0) == 0x80; ++back) --begin;
        return begin;
    }

    void lay_window(MergeWindows& windows, std::size_t begin) {
        MergeJob& job = windows.jobs[windows.count];
        const std::size_t size = std::min<std::size_t>(length_ - begin, kMaxWindowBytes);
        job.bytes = bytes_ + begin;
        job.length = static_cast<std::uint32_t>(size);
        job.symbols = windows.symbols[windows.count];
        if (length_ - begin < kMaxWindowBytes + MergeWindows::kReadableAfter) {
            std::uint8_t* const copy = windows.padded[windows.padded_count++];
            std::memcpy(copy, job.bytes, size);
            std::memset(copy + size, 0, kMaxWindowBytes + MergeWindows::kReadableAfter - size);
            job.bytes = copy;
        }
        windows.begins[windows.count++] = begin;
    }

    // Up to `wanted` windows from `begin` on, each sharing `overlap` bytes or a little more with the one before.
    void lay_windows(MergeWindows& windows, std::size_t begin, std::uint32_t overlap, std::uint32_t wanted) {
        windows.count = windows.padded_count = 0;
        lay_window(windows, begin);
        while (windows.count < wanted && begin + kMaxWindowBytes < length_) {
            begin = at_character(begin + kMaxWindowBytes - overlap);
            lay_window(windows, begin);
        }
    }

    static std::uint64_t borders_of(const MergeJob& job) { return job.starts | bit(job.length); }

    // The first byte of the first token that two windows share, given their borders relative to the second one's first byte
    // and the number of bytes that both cover; nothing if they share none. Two windows share a token where a pair of
    // borders of both has no border of either in between.
    //   first    1 0 1 0 0 1 1        any   1 1 1 0 0 1 1
    //   second   1 1 0 0 0 1 1 0 ...  both  1 0 0 0 0 1 1   -> the token at byte 5
    static std::optional<std::uint32_t> shared_token(std::uint64_t first, std::uint64_t second, std::uint32_t overlap) {
        const std::uint64_t within = bits_below(overlap + 1), both = first & second;
        std::uint32_t last = kMaxWindowBytes + 1;  // no border of both is there
        for (std::uint64_t any = (first | second) & within; any != 0; any &= any - 1) {
            const auto here = static_cast<std::uint32_t>(std::countr_zero(any));
            if ((both >> here & both >> last & 1) != 0) return last;
            last = here;
        }
        return std::nullopt;
    }

    // Joins a window that begins before the end of the output; true also if the output covers it already. `borders` are
    // those of the output from somewhere before the window on, and from the window on afterwards.
    bool join_window(const MergeJob& job, std::size_t begin, Borders& borders) {
        if (begin + job.length <= end_) return true;
        if (!borders.known) borders = borders_from(begin);
        borders.bits >>= begin - borders.base;
        borders.base = begin;
        std::uint32_t at = 0;
        if (end_ != begin) {
            const auto overlap = static_cast<std::uint32_t>(end_ - begin);
            const std::optional<std::uint32_t> shared = shared_token(borders.bits, borders_of(job), overlap);
            if (!shared) return false;
            at = *shared;
            count_ -= static_cast<std::size_t>(std::popcount((borders.bits & bits_below(overlap)) >> at));
        }
        const auto skipped = static_cast<std::uint32_t>(std::popcount(job.starts & bits_below(at)));
        append(job.symbols + skipped, job.symbol_count - skipped);
        end_ = begin + job.length;
        borders.bits = (borders.bits & bits_below(at)) | (job.starts & ~bits_below(at)) | bit(job.length);
        return true;
    }

    // Whole vectors at a time: both sides have kSymbolSlack to spare.
    void append(const Symbol* symbols, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; i += kSymbolSlack)
            std::memcpy(symbols_ + count_ + i, symbols + i, kSymbolSlack * sizeof(Symbol));
        count_ += count;
    }

    // One window of any length, doubled until it can be joined.
    void tree_window() {
        for (std::size_t wanted = kFirstTreeWindow;; wanted *= 2) {
            const Place first = restart(wanted / 4);
            if (end_ - first.begin > wanted / 2) continue;  // a token as long as this window lies there
            const std::size_t size = std::min(wanted, length_ - first.begin);
            if (size > vocab::TreeMerger::kMaxCount)
                throw Error(ErrorKind::pretoken_too_long,
                            "a pretoken of " + std::to_string(length_) + " bytes has no place to cut it within " +
                                std::to_string(vocab::TreeMerger::kMaxCount) + " bytes; set max_pretoken_bytes or split the text");
            scratch_.symbols.reserve_discarding(size);
            for (std::size_t i = 0; i < size; ++i) scratch_.symbols[i] = merges_.symbol_of_byte()[bytes_[first.begin + i]];
            const auto pairs = [table = merges_.table()](Symbol left, Symbol right) {
                return table.symbol_at(table.slot(left, right), left, right);
            };
            const std::size_t count = scratch_.tree.merge(pairs, scratch_.symbols.data(), size, [&] { cancel_.poll(); });
            if (join(scratch_.symbols.data(), count, first.begin, size)) return;
        }
    }

    // Joins the merge result of `size` bytes from `begin` on, at the first token that it shares with the output; true also
    // if the output covers it already.
    bool join(const Symbol* symbols, std::size_t count, std::size_t begin, std::size_t size) {
        if (begin + size <= end_) return true;
        std::size_t token = count_, at = end_, window = 0;
        while (at > begin) at -= length_of(symbols_[--token]);
        if (begin != 0) {
            for (std::size_t window_at = begin;;) {
                if (token == count_ || window == count) return false;
                if (window_at == at && symbols[window] == symbols_[token]) break;
                if (window_at <= at) {
                    window_at += length_of(symbols[window++]);
                } else {
                    at += length_of(symbols_[token++]);
                }
            }
        }
        std::copy(symbols + window, symbols + count, symbols_ + token);
        count_ = token + (count - window);
        end_ = begin + size;
        return true;
    }

    // Text that repeats itself repeats its tokens: if the last m tokens are the same as the m before them, and the bytes
    // go on with that period, more copies of them have no pair that is not there already, so by (1) they are the result. A
    // few tokens at the end, which the end of the last window made, may be left out first.
    void repeat_period() {
        std::size_t cut = count_, begin = end_;
        for (std::uint32_t tail = 0; tail <= kMaxTailTokens && cut >= 2; ++tail) {
            std::size_t period = 0;
            for (std::uint32_t tokens = 1; tokens <= kMaxPeriodTokens && 2 * tokens <= cut; ++tokens) {
                period += length_of(symbols_[cut - tokens]);
                const Symbol* const last = symbols_ + cut - tokens;
                if (last[0] != *(last - tokens) || !std::equal(last, last + tokens, last - tokens)) continue;
                const std::size_t run = run_of_period(begin, period);
                if (run < kMinRepetition || run / period * period <= end_ - begin) continue;
                repeat(cut, tokens, run / period);
                end_ = begin + run / period * period;
                return;
            }
            begin -= length_of(symbols_[--cut]);
        }
    }

    // How many bytes from `begin` on equal the byte one period before.
    std::size_t run_of_period(std::size_t begin, std::size_t period) {
        std::size_t at = begin;
        while (length_ - at >= kCompareStep && std::memcmp(bytes_ + at, bytes_ + at - period, kCompareStep) == 0) {
            at += kCompareStep;
            cancel_.poll();
        }
        for (std::size_t step = kCompareStep / 2; step != 0; step /= 2)
            if (length_ - at >= step && std::memcmp(bytes_ + at, bytes_ + at - period, step) == 0) at += step;
        return at - begin;
    }

    // The output becomes its first `cut` tokens and `times` copies of the last `tokens` of them.
    void repeat(std::size_t cut, std::size_t tokens, std::size_t times) {
        Symbol* const source = symbols_ + cut - tokens;
        const std::size_t total = tokens * (times + 1);
        for (std::size_t done = tokens; done < total;) {  // what is there doubles
            const std::size_t more = std::min(done, total - done);
            std::memcpy(source + done, source, more * sizeof(Symbol));
            done += more;
        }
        count_ = cut + tokens * times;
    }

    const vocab::Vocabulary& vocabulary_;
    const vocab::Merges& merges_;
    const MergeKernels& kernels_;
    LongPieceScratch& scratch_;
    const std::uint8_t* const bytes_;
    const std::size_t length_;
    Symbol* const symbols_;
    Cancel& cancel_;

    std::size_t count_ = 0;       // tokens in the output
    std::size_t end_ = 0;         // the bytes they cover
    std::uint32_t overlap_ = 14;  // of short windows
};

}  // namespace

const MergeKernels& merge_kernels(cpu::Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return kHaswellMerge;
        case cpu::Isa::icelake: return kIcelakeMerge;
#elif defined(__aarch64__)
        case cpu::Isa::neon: return kNeonMerge;
#endif
        default: return kScalarMerge;
    }
}

std::size_t merge_long(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const MergeKernels& kernels,
                       LongPieceScratch& scratch, const std::uint8_t* bytes, std::size_t length, vocab::Symbol* symbols, Cancel& cancel) {
    return LongPiece(vocabulary, merges, kernels, scratch, bytes, length, symbols, cancel).run();
}

}  // namespace tokmill::tokens
