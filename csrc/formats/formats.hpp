// The door of the room: files of vocabularies in, a vocab::Spec out, which vocab::Vocabulary::build then checks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.hpp"
#include "formats/tokenizer_json.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::formats {

// A tiktoken rank file: a line a token, its bytes in base64, a space, its rank, which is also its id. Lines may come in
// any order and end in LF or CR LF; empty ones are passed over. Error(vocabulary) with the line number. Name, pattern and
// special tokens are not in the file: the caller fills them in.
vocab::Spec read_tiktoken_ranks(std::span<const std::uint8_t> file, Cancel& cancel);

// The reverse, in rank order.
std::string write_tiktoken_ranks(const vocab::Vocabulary& vocabulary);

// The compact form of the embedded vocabulary: its merges, and how their pairs are placed in their table (see merge_list.cpp). Symbols
// 0-255 are the bytes by value, 256 + i is merge i; ids are symbols. Error(vocabulary) with the byte position.
vocab::Spec read_merge_list(std::span<const std::uint8_t> file, Cancel& cancel);

// The reverse. Error(vocabulary) if the vocabulary is not of that form.
std::string write_merge_list(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges);

// The members "vocab" and "merges" of a BPE model of a tokenizer.json: ids in order, each with its name as JSON has it, those without an
// entry left out; merges by rank, as pairs of ids.
std::string write_bpe_members(std::span<const std::string> quoted, std::span<const std::uint8_t> has_entry,
                              std::span<const std::int32_t> lefts, std::span<const std::int32_t> rights);
// The name of a token of these bytes, as JSON has it.
std::string quoted_spelling(std::string_view bytes);

}  // namespace tokmill::formats
