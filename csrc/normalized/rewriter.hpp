// How one step writes: it goes through its input once and says of every stretch whether it stays, vanishes, or is replaced.
// Nothing is copied before something changes. The alignment is kept to the original text of all steps.
//
// tokenizers aligns by counting: a character of the output uses up so many characters of the input, in order, and has the
// span of the first; one that uses up none has that of the character used up last. That is done here too, with one more of
// its habits: characters that an earlier step put before everything have no place in the original, and all steps but Replace
// and Prepend begin to count behind them, so that those characters come out twice and the last find nothing left to use up,
// which is an error (tokenizers panics).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "normalized/normalized.hpp"

namespace tokmill::normalized {

class Rewriter {
public:
    struct Input {
        std::string_view text;
        const Alignment* alignment;  // to the original; null if the text is the original
        std::size_t rootless;        // bytes at its start that have no place in the original
    };

    // `alignment` is null if nobody asks for it.
    Rewriter(const Input& input, std::string& out, Alignment* alignment, std::size_t most_bytes, bool counts_all);

    // Text [begin, end) stays, or vanishes. `begin` is where the last call ended.
    void keep(std::size_t begin, std::size_t end);
    void drop(std::size_t begin, std::size_t end);
    // Each character of [begin, end) becomes one of the same length; `bytes` are those.
    void overwrite(std::size_t begin, std::size_t end, std::string_view bytes);
    // A character that uses up `consumed` characters of the input.
    void put(std::uint32_t code_point, std::size_t consumed);
    // Characters that have the place of the input's character at `place`, or none.
    static constexpr std::size_t kNowhere = SIZE_MAX;
    void put_at(std::string_view bytes, std::size_t place);

    bool changed() const noexcept { return started_; }
    std::size_t rootless() const noexcept { return started_ ? rootless_ : input_.rootless; }

private:
    void start();
    void append(std::string_view bytes);
    void align_same(std::size_t begin, std::size_t end);
    std::size_t after(std::size_t position) const noexcept {
        return position + unicode::utf8_length(static_cast<std::uint8_t>(input_.text[position]));
    }

    Input input_;
    std::string& out_;
    Alignment* alignment_;
    std::size_t most_bytes_;
    std::size_t read_ = 0;  // bytes of the input used up
    std::size_t run_ = 0;   // of the input's alignment, where the last answer was found
    std::size_t rootless_ = 0;
    bool started_ = false;
    bool shifted_ = false;  // counting began behind rootless characters
};

}  // namespace tokmill::normalized
