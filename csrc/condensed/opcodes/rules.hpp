// What the writer and the reader of a stream of opcodes agree on, and what the writer is to save. Immutable; every number is checked
// when it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "condensed/phrase_table.hpp"

namespace tokmill::condensed {

inline constexpr std::uint32_t kMaxWindow = std::uint32_t(1) << 20;
inline constexpr std::uint32_t kMaxRecordLength = 65535;
inline constexpr std::uint32_t kMaxSlots = 256;
inline constexpr std::uint32_t kMaxOpcodePhrases = std::uint32_t(1) << 20;
inline constexpr std::size_t kMaxOpcodePhraseIds = std::size_t(1) << 24;

// What a record costs, in any unit. The writer leaves a record out that costs no less than the literals that it stands for.
struct OpcodeCosts {
    std::uint32_t literal = 1;
    std::uint32_t copy = 3;
    std::uint32_t hyper = 1;
    std::uint32_t use = 2;
};

class OpcodeRules {
public:
    struct Spec {
        std::uint32_t vocab_size = 0;
        std::uint32_t window = 0;       // how far back COPY reaches; 0: no COPY
        std::uint32_t max_length = 0;   // base ids of one record at most
        std::uint32_t slots = 0;        // 0: neither DEF nor USE
        std::uint64_t reset_every = 0;  // base ids from one RESET to the next; 0: none
        std::uint32_t least_copy = 0;   // base ids of a COPY at least
        OpcodeCosts costs;
        std::vector<std::int32_t> phrases;          // of HYPER, back to back
        std::vector<std::uint64_t> phrase_offsets;  // phrase i: phrases[offsets[i], offsets[i + 1]); empty: none
    };
    // Error(value), with the index of a phrase that is too short or long, comes twice or holds an id that is none.
    explicit OpcodeRules(Spec spec);

    std::int32_t vocab_size() const noexcept { return static_cast<std::int32_t>(spec_.vocab_size); }
    bool is_base(std::int32_t id) const noexcept { return static_cast<std::uint32_t>(id) < spec_.vocab_size; }
    std::size_t window() const noexcept { return spec_.window; }
    std::size_t max_length() const noexcept { return spec_.max_length; }
    std::size_t slots() const noexcept { return spec_.slots; }
    std::uint64_t reset_every() const noexcept { return spec_.reset_every; }
    std::size_t least_copy() const noexcept { return spec_.least_copy; }
    const OpcodeCosts& costs() const noexcept { return spec_.costs; }

    std::size_t phrase_count() const noexcept { return spec_.phrase_offsets.empty() ? 0 : spec_.phrase_offsets.size() - 1; }
    std::span<const std::int32_t> phrase(std::size_t code) const noexcept {
        return {spec_.phrases.data() + spec_.phrase_offsets[code], spec_.phrase_offsets[code + 1] - spec_.phrase_offsets[code]};
    }
    // The longest phrase that `ids` begin with: its code, or -1.
    std::int32_t longest_phrase(std::span<const std::int32_t> ids) const noexcept;

private:
    void read_phrases();

    Spec spec_;
    PhraseTable trie_;  // nodes beyond the vocabulary are numbered as they come
    std::vector<std::int32_t> code_of_node_;
};

}  // namespace tokmill::condensed
