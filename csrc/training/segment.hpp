// Words merged by a vocabulary that there is already: what training goes on from, and what a report counts.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vocab/vocab.hpp"

namespace tokmill::training {

class Segmenter {
public:
    // With `whole_words` a word that is a token is that token, whatever its bytes merge into (as in tiktoken, and with ignore_merges in a
    // tokenizer.json). Both have to outlive the segmenter.
    Segmenter(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges, bool whole_words)
        : vocabulary_(vocabulary), merges_(merges), whole_words_(whole_words && !merges.unreachable().empty()) {}

    // The symbols of a word, valid until the next call. Bytes that are no token are left out.
    std::span<const vocab::Symbol> segment(std::string_view word);

private:
    const vocab::Vocabulary& vocabulary_;
    const vocab::Merges& merges_;
    bool whole_words_;
    vocab::TreeMerger merger_;
    std::vector<vocab::Symbol> symbols_;
};

}  // namespace tokmill::training
