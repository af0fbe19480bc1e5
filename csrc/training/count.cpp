#include "training/count.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.hpp"
#include "pool/pool.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kPartBytes = std::size_t(1) << 20;

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

}  // namespace

void count_documents(std::span<const documents::Document> documents, const pretokens::Scanner& scanner, documents::Invalid invalid,
                     std::int64_t weight, std::size_t threads, WordCounts& counts, Cancel& cancel) {
    const std::vector<documents::Part> parts = documents::divide(documents, kPartBytes, scanner.starts_behind_letters());
    pretokens::ChunkOptions options;
    options.invalid = invalid;
    std::mutex mutex;
    std::vector<Counter> idle(1);
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
    if (counts.size() == 0) {
        counts = std::move(idle.back().counts);
        idle.pop_back();
    }
    for (const Counter& counter : idle) counts.add(counter.counts);
}

}  // namespace tokmill::training
