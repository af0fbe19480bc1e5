// Vocabularies of superwords: tokens that go on across spaces (SuperBPE, arXiv 2503.13423), so that a pretoken is as long as a sentence and
// merging it whole is slow. In: a vocabulary and its merges. Out: the two levels in which the same ids come much faster, or nothing.
//
// The first level has all symbols below `first_end`; its merges run to their end before any other merges, so ordinary words, ordinary word
// tables and the ordinary encoder serve it. The second level merges what they give. Why that is exact, and what is checked for it:
// DESIGN.md, "Superwords". Where a vocabulary breaks a condition, there are no levels and it is encoded as any other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tokens/kernels/superword_kernels.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

class Superwords {
public:
    // Null if no token goes on across a space, or two levels would not be exact or no help. The arguments have to outlive the result.
    static std::unique_ptr<const Superwords> find(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges);

    // The first level as a vocabulary of its own. What it is encoded into, by symbol, are measured tokens of the second level.
    const vocab::Vocabulary& first_vocabulary() const noexcept { return first_vocabulary_; }
    const vocab::Merges& first_merges() const noexcept { return first_merges_; }
    std::span<const std::uint32_t> measured_tokens() const noexcept { return measured_tokens_; }
    const vocab::Vocabulary& vocabulary() const noexcept { return vocabulary_; }
    const SymbolIds& symbol_ids() const noexcept { return symbol_ids_; }

    // The symbols of the second level are those of the vocabulary, but its first level's are exchanged among themselves where that makes
    // the ids of all a constant away from them (single bytes come first in either order, in files not in the order of the bytes).
    const vocab::Merges& second_merges() const noexcept { return second_merges_; }

    const WordCuts& word_cuts() const noexcept { return word_cuts_; }
    const JoinTables& join_tables() const noexcept { return join_tables_; }

private:
    Superwords(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, const std::vector<vocab::Symbol>& exchanged,
               vocab::Vocabulary first_vocabulary, const WordCuts& word_cuts);
    void note_lengths(const std::vector<vocab::Symbol>& exchanged);
    void note_neighbours();

    const vocab::Vocabulary& vocabulary_;
    const vocab::Vocabulary first_vocabulary_;
    const vocab::Merges first_merges_;
    const vocab::Merges second_merges_;  // those of the second level alone: 256 KiB stay in the cache, 2 MiB did not
    SymbolIds symbol_ids_;
    const WordCuts word_cuts_;
    std::vector<std::uint32_t> measured_tokens_;
    std::vector<std::uint16_t> byte_lengths_;  // by symbol of the second level
    std::vector<std::uint32_t> neighbours_;    // see JoinTables
    JoinTables join_tables_;
};

}  // namespace tokmill::tokens
