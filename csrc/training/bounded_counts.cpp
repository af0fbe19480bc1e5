// A run is the words of a table in bytewise order, each as its length (u32), its count (i64) and its bytes. When they are read, the table
// is written as one more, and all are merged into one: of the words at hand the bytewise least is next, and equal ones add up.
#include "training/bounded_counts.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/errors.hpp"
#include "base/memory.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kWriteBytes = std::size_t(1) << 20;
constexpr std::size_t kLeastReadBytes = std::size_t(1) << 12, kMostReadBytes = std::size_t(1) << 18;
// Of the memory, for the table while it grows; a batch has another eighth, or what one stretch of text makes of it. Writing the table out
// takes none, and while runs are read there is no table.
constexpr std::size_t kEighthsForTable = 5;

}  // namespace

// The words of one run, one after the other.
class BoundedCounts::Reader {
public:
    Reader(const SpillFile& file, Run run, std::size_t read_bytes) : file_(&file), read_bytes_(read_bytes), at_(run.begin), end_(run.end) {}

    // The next word; false at the end. It holds until the next call.
    bool next() {
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
        const std::size_t more = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(read_bytes_, byte_count), end_ - at_));
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

    const SpillFile* file_;
    std::size_t read_bytes_;
    std::uint64_t at_, end_;
    std::vector<std::uint8_t> buffer_;
    std::size_t used_ = 0;
};

// Words in bytewise order to a file, from a place on.
class BoundedCounts::Writer {
public:
    Writer(const SpillFile& file, std::uint64_t begin, Cancel& cancel) : file_(file), cancel_(cancel), begin_(begin), end_(begin) {}

    void add(std::string_view word, std::int64_t count) {
        const auto length = static_cast<std::uint32_t>(word.size());
        block_.append(reinterpret_cast<const char*>(&length), sizeof length);
        block_.append(reinterpret_cast<const char*>(&count), sizeof count);
        block_ += word;
        if (block_.size() >= kWriteBytes) write();
    }

    Run finish() {
        write();
        return {begin_, end_};
    }

private:
    void write() {
        file_.write(end_, block_.data(), block_.size());
        end_ += block_.size();
        block_.clear();
        cancel_.poll();
    }

    const SpillFile& file_;
    Cancel& cancel_;
    std::uint64_t begin_, end_;
    std::string block_;
};

void BoundedCounts::check_total(std::int64_t more) const {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(total(), more, &sum))
        throw Error(ErrorKind::value, "the counts of all words add up to more than 2^63 - 1; use smaller weights");
}

void BoundedCounts::make_room(const WordCounts::Extent& more, Cancel& cancel) {
    if (memory_bytes_ != 0 && table_.size() != 0 && table_.byte_size_with(more) > memory_bytes_ / 8 * kEighthsForTable) spill(cancel);
}

void BoundedCounts::add(std::span<WordCounts> batch, Cancel& cancel) {
    WordCounts::Extent sum;
    std::int64_t more = 0;
    for (const WordCounts& words : batch) {
        const WordCounts::Extent extent = words.extent();
        sum.short_words += extent.short_words;
        sum.long_words += extent.long_words;
        sum.long_bytes += extent.long_bytes;
        check_total(words.total());
        if (__builtin_add_overflow(more, words.total(), &more)) check_total(INT64_MAX);
    }
    check_total(more);
    make_room(sum, cancel);
    for (WordCounts& words : batch) {
        if (memory_bytes_ == 0 && table_.size() == 0) {
            table_ = std::move(words);
        } else {
            table_.add(words);
        }
        words = WordCounts();
    }
}

void BoundedCounts::add(std::string_view word, std::int64_t count, Cancel& cancel) {
    check_total(count);
    make_room({1, 1, word.size()}, cancel);
    table_.add(word, count);
}

BoundedCounts::Mark BoundedCounts::mark(Cancel& cancel) {
    if (table_.size() != 0) spill(cancel);
    return {runs_.size(), end_, spilled_total_};
}

void BoundedCounts::undo(const Mark& mark) {
    table_ = WordCounts();
    runs_.resize(mark.run_count);
    end_ = mark.end;
    spilled_total_ = mark.total;
}

void BoundedCounts::spill(Cancel& cancel) const {
    if (!file_) file_ = std::make_unique<SpillFile>(directory_, "word counts");
    const std::int64_t total = spilled_total_ + table_.total();
    Writer writer(*file_, end_, cancel);
    Run run{};
    std::size_t words_left = table_.size();
    table_.drain([&](std::string_view word, std::int64_t count) {
        writer.add(word, count);
        if (--words_left == 0) run = writer.finish();  // while the table still has the words
    });
    runs_.push_back(run);
    end_ = run.end;
    spilled_bytes_ += run.end - run.begin;
    spilled_total_ = total;
    united_size_.reset();
}

void BoundedCounts::merge_runs(const Visitor& visitor, Cancel& cancel) const {
    constexpr std::size_t kWordsBetweenLooks = 4096;
    const std::size_t read_bytes = std::clamp(memory_bytes_ / 8 / runs_.size(), kLeastReadBytes, kMostReadBytes);
    std::vector<Reader> readers;
    for (const Run& run : runs_) readers.emplace_back(*file_, run, read_bytes);
    // The first eight bytes as a number decide nearly all comparisons.
    struct Next {
        std::uint64_t front;
        std::size_t reader;
    };
    const auto next_of = [&](std::size_t reader) {
        std::uint8_t bytes[8] = {};
        std::memcpy(bytes, readers[reader].word.data(), std::min(readers[reader].word.size(), sizeof bytes));
        return Next{__builtin_bswap64(load<std::uint64_t>(bytes)), reader};
    };
    const auto later = [&](const Next& a, const Next& b) {
        return a.front != b.front ? a.front > b.front : readers[a.reader].word > readers[b.reader].word;
    };
    std::vector<Next> heap;
    for (std::size_t i = 0; i < readers.size(); ++i)
        if (readers[i].next()) heap.push_back(next_of(i));
    std::make_heap(heap.begin(), heap.end(), later);
    std::string word;
    for (std::size_t seen = 1; !heap.empty(); ++seen) {
        word = readers[heap.front().reader].word;
        std::int64_t count = 0;
        while (!heap.empty() && readers[heap.front().reader].word == word) {
            std::pop_heap(heap.begin(), heap.end(), later);
            Next& least = heap.back();
            count += readers[least.reader].count;  // total() fits, so does each part of it
            if (readers[least.reader].next()) {
                least = next_of(least.reader);
                std::push_heap(heap.begin(), heap.end(), later);
            } else {
                heap.pop_back();
            }
        }
        visitor(word, count);
        if (seen % kWordsBetweenLooks == 0) cancel.poll();
    }
}

void BoundedCounts::unite_runs(Cancel& cancel) const {
    if (table_.size() != 0) {
        spill(cancel);
        table_ = WordCounts();
    }
    if (runs_.size() == 1) return;
    auto file = std::make_unique<SpillFile>(directory_, "word counts");
    Writer writer(*file, 0, cancel);
    std::size_t size = 0;
    merge_runs(
        [&](std::string_view word, std::int64_t count) {
            writer.add(word, count);
            ++size;
        },
        cancel);
    const Run run = writer.finish();
    file_ = std::move(file);
    runs_.assign(1, run);
    end_ = run.end;
    spilled_bytes_ += run.end;
    united_size_ = size;
}

void BoundedCounts::visit_sorted(const Visitor& visitor, Cancel& cancel) const {
    if (runs_.empty()) {
        for (const WordCounts::Entry& entry : table_.sorted()) visitor(entry.word, entry.count);
        return;
    }
    unite_runs(cancel);
    merge_runs(visitor, cancel);
}

std::size_t BoundedCounts::size(Cancel& cancel) const {
    if (runs_.empty()) return table_.size();
    unite_runs(cancel);
    if (!united_size_) {
        std::size_t found = 0;
        merge_runs([&](std::string_view, std::int64_t) { ++found; }, cancel);
        united_size_ = found;
    }
    return *united_size_;
}

void BoundedCounts::prune(std::int64_t least_count, Cancel& cancel) {
    BoundedCounts kept(memory_bytes_, directory_);
    visit(
        [&](std::string_view word, std::int64_t count) {
            if (count >= least_count) kept.add(word, count, cancel);
        },
        cancel);
    *this = std::move(kept);
}

}  // namespace tokmill::training
