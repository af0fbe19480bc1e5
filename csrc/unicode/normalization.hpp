// Normalisation forms. Valid UTF-8 comes in; out comes which stretches stay as they are, and for the others the characters
// of the normal form, each with the number of characters of the input that it stands for, so that a caller can tell which
// character came from where.
//
// Text is worked on in segments: a segment starts at a character that neither moves before nor joins what stands before
// it, whatever that is, so segments are normalised each for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/cancel.hpp"

namespace tokmill::unicode {

enum class Form : std::uint8_t { nfc, nfd, nfkc, nfkd };

// Whose data: Unicode 16.0.0, or the older ones inside tokenizers 0.23.3, which a tokenizer.json was made with.
enum class NormalizationData : std::uint8_t { unicode_16, tokenizers };

// Characters of the input are counted where they are used up, in order. A character of the output that uses up none was
// added behind the one before it: "é" is decomposed into e (1) and U+0301 (0), and both are composed into é (1 + 0); e and
// U+0301 that were two characters are composed into é (2).
struct NormalizedCharacter {
    std::uint32_t code_point;
    std::uint32_t consumed;
};

struct NormalizationTables;
class QuietCharacters;

class FormNormalizer {
public:
    FormNormalizer(Form form, NormalizationData data);

    // Where the first segment starts, at or after `from`, that may change; `size` if none. `from` starts a segment.
    std::size_t first_doubtful(const std::uint8_t* text, std::size_t size, std::size_t from, Cancel& cancel) const;
    // Where the segment that starts at `from` ends. `from` < `size`.
    std::size_t segment_end(const std::uint8_t* text, std::size_t size, std::size_t from, Cancel& cancel) const;
    // The characters of the segment in the normal form. Linear in its length.
    void normalize_segment(const std::uint8_t* text, std::size_t begin, std::size_t end, std::vector<NormalizedCharacter>& out,
                           Cancel& cancel) const;

private:
    std::size_t pass_quiet(const std::uint8_t* text, std::size_t end, std::size_t from) const noexcept;

    const NormalizationTables* tables_;
    const QuietCharacters* quiet_;
    bool composes_;
    bool compatible_;
    std::uint8_t doubtful_;  // flags of characters that may not stand in the normal form
    std::uint8_t joins_;     // flag of characters that start no segment
};

}  // namespace tokmill::unicode
