// Decoding by the steps of a tokenizer.json, for decoders that are more than ByteLevel: the strings of all tokens go through one
// step after the other, as in tokenizers. In: ids. Out: text, at most 64 times as long as the tokens and 1 MiB (else a few Replace steps
// would make any number of bytes of a short text). Slower than a DecodeTable by far; few files need it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/memory.hpp"
#include "formats/formats.hpp"
#include "tokens/decode.hpp"
#include "tokens/preprocessing.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

// The string of a token as its file spells it: bytes in the byte-level alphabet, with the prefix or suffix of words.
std::string spelling(const vocab::Vocabulary& vocabulary, const formats::Components& components, vocab::Symbol symbol);

class DecodeChain {
public:
    // Does decoding by these steps give the bytes of all tokens, one behind the other?
    static bool is_byte_level(const formats::Components& components) noexcept;

    DecodeChain(const vocab::Vocabulary& vocabulary, const Preprocessing& preprocessing);

    // As DecodeTable::decode(); besides Error(value) if the steps make too much of the tokens.
    template <class Id>
    std::size_t decode(const Id* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens, Buffer<std::uint8_t>& out,
                       std::size_t size, Cancel* cancel) const;

private:
    struct Step {
        formats::DecoderStep::Kind kind;
        std::string suffix, content;
        std::size_t strip_start, strip_stop;
        const pretokens::engine::Program* program;  // of replace; the preprocessing's
    };
    struct Token {
        std::string text;
        bool known = false;
        bool control = false;
    };

    static void run(const Step& step, std::vector<std::string>& tokens, std::size_t most_bytes);

    std::vector<Token> tokens_;  // by id
    std::vector<Step> steps_;
    bool joins_with_blanks_;
};

}  // namespace tokmill::tokens
