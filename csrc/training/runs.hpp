// Runs of words: what stands between two barriers of the second stage of superword training. In: counted runs, as bytes. Out: the words
// of a split pattern in them, and for the second stage their symbols one behind the other, over which merges may cross spaces.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/hash.hpp"
#include "base/memory.hpp"
#include "pretokens/pretokens.hpp"
#include "training/bounded_counts.hpp"
#include "training/segment.hpp"

namespace tokmill::training {

// Cuts one run after the other.
class RunCutter {
public:
    explicit RunCutter(const pretokens::Scanner& scanner) : scanner_(scanner) {}

    // Valid until the next call: word i is text()[starts[i], starts[i + 1]); the last element is the end. Reading a little past it is safe.
    std::span<const std::uint32_t> cut(std::string_view run);
    const std::uint8_t* text() const noexcept { return text_.data(); }

private:
    const pretokens::Scanner& scanner_;
    Buffer<std::uint8_t> text_;
    Buffer<std::uint32_t> starts_;
};

// Adds the words of all runs to `words`, each as often as its runs occur.
void count_words(const BoundedCounts& runs, const pretokens::Scanner& scanner, BoundedCounts& words, Cancel& cancel);

// The symbols of runs: each word merged on its own by a vocabulary. Words come again and again, so the latest of them are kept.
class RunSegmenter {
public:
    RunSegmenter(const pretokens::Scanner& scanner, Segmenter segmenter)
        : cutter_(scanner), segmenter_(std::move(segmenter)), known_(std::size_t(1) << kKnownBits) {}

    std::span<const std::int32_t> segment(std::string_view run);

private:
    static constexpr std::uint32_t kKnownBits = 16, kMostSymbols = 7;
    struct Known {
        Key16 key{0, 0};
        std::uint32_t count = 0;  // 0: empty
        std::int32_t symbols[kMostSymbols];
    };

    RunCutter cutter_;
    Segmenter segmenter_;
    std::vector<Known> known_;
    HashKey hash_key_ = process_hash_key();
    std::vector<std::int32_t> symbols_;
};

// How many words a token holds: stretches without ASCII white space.
std::uint32_t word_count(std::string_view token) noexcept;

}  // namespace tokmill::training
