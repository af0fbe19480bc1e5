#include "training/runs.hpp"

#include <algorithm>
#include <cstring>

namespace tokmill::training {

std::span<const std::uint32_t> RunCutter::cut(std::string_view run) {
    constexpr std::size_t kSlack = pretokens::kReadSlackBytes;
    text_.grow(run.size() + kSlack, 0);
    std::memcpy(text_.data(), run.data(), run.size());
    std::memset(text_.data() + run.size(), 0, kSlack);
    starts_.reserve_discarding(run.size() + 1 + pretokens::kStartsSlack);
    pretokens::ScanState state;
    const std::size_t count = scanner_.scan(state, text_.data(), static_cast<std::uint32_t>(run.size()), true, starts_.data());
    starts_[count] = static_cast<std::uint32_t>(run.size());
    return {starts_.data(), count + 1};
}

void count_words(const BoundedCounts& runs, const pretokens::Scanner& scanner, BoundedCounts& words, Cancel& cancel) {
    constexpr std::size_t kRunsBetweenLooks = 4096;
    RunCutter cutter(scanner);
    WordCounts batch;
    std::size_t seen = 0;
    runs.visit(
        [&](std::string_view run, std::int64_t count) {
            const std::span<const std::uint32_t> starts = cutter.cut(run);
            batch.add_all(cutter.text(), starts.data(), starts.size() - 1, count);
            if (++seen % kRunsBetweenLooks != 0) return;
            if (words.is_large(batch.byte_size())) words.add({&batch, 1}, cancel);
            cancel.poll();
        },
        cancel);
    words.add({&batch, 1}, cancel);
}

std::span<const std::int32_t> RunSegmenter::segment(std::string_view run) {
    constexpr std::uint32_t kKeyBytes = sizeof(Key16);
    symbols_.clear();
    const std::span<const std::uint32_t> starts = cutter_.cut(run);
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
        const std::uint8_t* const bytes = cutter_.text() + starts[i];
        const std::uint32_t length = starts[i + 1] - starts[i];
        Known* known = nullptr;
        // A key padded with zeros cannot tell a word that ends in NUL from a shorter one.
        if (length <= kKeyBytes && bytes[length - 1] != 0) {
            const Key16 key = word_key(bytes, length);
            known = &known_[mix(key.low ^ hash_key_.words[0], key.high ^ hash_key_.words[1]) >> (64 - kKnownBits)];
            if (known->count != 0 && known->key == key) {
                symbols_.insert(symbols_.end(), known->symbols, known->symbols + known->count);
                continue;
            }
            known->key = key;
        }
        const std::span<const vocab::Symbol> found = segmenter_.segment({reinterpret_cast<const char*>(bytes), length});
        symbols_.insert(symbols_.end(), found.begin(), found.end());
        if (known == nullptr) continue;
        known->count = found.size() <= kMostSymbols ? static_cast<std::uint32_t>(found.size()) : 0;
        std::copy_n(found.begin(), known->count, known->symbols);
    }
    return symbols_;
}

std::uint32_t word_count(std::string_view token) noexcept {
    std::uint32_t count = 0;
    bool outside = true;
    for (const char byte : token) {
        const bool blank = byte == ' ' || (byte >= '\t' && byte <= '\r');
        if (outside && !blank) ++count;
        outside = blank;
    }
    return count;
}

}  // namespace tokmill::training
