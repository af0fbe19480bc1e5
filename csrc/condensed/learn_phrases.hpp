// Phrases learnt from streams of ids, by the merge engine of training/: the best pair of neighbours becomes a phrase, and so on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "training/training.hpp"

namespace tokmill::condensed {

struct LearningOptions {
    std::int32_t vocab_size = 0;  // ids are below
    std::size_t most_phrases = 0;
    std::uint32_t max_length = 16;  // base ids of a phrase
    std::uint32_t max_words = 0;    // of a phrase, as `words` counts them; 0: any number
    std::int64_t min_count = 2;     // times that a phrase has to occur when it is learnt
    training::Objective objective = training::Objective::count;
    std::span<const std::int32_t> alone;  // ids that are in no phrase
    std::span<const std::uint8_t> words;  // by id: words that begin in it; empty: none
};

struct LearntPhrases {
    std::vector<std::int32_t> lefts, rights;  // phrase r is id vocab_size + r
    std::vector<std::int64_t> counts;         // how often each occurred when it was learnt
};

// No phrase crosses the bounds of a document, a barrier, or an id that stands alone. A pair that would spell a phrase that there is
// already is passed over, so that each phrase is made in one way. Calls progress(phrases so far, most_phrases) now and then.
// Error(unknown_id) for an id outside of the vocabulary, with its place; Error(value) for options that are out of bounds.
LearntPhrases learn_phrases(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets,
                            std::span<const std::int64_t> barriers, const LearningOptions& options,
                            const std::function<void(std::size_t done, std::size_t all)>& progress, Cancel& cancel);

}  // namespace tokmill::condensed
