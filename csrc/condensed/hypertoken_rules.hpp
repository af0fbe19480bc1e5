// What the writer and the reader of a stream of hypertokens have to agree on. Codes of the book follow the base vocabulary: a
// number below vocab_size() always means that base id. Immutable; every number is checked when it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokmill::condensed {

enum class Profile : std::uint8_t {
    zip2zip,  // as zip2zip_compression 0.3.4: a full book stays as it is
    lru,      // a full book recycles the phrase that was not used for longest
};

inline constexpr std::uint32_t kMaxVocabSize = std::uint32_t(1) << 24;
inline constexpr std::uint32_t kMaxBookSize = std::uint32_t(1) << 20;
inline constexpr std::uint32_t kMaxSubtokens = 255;  // lengths of phrases are kept in a byte

class HypertokenRules {
public:
    struct Spec {
        Profile profile = Profile::zip2zip;
        std::uint32_t vocab_size = 0;
        std::uint32_t book_size = 0;
        std::uint32_t max_subtokens = 0;
        std::vector<std::int32_t> disabled;       // ids that are in no phrase
        std::vector<std::int32_t> seed;           // phrases that every book starts with, back to back; they are never recycled
        std::vector<std::uint64_t> seed_offsets;  // phrase i: seed[offsets[i], offsets[i + 1]); empty: none
    };
    // Error(value) with the index of what is wrong: a size out of bounds, a disabled id that is none, a phrase of the seed that is
    // too short or too long, comes twice, holds an id that is none or disabled, or lacks the phrase that it would have grown from.
    explicit HypertokenRules(Spec spec);

    Profile profile() const noexcept { return profile_; }
    std::int32_t vocab_size() const noexcept { return vocab_size_; }
    std::int32_t book_size() const noexcept { return book_size_; }
    std::int32_t code_end() const noexcept { return vocab_size_ + book_size_; }
    std::int32_t max_subtokens() const noexcept { return max_subtokens_; }
    std::int32_t seed_size() const noexcept { return static_cast<std::int32_t>(seed_edges_.size()); }

    // Whether a number is no base id that may become part of a phrase: out of the vocabulary, or disabled.
    bool is_alone(std::int32_t id) const noexcept {
        const auto number = static_cast<std::uint32_t>(id);
        return number >= static_cast<std::uint32_t>(vocab_size_) || (alone_[number >> 6] >> (number & 63) & 1) != 0;
    }
    bool is_base(std::int32_t id) const noexcept { return static_cast<std::uint32_t>(id) < static_cast<std::uint32_t>(vocab_size_); }

    // Row i of the seed: the code or base id that it grew from, and the id that was added.
    struct Edge {
        std::int32_t parent;
        std::int32_t id;
    };
    // In an order in which parents come first; `row` says which code an edge makes.
    std::span<const Edge> seed_edges() const noexcept { return seed_edges_; }
    std::span<const std::int32_t> seed_rows() const noexcept { return seed_rows_; }

private:
    void read_seed(const Spec& spec);

    Profile profile_;
    std::int32_t vocab_size_;
    std::int32_t book_size_;
    std::int32_t max_subtokens_;
    std::vector<std::uint64_t> alone_;  // a bit an id: disabled
    std::vector<Edge> seed_edges_;
    std::vector<std::int32_t> seed_rows_;
};

}  // namespace tokmill::condensed
