// The door of the room: files of vocabularies in, a vocab::Spec out, which vocab::Vocabulary::build then checks.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "formats/tokenizer_json.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::formats {

// A tiktoken rank file: a line a token, its bytes in base64, a space, its rank, which is also its id. Lines may come in
// any order and end in LF or CR LF; empty ones are passed over. Error(vocabulary) with the line number. Name, pattern and
// special tokens are not in the file: the caller fills them in.
vocab::Spec read_tiktoken_ranks(std::span<const std::uint8_t> file);

// The reverse, in rank order.
std::string write_tiktoken_ranks(const vocab::Vocabulary& vocabulary);

// The compact form of the embedded vocabulary: u32 number of merges, then for each u16 left, u16 right, all little-endian.
// Symbols 0-255 are the bytes by value, 256 + i is merge i; ids are symbols. Error(vocabulary) with the byte position.
vocab::Spec read_merge_list(std::span<const std::uint8_t> file);

}  // namespace tokmill::formats
