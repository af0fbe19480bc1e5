#include "ngrams/rows.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>

#include "pool/pool.hpp"

namespace tokmill::ngrams {

namespace {

// Tokens that are prepared at a time: 8 KiB of them, so that they are still in the first cache when the kernel reads them.
constexpr std::size_t kBlockTokens = 2048;
// What a thread takes at a time: some 0.2 ms of work.
constexpr std::size_t kTaskTokens = 8 * kBlockTokens;

// From this size on an output is taken to leave the caches before anybody reads it.
constexpr std::size_t kStreamBytes = std::size_t(32) << 20;

template <class Id>
[[noreturn]] void refuse_id(Id id, std::size_t index, const Plan& plan) {
    throw Error(ErrorKind::unknown_id,
                "id " + std::to_string(id) + " at index " + std::to_string(index) + " is not in the plan's vocabulary of " +
                    std::to_string(plan.spec().vocab_size) + " ids",
                static_cast<std::int64_t>(index));
}

// One stretch of tokens, for ids of one type and rows of one type.
template <class Id, class Row>
class Stretch {
public:
    Stretch(const Plan& plan, const Ids& ids, std::span<const Document> documents, const RowArray& out, bool with_offsets,
            const Before* before)
        : plan_(plan),
          spec_(plan.spec()),
          program_(plan.program(with_offsets)),
          ids_(static_cast<const Id*>(ids.data)),
          documents_(documents),
          rows_{static_cast<Row*>(out.data), out.token_stride, out.table_stride,
                ids.count > kStreamBytes / sizeof(Row) / plan.table_count()},
          before_(before),
          history_(plan.history()) {}

    // The tokens [begin, end).
    void run(std::size_t begin, std::size_t end) {
        auto document =
            std::upper_bound(documents_.begin(), documents_.end(), begin, [](std::size_t at, const Document& one) { return at < one.end; });
        for (std::size_t first = begin; first < end; first += kBlockTokens) {
            const std::size_t last = std::min(first + kBlockTokens, end);
            prepare(first, last);
            std::size_t done = first;
            for (; document != documents_.end() && document->begin < last; ++document) {
                const std::size_t from = std::max<std::size_t>(document->begin, first);
                const std::size_t to = std::min<std::size_t>(document->end, last);
                if (done < from) clear(done, from);
                if (from < to) write_document(*document, first, from, to);
                done = std::max(done, to);
                if (document->end > last) break;
            }
            if (done < last) clear(done, last);
        }
    }

private:
    // The tokens [first, last) as the kernels read them, and where among them documents end by an EOS or an ignored id.
    void prepare(std::size_t first, std::size_t last) {
        const Id* const ids = ids_ + first;
        std::uint32_t* const out = block_ + kMostOrder;
        const std::size_t count = last - first;
        // Bit by bit without a comparison, which the compiler turns into better vectors: the highest bit of (end - 1 - id) | id
        // is set for a negative id and for one from `end` up, and for no other.
        using Word = std::conditional_t<sizeof(Id) == 8, std::uint64_t, std::uint32_t>;
        const Word largest = spec_.vocab_size - 1;
        Word wrong = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const Word id = static_cast<Word>(ids[i]);
            wrong |= (largest - id) | id;
            out[i] = static_cast<std::uint32_t>(id);
        }
        if (wrong >> (8 * sizeof(Word) - 1) != 0)
            for (std::size_t i = 0; i < count; ++i)
                if (static_cast<std::uint64_t>(static_cast<std::int64_t>(ids[i])) >= spec_.vocab_size) refuse_id(ids[i], first + i, plan_);
        mark_count_ = 0;
        next_mark_ = 0;
        if (spec_.boundary == Boundary::eos) mark(out, count, spec_.eos_id);
        if (!plan_.map().empty()) {
            const std::uint32_t* const map = plan_.map().data();
            for (std::size_t i = 0; i < count; ++i) out[i] = map[out[i]];
        }
        if (spec_.boundary == Boundary::ignored) mark(out, count, Plan::kIgnored);
    }

    void mark(const std::uint32_t* ids, std::size_t count, std::uint32_t wanted) {
        constexpr std::size_t kGroup = 64;  // seldom one among them
        for (std::size_t begin = 0; begin < count; begin += kGroup) {
            const std::size_t end = std::min(begin + kGroup, count);
            bool any = false;
            for (std::size_t i = begin; i < end; ++i) any |= ids[i] == wanted;
            if (!any) continue;
            for (std::size_t i = begin; i < end; ++i)
                if (ids[i] == wanted) marks_[mark_count_++] = static_cast<std::uint32_t>(i);
        }
    }

    // The part [from, to) of a document that lies in the block which begins at token `first`.
    void write_document(const Document& document, std::size_t first, std::size_t from, std::size_t to) {
        bool fresh = from == document.begin && (before_ == nullptr || from != 0);
        if (!fresh) read_back(document, from);
        std::size_t begin = from - first;
        const std::size_t end = to - first;
        for (; next_mark_ < mark_count_ && marks_[next_mark_] < end; ++next_mark_) {
            const std::size_t at = marks_[next_mark_];
            // An EOS belongs to what stands before it, an ignored id to what comes after it.
            const std::size_t next = spec_.boundary == Boundary::eos ? at + 1 : at;
            if (begin < next) write_segment(first, begin, next, fresh);
            if (spec_.boundary == Boundary::ignored) block_[kMostOrder + at] = spec_.missing;
            begin = next;
            fresh = true;
        }
        if (begin < end) write_segment(first, begin, end, fresh);
    }

    // Fills in what a document's part that begins at `at`, the first token of a block, sees of the tokens before it.
    void read_back(const Document& document, std::size_t at) {
        std::uint32_t* const out = block_ + kMostOrder;
        std::size_t back = 1;
        for (; back <= history_; ++back) {
            if (at < document.begin + back) {
                if (before_ == nullptr || document.begin != 0) break;
                *(out - back) = before_->nearest_first[back - 1 - at];
                continue;
            }
            const std::size_t index = at - back;
            const Id raw = ids_[index];
            if (static_cast<std::uint64_t>(static_cast<std::int64_t>(raw)) >= spec_.vocab_size) refuse_id(raw, index, plan_);
            const auto id = static_cast<std::uint32_t>(raw);
            if (spec_.boundary == Boundary::eos && id == spec_.eos_id) break;
            std::uint32_t prepared = plan_.prepared(id);
            if (prepared == Plan::kIgnored) break;  // it counts as missing itself
            if (spec_.first && index == document.begin && before_ == nullptr) prepared = spec_.first->id;
            *(out - back) = prepared;
        }
        for (; back <= history_; ++back) *(out - back) = spec_.missing;
    }

    // Tokens [begin, end) of the block. What stands before them has been written already, so a fresh segment may lay
    // its missing values over it.
    void write_segment(std::size_t first, std::size_t begin, std::size_t end, bool fresh) {
        std::uint32_t* const ids = block_ + kMostOrder + begin;
        if (fresh) {
            std::fill(ids - history_, ids, spec_.missing);
            if (spec_.first) ids[0] = spec_.first->id;
        }
        Rows<Row> rows = rows_;
        rows.data += (first + begin) * rows.token_stride;
        const Tokens tokens{ids, -1, end - begin};
        if constexpr (sizeof(Row) == 8) {
            plan_.kernels().rows_64(program_, tokens, rows);
        } else {
            plan_.kernels().rows_32(program_, tokens, rows);
        }
        if (fresh && spec_.first)
            for (std::size_t c = 0; c < program_.table_count; ++c)
                rows.data[c * rows.table_stride] = static_cast<Row>(spec_.first->row + program_.offsets[c]);
    }

    // Tokens [begin, end) of the whole, which belong to no document.
    void clear(std::size_t begin, std::size_t end) {
        for (std::size_t t = begin; t < end; ++t)
            for (std::size_t c = 0; c < program_.table_count; ++c) rows_.data[t * rows_.token_stride + c * rows_.table_stride] = 0;
    }

    const Plan& plan_;
    const Spec& spec_;
    const Program program_;
    const Id* ids_;
    std::span<const Document> documents_;
    const Rows<Row> rows_;
    const Before* before_;
    std::size_t history_;
    std::size_t mark_count_ = 0;
    std::size_t next_mark_ = 0;
    std::uint32_t marks_[kBlockTokens];
    std::uint32_t block_[kMostOrder + kBlockTokens + kIdSlack];
};

template <class Id, class Row>
void write_typed(const Plan& plan, const Ids& ids, std::span<const Document> documents, const RowArray& out, bool with_offsets,
                 std::size_t threads, Cancel& cancel, const Before* before, std::size_t first) {
    const auto run = [&](std::size_t task) {
        Stretch<Id, Row> stretch(plan, ids, documents, out, with_offsets, before);
        stretch.run(first + task * kTaskTokens, std::min(first + (task + 1) * kTaskTokens, ids.count));
    };
    const std::size_t tasks = (ids.count - first + kTaskTokens - 1) / kTaskTokens;
    if (tasks == 1) {
        run(0);
    } else {
        pool::run(tasks, threads, cancel, run);
    }
}

template <class Id>
void write_of(const Plan& plan, const Ids& ids, std::span<const Document> documents, const RowArray& out, bool with_offsets,
              std::size_t threads, Cancel& cancel, const Before* before, std::size_t first) {
    if (out.wide) {
        write_typed<Id, std::int64_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
    } else {
        write_typed<Id, std::int32_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
    }
}

}  // namespace

void check_int32(const Plan& plan, bool with_offsets) {
    const std::uint64_t end = plan.row_end(with_offsets);
    if (end > std::uint64_t(1) << 31)
        throw Error(ErrorKind::value,
                    "rows of this plan go up to " + std::to_string(end - 1) + ", which int32 does not hold: ask for dtype int64" +
                        (with_offsets && plan.row_end(false) <= std::uint64_t(1) << 31 ? ", or leave the tables' offsets out" : ""));
}

void write_rows(const Plan& plan, const Ids& ids, std::span<const Document> documents, const RowArray& out, bool with_offsets,
                std::size_t threads, Cancel& cancel, const Before* before, std::size_t first) {
    if (!out.wide) check_int32(plan, with_offsets);
    if (first >= ids.count) return;
    switch (ids.type) {
        case IdType::uint16: return write_of<std::uint16_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
        case IdType::uint32: return write_of<std::uint32_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
        case IdType::int32: return write_of<std::int32_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
        case IdType::int64: return write_of<std::int64_t>(plan, ids, documents, out, with_offsets, threads, cancel, before, first);
    }
}

}  // namespace tokmill::ngrams
