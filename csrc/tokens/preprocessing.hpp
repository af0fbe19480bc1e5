// What a tokenizer.json puts around the vocabulary, made ready for use: the normalizer, how text is cut into pretokens, and what becomes
// of bytes that are no tokens. Immutable.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/formats.hpp"
#include "normalized/normalized.hpp"
#include "pretokens/pretokens.hpp"
#include "tokens/byte_set.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::tokens {

class Preprocessing {
public:
    // Error(unsupported) naming the component that cannot be done, Error(pattern) for a regex that cannot.
    Preprocessing(formats::Components components, const vocab::Vocabulary& vocabulary, const vocab::Merges& merges);

    const formats::Components& components() const noexcept { return components_; }
    const normalized::Normalizer& normalizer() const noexcept { return normalizer_; }

    // Text between added tokens is cut by a scanner, as it stands and into nothing but its bytes: the core's plain path.
    bool is_plain() const noexcept {
        return scans() && normalizer_.is_identity() && !adds_space_ && !changes_bytes_ && steps_behind_.empty();
    }
    // Is every byte of a text in one of its pretokens, and nothing else in any, if the normalizer leaves it as it is and its bytes all have
    // tokens?
    bool keeps_all() const noexcept { return !adds_space_ && !is_marked() && !removes_; }
    // Does a text become what its stretches become, if these are cut at documents::Cuts for the scanner behind ASCII letters? So it is
    // where each step of the normalizer looks at a character and the marks on it, for neither letter, space nor line end has any.
    bool is_local() const noexcept { return scans() && is_local_ && !adds_space_; }
    // What a scanner does all of the cutting up to ByteLevel by: a known pattern, or else one program whose matches and gaps are all
    // pretokens, a Split's own or one composed of several steps. Neither if there is none. Text that holds a byte without a token takes
    // the steps all the same.
    const std::optional<pretokens::Pattern>& pattern() const noexcept { return pattern_; }
    const pretokens::engine::Program* program() const noexcept { return is_one_split_ ? &steps_.front().program : nullptr; }
    bool scans() const noexcept { return pattern_ || is_one_split_; }

    // The steps before ByteLevel and its regex; those behind it see bytes in the byte-level alphabet.
    std::span<const pretokens::engine::SplitStep> steps() const noexcept { return steps_; }
    // ByteLevel's regex where it has to be done on its own, since ByteLevel puts a space before each piece.
    std::span<const pretokens::engine::SplitStep> byte_level_step() const noexcept { return byte_level_step_; }
    std::span<const pretokens::engine::SplitStep> steps_behind() const noexcept { return steps_behind_; }
    // A piece that holds no such byte comes through them as it is.
    const ByteSet& matters_behind() const noexcept { return matters_behind_; }
    bool adds_space() const noexcept { return adds_space_; }

    // Of each Replace of the decoder, in their order.
    const std::vector<pretokens::engine::Program>& decoder_programs() const noexcept { return decoder_programs_; }

    // Words: marks around them, and bytes that are left out or stand for the unknown token.
    enum class ByteUse : std::uint8_t { keep, drop, unknown };
    bool changes_bytes() const noexcept { return changes_bytes_; }
    bool marks_begin() const noexcept { return !components_.word_prefix.empty(); }
    bool marks_end() const noexcept { return !components_.word_suffix.empty(); }
    bool is_marked() const noexcept { return marks_begin() || marks_end(); }
    // Does a text hold bytes that have no token?
    bool misses(std::string_view text) const noexcept { return !missing_bytes_.empty() && missing_.find(text, 0) != text.size(); }
    ByteUse use_inside(std::uint8_t byte) const noexcept { return inside_[byte]; }
    ByteUse use_at_mark(std::uint8_t byte) const noexcept { return at_mark_[byte]; }
    // Bytes of valid UTF-8 that have no token.
    const std::vector<std::uint8_t>& missing_bytes() const noexcept { return missing_bytes_; }

private:
    void make_normalizer();
    void make_steps();
    void make_decoder();
    bool compose_steps();
    void judge_bytes(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges);

    formats::Components components_;
    normalized::Normalizer normalizer_;
    std::optional<pretokens::Pattern> pattern_;
    std::vector<pretokens::engine::SplitStep> steps_, byte_level_step_, steps_behind_;
    std::vector<pretokens::engine::Program> decoder_programs_;
    bool is_one_split_ = false;
    bool is_local_ = true;  // the normalizer
    bool adds_space_ = false;
    bool removes_ = false;  // a step drops what it finds, or what it does not find
    bool changes_bytes_ = false;
    std::array<ByteUse, 256> inside_{};
    std::array<ByteUse, 256> at_mark_{};
    std::vector<std::uint8_t> missing_bytes_;
    ByteSet missing_, matters_behind_;
};

}  // namespace tokmill::tokens
