// The model of a tokenizer.json of type BPE as the file states it: strings in the byte-level alphabet, ids, merges as pairs of
// strings. Out comes what the core works with: bytes in the order of merge ranks, and for each token the pair it is made of.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::formats {

struct BpeModel {
    struct Entry {
        std::string_view content;
        std::uint32_t id;
        std::size_t position;  // in the file
    };
    struct Merge {
        std::string_view left, right;
        std::size_t position;
    };
    std::vector<Entry> entries;
    std::vector<Merge> merges;
    std::optional<std::string> unknown_token;
    std::string word_prefix, word_suffix;
    bool ignore_merges = false;

    // The id of a token; nothing if there is none. After index().
    std::optional<std::uint32_t> id_of(std::string_view content) const noexcept;
    // Error(vocabulary) if a token or an id stands twice.
    void index(Cancel& cancel);
    std::uint32_t find(std::string_view content) const noexcept;  // kNoEntry if there is none

    static constexpr std::uint32_t kNoEntry = ~std::uint32_t(0);

private:
    std::vector<std::uint32_t> slots_;
    std::uint64_t seed_ = 0;
};

// Bytes, offsets, ids and parts of the spec; tokens that no text can become are added to its specials as names.
void make_spec(const BpeModel& model, vocab::Spec& spec, Cancel& cancel);

}  // namespace tokmill::formats
