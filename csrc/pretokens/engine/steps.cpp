// Split steps: what a tokenizer file does with matches, step behind step. The pieces of one step are the texts of the next, and
// all of them go through one call of its program.
#include <algorithm>
#include <utility>

#include "pretokens/engine/engine.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr std::uint64_t kStepBytes = 1u << 20;  // between two looks at Cancel: about 1 ms of work

// One text's matches and gaps -> what the behaviour leaves of it, as tokenizers folds them; empty pieces are dropped at the end
// only, since an empty match parts what stands on both sides of it.
class Folder {
public:
    Folder(Behaviour behaviour, bool invert) : behaviour_(behaviour), invert_(invert) {}

    void fold(std::span<const Piece> pieces, std::vector<Span>& out) {
        folded_.clear();
        bool previous = false;
        const auto is_match = [&](const Piece& piece) { return piece.is_match != invert_; };
        switch (behaviour_) {
            case Behaviour::removed:
                for (const Piece& piece : pieces) {
                    if (!is_match(piece) && piece.begin != piece.end) out.push_back({piece.begin, piece.end});
                }
                return;
            case Behaviour::isolated:
                for (const Piece& piece : pieces) {
                    if (piece.begin != piece.end) out.push_back({piece.begin, piece.end});
                }
                return;
            case Behaviour::contiguous:
                for (const Piece& piece : pieces) {
                    if (is_match(piece) == previous && !folded_.empty()) {
                        folded_.back().end = piece.end;
                    } else {
                        folded_.push_back({piece.begin, piece.end});
                    }
                    previous = is_match(piece);
                }
                break;
            case Behaviour::merged_with_previous:
                for (const Piece& piece : pieces) {
                    if (is_match(piece) && !previous && !folded_.empty()) {
                        folded_.back().end = piece.end;
                    } else {
                        folded_.push_back({piece.begin, piece.end});
                    }
                    previous = is_match(piece);
                }
                break;
            case Behaviour::merged_with_next:
                for (std::size_t i = pieces.size(); i-- > 0;) {
                    const Piece& piece = pieces[i];
                    if (is_match(piece) && !previous && !folded_.empty()) {
                        folded_.back().begin = piece.begin;
                    } else {
                        folded_.push_back({piece.begin, piece.end});
                    }
                    previous = is_match(piece);
                }
                std::reverse(folded_.begin(), folded_.end());
                break;
        }
        for (const Span& span : folded_) {
            if (span.begin != span.end) out.push_back(span);
        }
    }

private:
    Behaviour behaviour_;
    bool invert_;
    std::vector<Span> folded_;
};

// The first step: one text, which may be long.
Pieces find_all(const Program& program, const std::uint8_t* text, std::uint64_t size, Cancel& cancel) {
    Pieces pieces;
    Cursor cursor;
    for (std::uint64_t end = 0; end < size;) {
        const std::uint64_t step = program.is_tabulated() ? size : std::max(kStepBytes, 2 * (end - cursor.at));
        end = std::min(size, cursor.at + step);
        while (end < size && (text[end] & 0xC0) == 0x80) --end;
        program.find(cursor, text, end, end == size, {}, pieces);
        cancel.poll();
    }
    return pieces;
}

void apply(const SplitStep& step, const std::uint8_t* text, std::span<const Span> texts, std::vector<Span>& out, Cancel& cancel) {
    Folder folder(step.behaviour, step.invert);
    std::vector<std::uint64_t> ends;
    Pieces pieces;
    for (std::size_t first = 0; first < texts.size();) {
        std::size_t next = first;
        const std::uint64_t begin = texts[first].begin;
        ends.clear();
        while (next < texts.size() && texts[next].begin - begin < kStepBytes) {
            if (next > first && texts[next].begin != texts[next - 1].end) ends.push_back(texts[next].begin);
            ends.push_back(texts[next++].end);
        }
        pieces.list.clear();
        Cursor cursor{begin, 0, 0};
        step.program.find(cursor, text, ends.back(), true, ends, pieces);
        std::size_t at = 0;
        for (; first < next; ++first) {
            while (pieces.list[at].begin < texts[first].begin) ++at;
            std::size_t stop = at;
            while (stop < pieces.list.size() && pieces.list[stop].begin < texts[first].end) ++stop;
            folder.fold(std::span<const Piece>(pieces.list).subspan(at, stop - at), out);
            at = stop;
        }
        cancel.poll();
    }
}

}  // namespace

void split(std::span<const SplitStep> steps, const std::uint8_t* text, std::uint64_t size, std::vector<Span>& pieces, Cancel& cancel) {
    if (size == 0) return;
    if (steps.empty()) {
        pieces.push_back({0, size});
        return;
    }
    std::vector<Span> texts;
    const Pieces found = find_all(steps.front().program, text, size, cancel);
    Folder(steps.front().behaviour, steps.front().invert).fold(found.list, texts);
    split_each(steps.subspan(1), text, texts, cancel);
    pieces.insert(pieces.end(), texts.begin(), texts.end());
}

void split_each(std::span<const SplitStep> steps, const std::uint8_t* text, std::vector<Span>& texts, Cancel& cancel) {
    std::vector<Span> next;
    for (const SplitStep& step : steps) {
        next.clear();
        apply(step, text, texts, next, cancel);
        texts.swap(next);
    }
}

}  // namespace tokmill::pretokens::engine
