// Special tokens: what they are, and how they are found in text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tokmill::vocab {

struct SpecialToken {
    enum class Kind : std::uint8_t {
        control,  // text, unless the caller lets it in; left out of decoded text on request
        added,    // part of the vocabulary that is found before pretokens are: always looked for
        name,     // what an id is called that no text becomes: never looked for
    };
    std::string text;
    std::uint32_t id;
    Kind kind = Kind::control;
};

// Finds special tokens in text: leftmost first, the longest at a place.
class SpecialMatcher {
public:
    SpecialMatcher() = default;  // matches nothing
    explicit SpecialMatcher(std::span<const SpecialToken> tokens);

    struct Match {
        std::size_t begin;       // byte position
        std::size_t byte_count;  // 0: no match
        std::uint32_t id;
        bool control;  // of Kind::control
    };
    // The first match that begins in text[from, size); without one, `begin` is `size`. A text in which no special token
    // starts costs about a memchr; no text costs more than max_token_bytes() steps a byte.
    Match find(const std::uint8_t* text, std::size_t size, std::size_t from) const noexcept;

    // May a token of the other matcher begin inside of one of these tokens, given as they were to the constructor?
    // Where none may in either order, looking for both at once finds what looking for one after the other does.
    bool may_begin_inside(std::span<const SpecialToken> tokens) const noexcept;

    bool empty() const noexcept { return max_token_bytes_ == 0; }
    std::size_t max_token_bytes() const noexcept { return max_token_bytes_; }

private:
    // A node of the tree of all tokens, byte by byte; its children's bytes and numbers lie side by side, in rising order.
    struct Node {
        std::uint32_t id = 0;
        std::uint32_t first_child = 0;
        std::uint16_t child_count = 0;
        bool ends_token = false;
        bool control = false;
    };
    // The first two bytes of a token.
    struct Head {
        std::uint8_t first = 0;
        std::uint8_t second = 0;
    };
    static constexpr std::size_t kMaxHeads = 4;  // with more, a vector loop over all heads is slower than a byte loop

    void grow_tree(std::span<const SpecialToken* const> sorted);
    Match longest_at(const std::uint8_t* text, std::size_t size, std::size_t position) const noexcept;
    std::size_t next_candidate(const std::uint8_t* text, std::size_t size, std::size_t from) const noexcept;

    std::vector<Node> nodes_;                // 0 is the root
    std::vector<std::uint8_t> child_bytes_;  // child k of node n: entry n.first_child + k
    std::vector<std::uint32_t> child_nodes_;
    std::array<bool, 256> starts_{};       // bytes that a token begins with
    std::array<Head, kMaxHeads> heads_{};  // all of them, if there are that few and no token is a single byte
    std::size_t head_count_ = 0;           // 0: look at starts_
    std::size_t max_token_bytes_ = 0;
};

}  // namespace tokmill::vocab
