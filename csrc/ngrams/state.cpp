#include "ngrams/state.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace tokmill::ngrams {

namespace {

constexpr std::size_t kMostRewind = std::size_t(1) << 16;
constexpr std::size_t kMostSequences = std::size_t(1) << 24;

std::int64_t id_at(const Ids& ids, std::size_t index) noexcept {
    switch (ids.type) {
        case IdType::uint16: return static_cast<const std::uint16_t*>(ids.data)[index];
        case IdType::uint32: return static_cast<const std::uint32_t*>(ids.data)[index];
        case IdType::int32: return static_cast<const std::int32_t*>(ids.data)[index];
        case IdType::int64: return static_cast<const std::int64_t*>(ids.data)[index];
    }
    return -1;
}

template <class Row>
void fill_row(const RowArray& out, std::size_t token, std::size_t tables, std::uint64_t row, const std::uint64_t* offsets) {
    for (std::size_t c = 0; c < tables; ++c)
        static_cast<Row*>(out.data)[token * out.token_stride + c * out.table_stride] =
            static_cast<Row>(row + (offsets == nullptr ? 0 : offsets[c]));
}

void fill(const RowArray& out, std::size_t token, std::size_t tables, std::uint64_t row, const std::uint64_t* offsets) {
    out.wide ? fill_row<std::int64_t>(out, token, tables, row, offsets) : fill_row<std::int32_t>(out, token, tables, row, offsets);
}

}  // namespace

State::State(const Plan& plan, std::size_t sequences, std::size_t most_rewind)
    : plan_(plan), most_rewind_(most_rewind), kept_(plan.history() + most_rewind), stride_(2 * kept_ + 2) {
    if (most_rewind > kMostRewind)
        throw Error(ErrorKind::value,
                    "at most " + std::to_string(kMostRewind) + " tokens can be taken back, not " + std::to_string(most_rewind));
    add(sequences);
}

void State::add(std::size_t count) {
    if (count > kMostSequences || sequences() + count > kMostSequences)
        throw Error(ErrorKind::value, "a state has at most " + std::to_string(kMostSequences) + " sequences");
    const std::size_t all = sequences() + count;
    entries_.grow(all * stride_, sequences() * stride_);
    planes_.reserve_discarding((all + kIdSlack) * (plan_.history() + 1));
    ends_.reserve(all);
    rewindable_.reserve(all);
    ends_.resize(all);
    rewindable_.resize(all);
}

std::uint32_t State::next_entry(std::size_t sequence, std::uint32_t id) noexcept {
    const Spec& spec = plan_.spec();
    const std::uint32_t end = ends_[sequence];
    std::uint32_t entry = plan_.prepared(id);
    if (entry == Plan::kIgnored) return spec.missing | kStarts;
    if (end == 0) {
        if (spec.first) entry = spec.first->id;
        entry |= kStarts;
    } else if ((entries(sequence)[end - 1] & kEnds) != 0) {
        entry |= kStarts;
    }
    if (spec.boundary == Boundary::eos && id == spec.eos_id) entry |= kEnds;
    return entry;
}

void State::push(std::size_t sequence, std::uint32_t entry) noexcept {
    std::uint32_t* const there = entries(sequence);
    std::uint32_t& end = ends_[sequence];
    if (end == stride_) {
        // One more than has to stay: so that end is 0 only before the first token.
        std::memmove(there, there + (stride_ - kept_ - 1), (kept_ + 1) * sizeof(std::uint32_t));
        end = static_cast<std::uint32_t>(kept_ + 1);
    }
    there[end++] = entry;
    rewindable_[sequence] = std::min<std::uint64_t>(rewindable_[sequence] + 1, most_rewind_);
}

void State::window(std::size_t sequence, std::uint32_t* out, std::size_t step) noexcept {
    const std::size_t history = plan_.history();
    const std::uint32_t* const newest = entries(sequence) + ends_[sequence];
    const std::size_t there = std::min<std::size_t>(history, ends_[sequence]);
    std::size_t d = 0;
    while (d < there) {
        const std::uint32_t entry = *(newest - 1 - d);
        if ((entry & kEnds) != 0) break;
        out[d++ * step] = entry & kValue;
        if ((entry & kStarts) != 0) break;
    }
    for (; d < history; ++d) out[d * step] = plan_.spec().missing;
}

void State::step(const Ids& ids, const RowArray& out, bool with_offsets) {
    const std::size_t count = sequences();
    const Spec& spec = plan_.spec();
    if (ids.count != count)
        throw Error(ErrorKind::value, "step() takes one id a sequence: " + std::to_string(count) + ", not " + std::to_string(ids.count));
    if (!out.wide) check_int32(plan_, with_offsets);
    for (std::size_t i = 0; i < count; ++i)
        if (id_at(ids, i) >= static_cast<std::int64_t>(spec.vocab_size))
            throw Error(ErrorKind::unknown_id,
                        "id " + std::to_string(id_at(ids, i)) + " of sequence " + std::to_string(i) +
                            " is not in the plan's vocabulary of " + std::to_string(spec.vocab_size) + " ids",
                        static_cast<std::int64_t>(i));
    if (count == 0) return;
    const std::size_t plane = count + kIdSlack;
    std::uint32_t* const planes = planes_.data();
    bool some_are_special = spec.first.has_value();
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t id = id_at(ids, i);
        if (id < 0) {
            for (std::size_t d = 0; d <= plan_.history(); ++d) planes[d * plane + i] = 0;
            some_are_special = true;
            continue;
        }
        const std::uint32_t entry = next_entry(i, static_cast<std::uint32_t>(id));
        planes[i] = entry & kValue;
        if ((entry & kStarts) != 0) {
            for (std::size_t d = 1; d <= plan_.history(); ++d) planes[d * plane + i] = spec.missing;
        } else {
            window(i, planes + plane + i, plane);
        }
        push(i, entry);
    }
    const Program program = plan_.program(with_offsets);
    const Tokens tokens{planes, static_cast<std::ptrdiff_t>(plane), count};
    if (out.wide) {
        plan_.kernels().rows_64(program, tokens, {static_cast<std::int64_t*>(out.data), out.token_stride, out.table_stride, false});
    } else {
        plan_.kernels().rows_32(program, tokens, {static_cast<std::int32_t*>(out.data), out.token_stride, out.table_stride, false});
    }
    if (!some_are_special) return;
    for (std::size_t i = 0; i < count; ++i) {
        if (id_at(ids, i) < 0) {
            fill(out, i, program.table_count, 0, nullptr);
        } else if (spec.first && ends_[i] == 1) {
            fill(out, i, program.table_count, spec.first->row, program.offsets);
        }
    }
}

void State::extend(std::size_t sequence, const Ids& ids, const RowArray& out, bool with_offsets, std::size_t threads, Cancel& cancel) {
    if (ids.count == 0) return;
    const Document whole{0, ids.count};
    if (ends_[sequence] == 0) {
        write_rows(plan_, ids, {&whole, 1}, out, with_offsets, threads, cancel);
    } else {
        std::uint32_t nearest_first[kMostOrder];
        window(sequence, nearest_first, 1);
        const Before before{nearest_first};
        write_rows(plan_, ids, {&whole, 1}, out, with_offsets, threads, cancel, &before);
    }
    // Of many tokens only those that have to stay, and one more to see whether it ends a document.
    std::size_t i = 0;
    if (ids.count > kept_ + 1) {
        i = ids.count - kept_ - 1;
        entries(sequence)[0] = 0;
        ends_[sequence] = 1;
        rewindable_[sequence] = most_rewind_;
    }
    for (; i < ids.count; ++i) push(sequence, next_entry(sequence, static_cast<std::uint32_t>(id_at(ids, i))));
}

void State::rewind(std::span<const std::uint64_t> counts) {
    if (counts.size() != sequences())
        throw Error(ErrorKind::value,
                    "rewind() takes one count a sequence: " + std::to_string(sequences()) + ", not " + std::to_string(counts.size()));
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] > rewindable_[i])
            throw Error(ErrorKind::value,
                        "sequence " + std::to_string(i) + " can go back by " + std::to_string(rewindable_[i]) + " tokens now, not by " +
                            std::to_string(counts[i]) + "; max_rewind= of state() sets how many",
                        static_cast<std::int64_t>(i));
    for (std::size_t i = 0; i < counts.size(); ++i) {
        rewindable_[i] -= counts[i];
        ends_[i] -= static_cast<std::uint32_t>(counts[i]);
    }
}

void State::reorder(std::span<const std::size_t> sources) {
    Buffer<std::uint32_t> entries(sources.size() * stride_);
    std::vector<std::uint32_t> ends(sources.size());
    std::vector<std::uint64_t> rewindable(sources.size());
    for (std::size_t i = 0; i < sources.size(); ++i) {
        ends[i] = ends_[sources[i]];
        rewindable[i] = rewindable_[sources[i]];
        std::memcpy(&entries[i * stride_], this->entries(sources[i]), ends[i] * sizeof(std::uint32_t));
    }
    planes_.reserve_discarding((sources.size() + kIdSlack) * (plan_.history() + 1));
    entries_ = std::move(entries);
    ends_ = std::move(ends);
    rewindable_ = std::move(rewindable);
}

void State::drop(std::span<const std::size_t> sequences) {
    std::vector<bool> dropped(this->sequences());
    for (const std::size_t sequence : sequences) dropped[sequence] = true;
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < dropped.size(); ++i)
        if (!dropped[i]) left.push_back(i);
    reorder(left);
}

}  // namespace tokmill::ngrams
