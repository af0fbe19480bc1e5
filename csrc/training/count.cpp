#include "training/count.hpp"

#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.hpp"
#include "pool/pool.hpp"

namespace tokmill::training {

namespace {

constexpr std::size_t kPartBytes = std::size_t(1) << 20;
constexpr std::size_t kCutWindowUnits = 4096;
constexpr std::size_t kBlockBytes = std::size_t(1) << 16;
constexpr std::size_t kLeastRoomBytes = 64;
constexpr std::size_t kMaxPretokenBytes = std::size_t(1) << 30;

// What one thread has counted, and the text in its hands.
struct Counter {
    WordCounts counts;
    Buffer<std::uint8_t> text;
    Buffer<std::uint32_t> starts;
};

// Reads a document block by block; what the scanner holds back moves to the front and grows with what comes.
void count_document(const documents::Document& document, const pretokens::Scanner& scanner, documents::Invalid invalid, std::int64_t weight,
                    Counter& counter, Cancel& cancel) {
    constexpr std::size_t kSlack = pretokens::kReadSlackBytes + documents::kReadSlackBytes;
    documents::Reader reader(unicode::kernels(scanner.isa()), document, invalid);
    pretokens::ScanState state;
    std::size_t end = 0;
    std::size_t room = kBlockBytes;
    counter.text.grow(room + kSlack, 0);
    for (bool last = false; !last;) {
        cancel.poll();
        while (!reader.done() && room - end >= kLeastRoomBytes) end += reader.read(counter.text.data() + end, room - end);
        last = reader.done();
        counter.starts.reserve_discarding(end - state.last_start + 2 + pretokens::kStartsSlack);
        std::uint32_t* const starts = counter.starts.data();
        // The pretoken that was open goes on where it began; the scanner names its start again only if it is the first.
        const std::uint32_t open = state.last_start;
        const bool begun = state.begun;
        starts[0] = open;
        const std::size_t found = scanner.scan(state, counter.text.data(), static_cast<std::uint32_t>(end), last, starts + (begun ? 1 : 0));
        std::size_t count = found + (begun ? 1 : 0);
        if (last && count != 0) starts[count++] = static_cast<std::uint32_t>(end);
        if (count > 1) counter.counts.add_all(counter.text.data(), starts, count - 1, weight);
        if (last) break;
        const std::size_t keep_from = state.last_start;
        std::memmove(counter.text.data(), counter.text.data() + keep_from, end - keep_from);
        end -= keep_from;
        state.rebase(static_cast<std::uint32_t>(keep_from));
        if (end > room / 2) {
            if (room > kMaxPretokenBytes) throw Error(ErrorKind::pretoken_too_long, "a pretoken of more than 1 GiB; cut the text");
            room *= 2;
            counter.text.grow(room + kSlack, end);
        }
    }
}

// Stretches of documents, about kPartBytes each, cut where the pattern is sure to begin a pretoken.
std::vector<std::vector<documents::Document>> divide(std::span<const documents::Document> documents, bool may_cut) {
    std::vector<std::vector<documents::Document>> parts(1);
    std::size_t part_bytes = 0;
    for (const documents::Document& document : documents) {
        std::size_t begin = 0;
        do {
            if (part_bytes >= kPartBytes) {
                parts.emplace_back();
                part_bytes = 0;
            }
            std::size_t end = document.unit_count;
            const std::size_t unit_bytes = documents::unit_bytes(document.encoding);
            const std::size_t room = (kPartBytes - part_bytes) / unit_bytes;
            if (may_cut && end - begin > room + kCutWindowUnits) {
                const std::size_t cut = documents::last_certain_start(document, begin, begin + room + kCutWindowUnits, kCutWindowUnits);
                if (cut != begin) end = cut;
            }
            parts.back().push_back(document.stretch(begin, end));
            part_bytes += (end - begin) * unit_bytes;
            begin = end;
        } while (begin < document.unit_count);
    }
    return parts;
}

}  // namespace

void count_documents(std::span<const documents::Document> documents, const pretokens::Scanner& scanner, documents::Invalid invalid,
                     std::int64_t weight, std::size_t threads, WordCounts& counts, Cancel& cancel) {
    const std::vector<std::vector<documents::Document>> parts = divide(documents, scanner.starts_behind_letters());
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
        for (const documents::Document& document : parts[i]) {
            try {
                count_document(document, scanner, invalid, weight, counter, cancel);
            } catch (const Error& error) {
                if (document.row == documents::Document::kNoRow || error.kind() == ErrorKind::interrupted) throw;
                throw Error(error.kind(), "text " + std::to_string(document.row) + ": " + error.what(), error.where());
            }
        }
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
