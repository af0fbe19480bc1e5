#include "training/count.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.hpp"
#include "pool/pool.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kPartBytes = std::size_t(1) << 20, kLeastPartBytes = std::size_t(1) << 16;

// What one thread has counted, and the text in its hands.
struct Counter {
    WordCounts counts;
    pretokens::Chunk chunk;

    void take(std::int64_t weight) {
        const pretokens::Pretokens words = chunk.pretokens();
        counts.add_all(words.text, words.starts, words.count, weight);
        chunk.compact();
    }
};

// Counts a few parts on all threads. The tables are left with whoever holds `idle`.
void count_parts(std::span<const documents::Part> parts, const pretokens::Scanner& scanner, documents::Invalid invalid, std::int64_t weight,
                 std::size_t threads, std::vector<Counter>& idle, Cancel& cancel) {
    pretokens::ChunkOptions options;
    options.invalid = invalid;
    std::mutex mutex;
    pool::run(parts.size(), threads, cancel, [&](std::size_t i) {
        Counter counter;
        {
            const std::lock_guard lock(mutex);
            if (!idle.empty()) {
                counter = std::move(idle.back());
                idle.pop_back();
            }
        }
        for (const documents::Document& document : parts[i].stretches) {
            try {
                documents::Reader reader(unicode::kernels(scanner.isa()), document, invalid);
                while (!counter.chunk.fill(scanner, reader, true, options)) {
                    cancel.poll();
                    counter.take(weight);
                }
            } catch (const Error& error) {
                if (document.row == documents::Document::kNoRow || error.kind() == ErrorKind::interrupted) throw;
                throw Error(error.kind(), "text " + std::to_string(document.row) + ": " + error.what(), error.where());
            }
        }
        counter.take(weight);
        const std::lock_guard lock(mutex);
        idle.push_back(std::move(counter));
    });
}

}  // namespace

void count_documents(std::span<const documents::Document> documents, const pretokens::Scanner& scanner, documents::Invalid invalid,
                     std::int64_t weight, std::size_t threads, BoundedCounts& counts, Cancel& cancel) {
    const std::size_t part_bytes = std::clamp(counts.text_bytes_at_once() / 2, kLeastPartBytes, kPartBytes);
    const std::vector<documents::Part> parts = documents::divide(documents, part_bytes, scanner.starts_behind_letters());
    std::vector<Counter> counters;
    const auto hand_over = [&] {
        std::vector<WordCounts> batch;
        for (Counter& counter : counters) batch.push_back(std::exchange(counter.counts, WordCounts()));
        counts.add(batch, cancel);
    };
    // Only a text that has many distinct words by itself is added before its end.
    std::optional<BoundedCounts::Mark> mark;
    try {
        for (std::size_t begin = 0; begin < parts.size();) {
            std::size_t end = begin, bytes = 0;
            while (end < parts.size() && (end == begin || bytes + parts[end].byte_size <= counts.text_bytes_at_once()))
                bytes += parts[end++].byte_size;
            count_parts(std::span(parts).subspan(begin, end - begin), scanner, invalid, weight, threads, counters, cancel);
            begin = end;
            std::size_t held = 0;
            for (const Counter& counter : counters) held += counter.counts.byte_size();
            if (begin == parts.size() || !counts.is_large(held)) continue;
            if (!mark) mark = counts.mark(cancel);
            hand_over();
        }
        hand_over();
    } catch (...) {
        if (mark) counts.undo(*mark);
        throw;
    }
}

}  // namespace tokmill::training
