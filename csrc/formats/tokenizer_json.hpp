// What a tokenizer.json says, checked and put into types: the vocabulary as a vocab::Spec, everything else as Components. The
// format is that of Hugging Face tokenizers 0.23.3; docs/tokenizer_json.md lists what of it is read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::formats {

// A token that is cut out of the text before anything else looks at it.
struct AddedToken {
    std::string content;
    std::uint32_t id = 0;
    bool special = false;      // left out by skip_special_tokens, text unless the caller parses special tokens
    bool normalized = false;   // looked for in the normalised text, else in the text as it came
    bool lstrip = false;       // takes the white space before it
    bool rstrip = false;       // takes the white space behind it
    bool single_word = false;  // only between characters that are no word characters
    // What the normalizer makes of the content of a normalised token, where that differs: tokenizers decodes the id to it. Filled in
    // when the components are put to use.
    std::string normalized_content;
};

// A needle: a string as it stands, or a regex.
struct Needle {
    std::string text;
    bool is_regex = false;
};

struct NormalizerStep {
    enum class Kind : std::uint8_t { nfc, nfd, nfkc, nfkd, lowercase, strip_accents, strip, replace, prepend };
    Kind kind{};
    Needle needle;            // replace
    std::string content;      // replace, prepend
    bool strip_left = false;  // strip
    bool strip_right = false;
};

// What becomes of the matches that a split finds.
enum class SplitBehavior : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct PretokenStep {
    enum class Kind : std::uint8_t { byte_level, split, digits, punctuation, whitespace, whitespace_split };
    Kind kind{};
    bool add_prefix_space = false;                     // byte_level
    bool use_regex = true;                             // byte_level
    Needle needle;                                     // split
    SplitBehavior behavior = SplitBehavior::isolated;  // split, punctuation
    bool invert = false;                               // split
    bool individual_digits = false;
};

// The ids that a post-processor puts around one text, or two.
struct Frame {
    std::vector<std::uint32_t> before, between, after;
    bool second_first = false;  // of two texts
};

// What a post-processor does to the spans of tokens that are there already: white space at their ends is not of them.
struct Trim {
    bool add_prefix_space = false;  // the first blank at the begin of a text was put there: nothing of the text to take off
    bool behind_frame = false;      // the frame is around the text by then, so its first token is not the first of all
};

struct DecoderStep {
    enum class Kind : std::uint8_t { byte_level, bpe, fuse, replace, strip };
    Kind kind{};
    std::string suffix;   // bpe
    Needle needle;        // replace
    std::string content;  // replace, strip
    std::size_t strip_start = 0, strip_stop = 0;
};

struct Components {
    std::vector<AddedToken> added_tokens;  // in the order of the file
    std::vector<NormalizerStep> normalizer;
    std::vector<PretokenStep> pretokens;
    Frame single, pair;
    std::vector<Trim> trims;  // in the order in which they are done
    std::vector<DecoderStep> decoder;
    bool has_decoder = false;  // without one, decoded tokens are joined by spaces

    // Of the model.
    std::optional<std::string> unknown_token;
    bool fuse_unknown = false;
    bool ignore_merges = false;  // a pretoken that is a token is that token, whatever its bytes merge into
    std::string word_prefix;     // continuing_subword_prefix: what all symbols of a word but the first begin with
    std::string word_suffix;     // end_of_word_suffix: what the last symbol of a word ends with

    // Of the caller: text with a byte that is no token is an error instead of losing the byte.
    bool refuses_missing_bytes = false;

    // All of the above, truncation and padding (which are shown, never applied) as compact JSON that read_components() reads.
    std::string json;
};

struct TokenizerJson {
    vocab::Spec spec;  // its specials are the added tokens, and tokens that no text can become
    Components components;
};

// Words of a vocabulary with a word suffix end in this byte, which is in no UTF-8, and those of one with a word prefix begin with it: so
// suffix and prefix become merges like any other (see bpe_model.cpp).
inline constexpr std::uint8_t kWordMark = 0xFF;
// Stands for bytes that are no token, in vocabularies with a token for unknown ones.
inline constexpr std::uint8_t kUnknownByte = 0xFD;

// The alphabet in which byte-level files spell bytes: printable Latin-1 characters stand for themselves, the other bytes
// for U+0100 and on. Appends the bytes of a text in that alphabet; false (and nothing is appended) if it holds another character.
bool append_byte_level(std::string_view text, std::string& bytes);
// The reverse.
void append_spelling(std::string_view bytes, std::string& text);

// Error(vocabulary) with the byte position for what breaks a rule of JSON or of the format, Error(unsupported) naming the component for
// what is not done exactly.
TokenizerJson read_tokenizer_json(std::span<const std::uint8_t> file, bool refuses_missing_bytes, Cancel& cancel);
Components read_components(std::string_view json);

}  // namespace tokmill::formats
