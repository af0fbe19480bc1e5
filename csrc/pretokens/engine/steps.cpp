// Split steps: what a tokenizer file does with matches, step behind step. The pieces of one step are the texts of the next, and
// all of them go through one call of its program.
#include <algorithm>
#include <utility>

#include "pretokens/engine/engine.hpp"

namespace tokmill::pretokens::engine {

namespace {

// Found and folded at a time, which takes a tenth of a millisecond: pieces then stay in the cache, and Ctrl-C is looked for often enough.
constexpr std::uint64_t kStepBytes = 1u << 16;

// One text's matches and gaps -> what the behaviour leaves of it, as tokenizers folds them; empty pieces are dropped at the end
// only, since an empty match parts what stands on both sides of it.
class Folder {
public:
    Folder(const SplitStep& step, std::vector<Span>& folded) : behaviour_(step.behaviour), invert_(step.invert), folded_(folded) {}

    // Does each piece stay or go by itself, whatever stands beside it?
    bool takes_any_stretch() const noexcept { return behaviour_ == Behaviour::removed || behaviour_ == Behaviour::isolated; }

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
    std::vector<Span>& folded_;
};

// Several texts, rising stretches of one.
void apply(const SplitStep& step, const std::uint8_t* text, std::span<const Span> texts, SplitMemory& memory, std::vector<Span>& out,
           Cancel& cancel) {
    Folder folder(step, memory.folded);
    std::vector<std::uint64_t>& ends = memory.ends;
    Pieces& pieces = memory.pieces;
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

void find_pieces(const Program& program, const std::uint8_t* text, std::uint64_t size, Pieces& pieces,
                 const std::function<void(std::span<const Piece>)>& take, Cancel& cancel) {
    pieces.list.clear();
    Cursor cursor;
    for (std::uint64_t end = 0; end < size;) {
        const std::uint64_t step = program.is_tabulated() ? size : std::max(kStepBytes, 2 * (end - cursor.at));
        end = std::min(size, cursor.at + step);
        while (end < size && (text[end] & 0xC0) == 0x80) --end;
        program.find(cursor, text, end, end == size, {}, pieces);
        const auto whole = static_cast<std::ptrdiff_t>(pieces.list.size()) - (pieces.open ? 1 : 0);
        if (whole > 0) take(std::span<const Piece>(pieces.list).first(static_cast<std::size_t>(whole)));
        pieces.list.erase(pieces.list.begin(), pieces.list.begin() + std::max<std::ptrdiff_t>(whole, 0));
        cancel.poll();
    }
}

void split(std::span<const SplitStep> steps, const std::uint8_t* text, std::uint64_t size, SplitMemory& memory, std::vector<Span>& pieces,
           Cancel& cancel) {
    if (size == 0) return;
    if (steps.empty()) {
        pieces.push_back({0, size});
        return;
    }
    const SplitStep& first = steps.front();
    Folder folder(first, memory.folded);
    memory.texts.clear();
    if (folder.takes_any_stretch()) {
        const auto fold = [&](std::span<const Piece> found) { folder.fold(found, memory.texts); };
        find_pieces(first.program, text, size, memory.pieces, fold, cancel);
    } else {
        std::vector<Piece> all;
        const auto keep = [&](std::span<const Piece> found) { all.insert(all.end(), found.begin(), found.end()); };
        find_pieces(first.program, text, size, memory.pieces, keep, cancel);
        folder.fold(all, memory.texts);
    }
    split_each(steps.subspan(1), text, memory, memory.texts, cancel);
    pieces.insert(pieces.end(), memory.texts.begin(), memory.texts.end());
}

void split_each(std::span<const SplitStep> steps, const std::uint8_t* text, SplitMemory& memory, std::vector<Span>& texts, Cancel& cancel) {
    for (const SplitStep& step : steps) {
        memory.next.clear();
        apply(step, text, texts, memory, memory.next, cancel);
        texts.swap(memory.next);
    }
}

}  // namespace tokmill::pretokens::engine
