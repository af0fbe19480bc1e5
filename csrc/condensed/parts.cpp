#include "condensed/parts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tokmill::condensed {

namespace {

constexpr std::size_t kPartIds = std::size_t(1) << 14;  // documents are handed out in parts of at least so many ids

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

Assembly::Assembly(std::size_t parts, std::size_t arrays, std::size_t most) : pieces_(parts), starts_(parts), whole_(arrays) {
    for (tokens::IdArray& array : whole_) array.expect(kExpected * most);
}

void Assembly::done(std::size_t part, std::unique_ptr<Pieces> pieces) {
    std::size_t first = 0, end = 0;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        pieces_[part] = std::move(pieces);
        const std::size_t filled = size_;
        first = next_;
        for (; next_ < pieces_.size() && pieces_[next_] != nullptr; ++next_) {
            starts_[next_] = size_;
            size_ += (*pieces_[next_])[0].size();
        }
        end = next_;
        const auto is_short = [&](const tokens::IdArray& array) { return array.capacity() < size_; };
        if (std::any_of(whole_.begin(), whole_.end(), is_short)) grow(filled, size_);
    }
    const std::shared_lock<std::shared_mutex> copying(memory_);
    for (std::size_t i = first; i < end; ++i) {
        std::unique_ptr<Pieces> here = std::move(pieces_[i]);
        for (std::size_t a = 0; a < whole_.size(); ++a) {
            tokens::IdArray& piece = (*here)[a];
            if (piece.size() != 0)
                std::memcpy(static_cast<std::int32_t*>(whole_[a].data()) + starts_[i], piece.data(), piece.size() * sizeof(std::int32_t));
            piece.set_size(0);
        }
        spares_.give_back(std::move(here));
    }
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
