// The inner loop of encoding, one a tier: pretokens of a chunk in, their ids out, those that the word table does not know
// noted for later.
#pragma once

#include <cstdint>

#include "cpu/isa.hpp"
#include "tokens/word_table.hpp"

namespace tokmill::tokens {

struct Miss {
    std::uint32_t start;          // first byte of the pretoken
    std::uint32_t length;         // in bytes
    std::uint32_t at;             // ids emitted before it
    std::uint32_t bucket_offset;  // of a word; the encoder keeps its place in another table here for a longer one
};

struct ProbeResult {
    std::uint32_t id_count;
    std::uint32_t miss_count;
};

// The pretokens are [starts[i], starts[i + 1]) for i < count; starts[count] and pretokens::kStartsReadAhead further elements are
// readable and not below starts[count] (they are hashed in vain, never looked up).
inline constexpr std::uint32_t kProbeBatch = 128;
// Bytes of text that are readable after the last pretoken.
inline constexpr std::uint32_t kProbeReadSlackBytes = 64;
// Elements after the ids that may be overwritten.
inline constexpr std::uint32_t kIdSlack = 16;

struct ProbeKernels {
    BucketOffset bucket_offset;
    // `nul` says that the text holds a NUL byte: words that end in one are then left to the misses.
    ProbeResult (*probe)(WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count, bool nul,
                         std::uint32_t* ids, Miss* misses);
    // The same without writing ids.
    ProbeResult (*probe_count)(WordTable& table, const std::uint8_t* text, const std::uint32_t* starts, std::uint32_t count, bool nul,
                               Miss* misses);
};

const ProbeKernels& probe_kernels(cpu::Isa isa);

namespace scalar {
extern const ProbeKernels kProbeKernels;
}
namespace haswell {
extern const ProbeKernels kProbeKernels;
}
namespace icelake {
extern const ProbeKernels kProbeKernels;
}

}  // namespace tokmill::tokens
