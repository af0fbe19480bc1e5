// The door of the room: text in, counts of its pretokens; counts in, a vocabulary and its merges.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "training/bounded_counts.hpp"
#include "training/count.hpp"
#include "training/merge_engine.hpp"
#include "training/runs.hpp"
#include "training/segment.hpp"
#include "training/word_counts.hpp"

namespace tokmill::training {

// The order of the 256 bytes as base tokens, which breaks ties between pairs: that alone parts the two families.
enum class ByteOrder : std::uint8_t {
    byte_level,  // by the code point of the character that stands for a byte in a tokenizer.json (GPT-2's byte-to-character map)
    byte_value,  // as in tiktoken's rank files and rustbpe
};

struct BpeOptions {
    std::size_t vocab_size = 30'000;           // all tokens: those that come first, the bytes, the merged ones
    std::int64_t min_frequency = 0;            // of a pair
    std::uint32_t max_token_length = 0;        // in bytes, as Hugging Face counts (see MergeLimits); 0: no limit
    std::size_t limit_alphabet = 256;          // base tokens kept at most, those that occur least often dropped
    std::array<bool, 256> initial_alphabet{};  // bytes that are base tokens whether they occur or not
    ByteOrder byte_order = ByteOrder::byte_level;
    // Tokens that have the first ids: special tokens. Their bytes, where they are written in characters that stand for bytes (a merge
    // that makes the same bytes gets the same id); "" where they are not.
    std::vector<std::string> first_tokens;
};

struct Merge {
    std::int32_t left, right, made;  // ids
};

struct TrainedBpe {
    std::vector<std::string> tokens;         // by id; "" for first tokens that stand for no bytes
    std::vector<Merge> merges;               // by rank
    std::vector<std::int64_t> pair_counts;   // of the merges, when they were made
    std::vector<std::int64_t> token_counts;  // by id: how often it occurs in the counted text as the merges leave it
};

// How often each symbol of a vocabulary occurs in the counted words, encoded by it.
std::vector<std::int64_t> count_symbols(const BoundedCounts& counts, const vocab::Vocabulary& vocabulary, const vocab::Merges& merges,
                                        bool whole_words, Cancel& cancel);

// A vocabulary to go on from. Its tokens are the first ones, numbered by symbol; words are merged by it before the first pair is counted,
// which is what its merges, being the first in rank, do to every text. A pair whose bytes are a token already is passed over: merging it
// would give a second way to a token, and the older merges of that token would have to come again.
struct Start {
    const vocab::Vocabulary& vocabulary;
    const vocab::Merges& merges;
    bool whole_words;  // see Segmenter
};

// Learns merges as Hugging Face's BpeTrainer does (tokenizers 0.23.3; byte_order byte_value: as rustbpe), pair counts in 64 bits.
// Calls progress(tokens so far, vocab_size) every few hundred merges. Error(value) where no token could be learnt.
TrainedBpe train_bpe(const BoundedCounts& counts, const BpeOptions& options,
                     const std::function<void(std::size_t done, std::size_t all)>& progress, Cancel& cancel);

// The same, going on from a vocabulary: `merges` are the new ones only, all in symbols; of the options vocab_size (symbols), min_frequency
// and max_token_length (of all pairs) count.
TrainedBpe extend_bpe(const BoundedCounts& counts, const Start& start, const BpeOptions& options,
                      const std::function<void(std::size_t done, std::size_t all)>& progress, Cancel& cancel);

// The second stage of superword training: the same over runs of words, each word merged by the vocabulary on its own; no token of more
// than `max_words` words is learnt.
TrainedBpe extend_over_spaces(const BoundedCounts& runs, const pretokens::Scanner& words, const Start& start, const BpeOptions& options,
                              std::uint32_t max_words, const std::function<void(std::size_t done, std::size_t all)>& progress,
                              Cancel& cancel);

}  // namespace tokmill::training
