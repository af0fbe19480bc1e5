#include "tokens/placing.hpp"

#include <cstring>
#include <utility>

namespace tokmill::tokens {

Placing::Placing(IdArray& all, std::size_t part_count)
    : all_(all), room_(all.capacity() - (all.has_slack() ? kIdArraySlack : 0)), entries_(part_count), end_(all.size()) {}

IdArray Placing::spare() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spares_.empty()) return IdArray(all_.type());
    IdArray array = std::move(spares_.back());
    spares_.pop_back();
    array.set_size(0);
    return array;
}

void Placing::give_back(IdArray array) {
    if (array.capacity() == 0) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    spares_.push_back(std::move(array));
}

void Placing::copy(const IdArray& from, std::uint64_t to) const noexcept {
    const std::size_t bytes = id_bytes(all_.type());
    if (from.size() != 0) std::memcpy(static_cast<std::uint8_t*>(all_.data()) + to * bytes, from.data(), from.size() * bytes);
}

std::optional<std::uint64_t> Placing::count(std::size_t index, std::uint64_t id_count, IdArray* finished) {
    std::vector<std::pair<IdArray, std::uint64_t>> others;
    std::optional<std::uint64_t> begin;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        entries_[index].id_count = id_count;
        entries_[index].is_counted = true;
        for (; placed_count_ < entries_.size(); ++placed_count_) {
            Entry& entry = entries_[placed_count_];
            // What does not fit waits for finish(): the array cannot move while others write to it.
            if (!entry.is_counted || entry.id_count > room_ - end_) break;
            entry.begin = end_;
            end_ += entry.id_count;
            if (!entry.waiting) continue;
            others.emplace_back(*std::exchange(entry.waiting, std::nullopt), entry.begin);
        }
        if (index < placed_count_) {
            begin = entries_[index].begin;
        } else if (finished != nullptr) {
            entries_[index].waiting = std::move(*finished);
        }
    }
    for (auto& [ids, to] : others) {
        copy(ids, to);
        give_back(std::move(ids));
    }
    return begin;
}

IdArray* Placing::Part::take(IdArray* so_far, std::uint64_t more) {
    const std::optional<std::uint64_t> begin = placing_.count(index_, so_far->size() + more, nullptr);
    if (!begin) return so_far;
    placing_.copy(*so_far, *begin);
    const IdType type = placing_.all_.type();
    auto* const memory = static_cast<std::uint8_t*>(placing_.all_.data()) + (*begin + so_far->size()) * id_bytes(type);
    placed_.emplace(type, memory, more);
    return &*placed_;
}

void Placing::Part::done() {
    if (!placed_) {
        const std::optional<std::uint64_t> begin = placing_.count(index_, own_.size(), &own_);
        if (!begin) return;
        placing_.copy(own_, *begin);
    }
    placing_.give_back(std::move(own_));
}

void Placing::finish() {
    std::uint64_t more = 0;
    for (std::size_t i = placed_count_; i < entries_.size(); ++i) more += entries_[i].id_count;
    all_.set_size(end_);
    all_.prepare(more);
    for (; placed_count_ < entries_.size(); ++placed_count_) {
        copy(*entries_[placed_count_].waiting, end_);
        end_ += entries_[placed_count_].id_count;
    }
    all_.set_size(end_);
}

}  // namespace tokmill::tokens
