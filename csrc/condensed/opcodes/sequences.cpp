#include "condensed/opcodes/sequences.hpp"

#include <algorithm>

#include "base/errors.hpp"
#include "condensed/reading.hpp"

namespace tokmill::condensed {

namespace {

constexpr std::size_t kStepIds = std::size_t(1) << 15;  // between two looks for Ctrl-C: some 2 ms

}  // namespace

// ---- ids to records

void OpcodeWriterSequence::take(std::span<const std::int32_t> ids, Records& out) {
    held_.insert(held_.end(), ids.begin(), ids.end());
    base_count_ += ids.size();
    if (held_.size() > most_rewind_) shown_ = std::max(shown_, held_.size() - most_rewind_);
    write(false, out);
}

void OpcodeWriterSequence::write(bool is_end, Records& out) {
    while (at_ < shown_) {
        if (writer_.until_reset() == 0) writer_.reset(held_.data() + at_, out);
        const std::size_t left = shown_ - at_;
        const bool reaches_reset = writer_.until_reset() <= left;
        const std::size_t count = reaches_reset ? static_cast<std::size_t>(writer_.until_reset()) : left;
        const std::size_t taken = writer_.take(held_.data() + at_, count, reaches_reset || is_end, out);
        at_ += taken;
        if (taken < count) break;
    }
    const std::size_t history = OpcodeWriter::history(*rules_);
    if (at_ < 2 * history) return;
    const std::size_t gone = at_ - history;
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(gone));
    at_ = history;
    shown_ -= gone;
}

void OpcodeWriterSequence::end_document(Records& out) {
    shown_ = held_.size();
    write(true, out);
    writer_.end_document(held_.data() + at_, out);
    held_.clear();
    at_ = shown_ = 0;
    base_count_ = 0;
}

void OpcodeWriterSequences::step(std::span<const std::int32_t> ids, Records& out, std::vector<std::uint64_t>& ends) {
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (ids[i] >= rules().vocab_size()) refuse_id(ids[i], rules().vocab_size(), static_cast<std::int64_t>(i));
    ends.resize(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] >= 0) (*this)[i].take(ids.subspan(i, 1), out);
        ends[i] = out.size();
    }
}

void OpcodeWriterSequences::extend(std::size_t sequence, std::span<const std::int32_t> ids, Records& out, Cancel& cancel) {
    check_base_ids(rules(), ids, 0);
    for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), kStepIds))) {
        (*this)[sequence].take(ids.first(std::min(ids.size(), kStepIds)), out);
        cancel.poll();
    }
}

// ---- records to ids

OpcodeReaderSequence::OpcodeReaderSequence(const OpcodeRules& rules, std::size_t most_rewind)
    : rules_(&rules), most_rewind_(most_rewind), reader_(rules) {
    reader_.keep_changes();
    // As if a document had just ended.
    std::span<const std::int32_t> literals;
    reader_.read({Op::end, 0, 0, 0}, literals, 0, nullptr, nullptr);
}

void OpcodeReaderSequence::read(const RecordsView& view, std::size_t begin, std::size_t end, std::span<const std::int32_t>& literals,
                                std::vector<std::int32_t>& out) {
    const std::size_t size = checked_base_count(*rules_, view, begin, end);
    const std::size_t before = history_.size(), steps_before = steps_.size();
    history_.resize(before + size);
    std::int32_t* at = history_.data() + before;
    const std::int32_t* const history_end = at + size;
    try {
        for (std::size_t r = begin; r < end; ++r) {
            const Record record = view[r];
            const auto made = static_cast<std::size_t>(record.base_count);
            steps_.push_back({reader_.mark(), base_count_, made});
            made_ += made;
            if (reader_.has_ended()) {
                reader_.clear();
                base_count_ = 0;
            }
            reader_.read(record, literals, static_cast<std::int64_t>(r), at, history_end);
            at += made;
            base_count_ += made;
        }
    } catch (...) {
        take_back(steps_.size() - steps_before);
        history_.resize(before);  // there was room for records that were not reached
        throw;
    }
    out.insert(out.end(), history_.end() - static_cast<std::ptrdiff_t>(size), history_.end());
}

void OpcodeReaderSequence::take_back(std::size_t records) {
    if (records == 0) return;
    const auto first = steps_.end() - static_cast<std::ptrdiff_t>(records);
    reader_.restore(first->mark);
    base_count_ = first->base_count;
    std::size_t made = 0;
    for (auto step = first; step != steps_.end(); ++step) made += step->made;
    made_ -= made;
    history_.resize(history_.size() - made);
    steps_.erase(first, steps_.end());
}

void OpcodeReaderSequence::settle() {
    if (steps_.size() > 2 * most_rewind_) {
        const auto kept = steps_.end() - static_cast<std::ptrdiff_t>(most_rewind_);
        for (auto step = steps_.begin(); step != kept; ++step) made_ -= step->made;
        steps_.erase(steps_.begin(), kept);
        reader_.forget(steps_.empty() ? reader_.mark() : steps_.front().mark);
    }
    const std::size_t needed = OpcodeWriter::history(*rules_) + made_;
    if (history_.size() >= 2 * needed) history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(needed));
}

void OpcodeReaderSequences::step(const RecordsView& view, std::span<const std::int64_t> offsets, std::vector<std::int32_t>& out,
                                 std::vector<std::uint64_t>& ends) {
    check_base_ids(rules(), view.literals, 0);
    const auto bound = [&](std::size_t i) { return static_cast<std::size_t>(offsets[i]); };
    std::span<const std::int32_t> literals = view.literals;
    ends.resize(size());
    std::size_t done = 0;
    try {
        for (; done < size(); ++done) {
            (*this)[done].read(view, bound(done), bound(done + 1), literals, out);
            ends[done] = out.size();
        }
        if (!literals.empty()) refuse_left_over(static_cast<std::int64_t>(view.ops.size()), literals.size());
    } catch (...) {
        for (std::size_t i = 0; i < done; ++i) (*this)[i].take_back(bound(i + 1) - bound(i));
        throw;
    }
    for (std::size_t i = 0; i < size(); ++i) (*this)[i].settle();
}

void OpcodeReaderSequences::extend(std::size_t sequence, const RecordsView& view, std::vector<std::int32_t>& out) {
    check_base_ids(rules(), view.literals, 0);
    std::span<const std::int32_t> literals = view.literals;
    OpcodeReaderSequence& one = (*this)[sequence];
    one.read(view, 0, view.ops.size(), literals, out);
    if (!literals.empty()) {
        one.take_back(view.ops.size());
        refuse_left_over(static_cast<std::int64_t>(view.ops.size()), literals.size());
    }
    one.settle();
}

}  // namespace tokmill::condensed
