// The inner loop, one a tier: ids of tokens in, the rows of every table out. The scalar kernel takes every plan; the others only
// those for which the quotients in floating point were proved when the plan was made.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.hpp"

namespace tokmill::ngrams {

inline constexpr std::size_t kMostOrder = 32;

enum class Combine : std::uint8_t { add, exclusive_or };

// One mix. With `continues` it starts from the value of the mix before it, times `scale`, else from zero; then come the
// tokens at distances [first, end), with the next end - first weights. So the orders of one hash share their work:
// XOR prefixes have scale 1; a polynomial whose oldest token has weight 1 is Horner's rule,
//   x0*P^3 + x1*P^2 + x2*P + x3  =  (x0*P^2 + x1*P + x2)*P + x3,    scale P, first 3, end 4, weight 1.
struct MixStep {
    std::uint64_t scale = 1;
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    std::uint32_t first_weight = 0;  // where its weights begin
    std::uint32_t table_begin = 0;   // tables that take the value
    std::uint32_t table_end = 0;
    bool continues = false;
};

// A plan as the kernels read it. All arrays have 8 readable elements behind their last.
struct Program {
    const MixStep* steps = nullptr;
    std::size_t step_count = 0;
    const std::uint64_t* weights = nullptr;
    std::size_t table_count = 0;
    std::size_t history = 0;  // the largest distance
    const std::uint64_t* moduli = nullptr;
    const std::uint64_t* reciprocals = nullptr;      // floor((2^64 - 1) / modulus)
    const std::uint64_t* word_remainders = nullptr;  // 2^64 mod modulus
    const double* inverses = nullptr;                // 1 / modulus, to the nearest
    const std::uint64_t* offsets = nullptr;
    const std::uint32_t* moduli_32 = nullptr;   // only if proved, as the next
    const std::uint32_t* offsets_32 = nullptr;  // of offsets that fit
    Combine combine = Combine::add;
    bool words_32 = false;         // values wrap around in 32 bits instead of 64
    bool may_be_negative = false;  // values, as signed words
    bool narrow = false;           // weights below 2^32, values below 2^52: nothing wraps around
    bool shared = false;           // most mixes serve several tables
};

// `count` tokens: the id at distance d of token t is ids[t + d * step]. In a text step is -1; where each token has a history
// of its own, the ids at one distance lie side by side. kIdSlack elements behind the last of each distance are readable.
struct Tokens {
    const std::uint32_t* ids = nullptr;
    std::ptrdiff_t step = -1;
    std::size_t count = 0;
};
inline constexpr std::size_t kIdSlack = 16;

// Where rows go: that of token t in table c to data[t * token_stride + c * table_stride]. One of the strides is 1.
template <class Row>
struct Rows {
    Row* data = nullptr;
    std::size_t token_stride = 0;
    std::size_t table_stride = 0;
    bool streams = false;  // the whole output is far larger than the caches: writing past them may pay
};

struct Kernels {
    void (*rows_32)(const Program& program, const Tokens& tokens, const Rows<std::int32_t>& rows);
    void (*rows_64)(const Program& program, const Tokens& tokens, const Rows<std::int64_t>& rows);
};

// `proved` as in Plan::proved().
const Kernels& kernels(cpu::Isa isa, bool proved);

namespace scalar { extern const Kernels kKernels; }
namespace haswell { extern const Kernels kKernels; }
namespace icelake { extern const Kernels kKernels; }

}  // namespace tokmill::ngrams
