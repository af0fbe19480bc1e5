// Which neighbours some token of a vocabulary may join: token bytes in, tables for the kernels out.
//
// Merging across a border between two characters makes a token that has the border inside. Where no token has one
// inside at these neighbours, both sides merge independently, and their tokens stand side by side. So the border may be
// cut, and text without spaces falls into short parts that repeat. The tables may err towards "joined" (a cut is lost),
// never towards "apart". Tokens that begin or end inside a character stand for every character they could be part of.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/sections.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::pretokens {

class SafeCuts {
public:
    SafeCuts() : flags_(0x10000, 0) {}  // no flags, no pairs, no bits
    static SafeCuts build(const vocab::Vocabulary& vocabulary);

    void save(SectionWriter& out) const;
    static SafeCuts map(const SectionReader& in);  // Error(snapshot) if the sizes are not what the kernels rely on

    // BmpFlags above kBmpClass of U+0000-FFFF.
    const std::vector<std::uint8_t>& flags() const noexcept { return flags_; }
    // A hashed set of pairs of neighbours of equal length (2 or 3 bytes): 2^bit_count() bits.
    const std::vector<std::uint32_t>& joined() const noexcept { return joined_; }
    std::uint32_t bit_count() const noexcept { return bit_count_; }

private:
    void add_token(std::string_view token);
    void join_pair(std::string_view left, std::string_view right, std::size_t char_bytes);
    void flag_beginnings(std::string_view beginning, std::uint8_t flag);
    void flag_endings(std::string_view ending, std::uint8_t flag);
    void shrink();

    std::vector<std::uint8_t> flags_;
    std::vector<std::uint32_t> joined_;
    std::vector<std::uint8_t> lists_done_;  // while building: which flags a whole list of characters has got already
    std::uint32_t bit_count_ = 0;
};

}  // namespace tokmill::pretokens
