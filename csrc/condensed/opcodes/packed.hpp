// Records as bytes, for shards on disk: small, and readable from any RESET on. A block is what lies between two RESETs of a document (the
// RESET that ends it included); it needs nothing of the others.
//
// A record is one byte and what follows it. Numbers that follow are in groups of 7 bits, the lowest first, the high bit for "more".
//
//     0xxxxxxx  LIT of x + 1; x = 127: of 128 + the number that follows. Then its literals
//     10xxxxxx  COPY of x + 2; x = 63: of 65 + the number that follows. Then the offset - 1
//     11000xxx  x = 0 COPY of 1 (offset - 1), 1 HYPER (phrase), 2 DEF (slot, n), 3 USE (slot), 4 ENTER (domain), 5 LEAVE (domain),
//               6 RESET, 7 EOD
//
// Literals are their ranks in a table of ids by falling frequency, which the file holds:
//
//     0 to 191          rank 0 to 191
//     192 to 254, then y   rank 192 + 256 * (x - 192) + y
//     255, then 3 bytes    any other, little-endian
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cancel.hpp"
#include "condensed/opcodes/documents.hpp"

namespace tokmill::condensed {

struct PackedOpcodes {
    std::vector<std::uint8_t> bytes;
    std::vector<std::int32_t> ids_by_rank;
    std::vector<std::int64_t> byte_offsets;      // of blocks, one more at the end
    std::vector<std::int64_t> base_offsets;      // base ids before each block, one more at the end
    std::vector<std::int64_t> document_offsets;  // the first block of each document, one more at the end
};

// The records of whole documents that expand() takes. Error(stream) with the index of a record that has no spelling.
PackedOpcodes pack(const OpcodeRules& rules, const RecordsView& view, std::span<const std::int64_t> offsets, Cancel& cancel);

// The records of blocks: ends are those of blocks. `byte_offsets` rise, within `bytes`. Error(stream) with the place of a byte that cannot
// be; what records mean is not looked at, expand() does.
OpcodeDocuments unpack(const OpcodeRules& rules, std::span<const std::uint8_t> bytes, std::span<const std::int64_t> byte_offsets,
                       std::span<const std::int32_t> ids_by_rank, Cancel& cancel);

}  // namespace tokmill::condensed
