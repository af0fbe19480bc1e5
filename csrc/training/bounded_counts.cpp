// A run is the words of a table in bytewise order, each as its length (u32), its count (i64) and its bytes. Runs and table are merged as
// they are read: of all that are at hand the bytewise least word is next, and equal ones add up.
#include "training/bounded_counts.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/errors.hpp"
#include "base/memory.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kWriteBytes = std::size_t(1) << 20;
constexpr std::size_t kReadBytes = std::size_t(1) << 18;
// The table, doubled while it grows, or beside it the 64 bytes a word of sorting it: a third leaves room for either.
constexpr std::size_t kShareOfMemory = 3;

}  // namespace

// The words of one run, or of the table, one after the other.
class BoundedCounts::Reader {
public:
    explicit Reader(std::span<const WordCounts::Entry> entries) : entries_(entries) {}
    Reader(const SpillFile& file, Run run) : file_(&file), at_(run.begin), end_(run.end) {}

    // The next word; false at the end. It holds until the next call.
    bool next() {
        if (file_ == nullptr) {
            if (entries_.empty()) return false;
            word = entries_.front().word;
            count = entries_.front().count;
            entries_ = entries_.subspan(1);
            return true;
        }
        if (!at_hand(kHeaderBytes)) return false;
        const std::uint8_t* const header = buffer_.data() + used_;
        const std::size_t length = load<std::uint32_t>(header);
        count = load<std::int64_t>(header + 4);
        if (!at_hand(kHeaderBytes + length)) damaged();
        word = {reinterpret_cast<const char*>(buffer_.data()) + used_ + kHeaderBytes, length};
        used_ += kHeaderBytes + length;
        return true;
    }

    std::string_view word;
    std::int64_t count = 0;

private:
    // Reads on until `byte_count` bytes lie behind used_; false if the run ends exactly there.
    bool at_hand(std::size_t byte_count) {
        if (buffer_.size() - used_ >= byte_count) return true;
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
        used_ = 0;
        const std::size_t held = buffer_.size();
        const std::size_t more = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(kReadBytes, byte_count), end_ - at_));
        if (held + more == 0) return false;
        if (held + more < byte_count) damaged();
        buffer_.resize(held + more);
        file_->read(at_, buffer_.data() + held, more);
        at_ += more;
        return true;
    }

    [[noreturn]] static void damaged() {
        throw Error(ErrorKind::input,
                    "word counts that were written to a file came back changed: the disk is not to be trusted; count again");
    }

    std::span<const WordCounts::Entry> entries_;
    const SpillFile* file_ = nullptr;
    std::uint64_t at_ = 0, end_ = 0;
    std::vector<std::uint8_t> buffer_;
    std::size_t used_ = 0;
};

void BoundedCounts::spill_if_full(Cancel& cancel) {
    if (memory_bytes_ == 0 || table_.byte_size() < memory_bytes_ / kShareOfMemory || table_.size() == 0) return;
    if (!file_) file_ = std::make_unique<SpillFile>(directory_, "word counts");
    std::int64_t total = 0;
    if (__builtin_add_overflow(spilled_total_, table_.total(), &total))
        throw Error(ErrorKind::value, "the counts add up to more than 2^63 - 1");
    std::uint64_t end = end_;
    std::string block;
    const auto write = [&] {
        file_->write(end, block.data(), block.size());
        end += block.size();
        block.clear();
        cancel.poll();
    };
    for (const WordCounts::Entry& entry : table_.sorted()) {
        const auto length = static_cast<std::uint32_t>(entry.word.size());
        block.append(reinterpret_cast<const char*>(&length), sizeof length);
        block.append(reinterpret_cast<const char*>(&entry.count), sizeof entry.count);
        block += entry.word;
        if (block.size() >= kWriteBytes) write();
    }
    write();
    runs_.push_back({end_, end});
    end_ = end;
    spilled_total_ = total;
    table_ = WordCounts();
}

void BoundedCounts::visit_sorted(const Visitor& visitor) const {
    const std::vector<WordCounts::Entry> entries = table_.sorted();
    if (runs_.empty()) {
        for (const WordCounts::Entry& entry : entries) visitor(entry.word, entry.count);
        return;
    }
    std::vector<Reader> readers;
    readers.emplace_back(std::span(entries));
    for (const Run& run : runs_) readers.emplace_back(*file_, run);
    const auto later = [&](std::size_t a, std::size_t b) { return readers[a].word > readers[b].word; };
    std::vector<std::size_t> heap;
    for (std::size_t i = 0; i < readers.size(); ++i)
        if (readers[i].next()) heap.push_back(i);
    std::make_heap(heap.begin(), heap.end(), later);
    std::string word;
    while (!heap.empty()) {
        word = readers[heap.front()].word;
        std::int64_t count = 0;
        while (!heap.empty() && readers[heap.front()].word == word) {
            std::pop_heap(heap.begin(), heap.end(), later);
            count += readers[heap.back()].count;  // total() fits, so does each part of it
            if (readers[heap.back()].next()) {
                std::push_heap(heap.begin(), heap.end(), later);
            } else {
                heap.pop_back();
            }
        }
        visitor(word, count);
    }
}

std::size_t BoundedCounts::size() const {
    if (runs_.empty()) return table_.size();
    if (!size_ || size_total_ != total()) {
        std::size_t found = 0;
        visit_sorted([&](std::string_view, std::int64_t) { ++found; });
        size_ = found;
        size_total_ = total();
    }
    return *size_;
}

void BoundedCounts::prune(std::int64_t least_count) {
    WordCounts kept;
    visit([&](std::string_view word, std::int64_t count) {
        if (count >= least_count) kept.add(word, count);
    });
    table_ = std::move(kept);
    runs_.clear();
    file_.reset();
    end_ = 0;
    spilled_total_ = 0;
    size_.reset();
}

}  // namespace tokmill::training
