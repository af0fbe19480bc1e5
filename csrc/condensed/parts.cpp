#include "condensed/parts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tokmill::condensed {

namespace {

constexpr std::size_t kPartIds = std::size_t(1) << 13;  // documents are handed out in parts of at least so many ids
// What a piece has room for at first: enough for most, so that it is a block that waits for the next call. Fresh pages cost each call 5 %.
constexpr std::size_t kPieceIds = 4 * kPartIds;

}  // namespace

std::vector<Part> divide(std::span<const std::int64_t> offsets, bool whole) {
    const std::size_t documents = offsets.size() - 1;
    std::vector<Part> parts;
    for (std::size_t begin = 0; begin < documents;) {
        std::size_t end = whole ? documents : begin + 1;
        while (end < documents && offsets[end] - offsets[begin] < static_cast<std::int64_t>(kPartIds)) ++end;
        parts.push_back({begin, end});
        begin = end;
    }
    return parts;
}

Assembly::Assembly(std::size_t parts, std::size_t arrays, std::size_t most) : entries_(parts), starts_(parts), whole_(arrays) {
    for (tokens::IdArray& array : whole_) array.expect(kExpected * most);
}

std::unique_ptr<Assembly::Pieces> Assembly::spare() {
    return spares_.take([&] {
        auto pieces = std::make_unique<Pieces>(whole_.size());
        for (tokens::IdArray& array : *pieces) array.reserve(kPieceIds);
        return pieces;
    });
}

// While a part is written where it stays, the next one has no place, so that nobody needs more room and the arrays do not move.
void Assembly::settle(Writing& writing, std::size_t more) {
    const std::size_t size = writing.own_->front().size();
    std::size_t start = 0;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        start = size_;
        const auto is_short = [&](const tokens::IdArray& array) { return array.capacity() < start + size + more + tokens::kIdArraySlack; };
        if (next_ != writing.part_ || std::any_of(whole_.begin(), whole_.end(), is_short)) return;
    }
    copy(*writing.own_, start);
    for (tokens::IdArray& array : whole_) {
        auto* const begin = static_cast<std::int32_t*>(array.data()) + start;
        writing.settled_.push_back(tokens::IdArray::with_slack(array.type(), begin, size + more));
        writing.settled_.back().set_size(size);
    }
    writing.arrays_ = &writing.settled_;
}

void Assembly::done(Writing& writing) {
    const bool is_settled = writing.is_settled();
    std::size_t first = 0, end = 0;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        Entry& entry = entries_[writing.part_];
        entry.size = writing.arrays().front().size();
        entry.is_done = true;
        if (!is_settled) entry.waiting = std::move(writing.own_);
        const std::size_t filled = size_ + (is_settled ? entry.size : 0);
        first = next_;
        for (; next_ < entries_.size() && entries_[next_].is_done; ++next_) {
            starts_[next_] = size_;
            size_ += entries_[next_].size;
        }
        end = next_;
        const auto is_short = [&](const tokens::IdArray& array) { return array.capacity() < size_; };
        if (std::any_of(whole_.begin(), whole_.end(), is_short)) grow(filled, size_);
    }
    if (is_settled) give_back(std::move(writing.own_));
    const std::shared_lock<std::shared_mutex> copying(memory_);
    for (std::size_t i = first; i < end; ++i) {
        if (entries_[i].waiting == nullptr) continue;
        copy(*entries_[i].waiting, starts_[i]);
        give_back(std::move(entries_[i].waiting));
    }
}

void Assembly::copy(const Pieces& from, std::size_t start) noexcept {
    for (std::size_t a = 0; a < whole_.size(); ++a)
        if (from[a].size() != 0)
            std::memcpy(static_cast<std::int32_t*>(whole_[a].data()) + start, from[a].data(), from[a].size() * sizeof(std::int32_t));
}

void Assembly::give_back(std::unique_ptr<Pieces> pieces) {
    for (tokens::IdArray& array : *pieces) array.set_size(0);
    spares_.give_back(std::move(pieces));
}

void Assembly::grow(std::size_t filled, std::size_t needed) {
    const std::unique_lock<std::shared_mutex> moving(memory_);
    for (tokens::IdArray& array : whole_) {
        array.set_size(filled);
        array.reserve(std::max(needed, 2 * filled));
    }
}

Assembly::Pieces Assembly::take() {
    for (tokens::IdArray& array : whole_) array.set_size(size_);
    return std::move(whole_);
}

}  // namespace tokmill::condensed
