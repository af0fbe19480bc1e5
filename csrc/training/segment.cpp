// From a word to the symbols that the merges of a vocabulary leave of it; short words by the plain loop, long ones by the tree.
#include "training/segment.hpp"

#include <optional>

namespace tokmill::training {

std::span<const vocab::Symbol> Segmenter::segment(std::string_view word) {
    symbols_.clear();
    if (whole_words_) {
        if (const std::optional<vocab::Symbol> whole = vocabulary_.find(word)) {
            symbols_.push_back(*whole);
            return symbols_;
        }
    }
    for (const char byte : word) {
        const vocab::Symbol symbol = vocabulary_.symbol_of_byte()[static_cast<std::uint8_t>(byte)];
        if (symbol != vocab::kNoSymbol) symbols_.push_back(symbol);
    }
    const auto pairs = [this](vocab::Symbol left, vocab::Symbol right) { return merges_.merged(left, right); };
    std::size_t left = symbols_.size();
    if (left <= vocab::kMaxPlainMerge) {
        vocab::Symbol ranks[vocab::kMaxPlainMerge];
        for (std::size_t i = 0; i + 1 < left; ++i) ranks[i] = pairs(symbols_[i], symbols_[i + 1]);
        left = vocab::merge_plain(pairs, symbols_.data(), ranks, static_cast<std::uint32_t>(left));
    } else {
        left = merger_.merge(pairs, symbols_.data(), left, [] {});
    }
    symbols_.resize(left);
    return symbols_;
}

}  // namespace tokmill::training
