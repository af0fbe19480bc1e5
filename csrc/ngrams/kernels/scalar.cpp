// The rows without vectors, for every plan: what the other tiers have to equal. Remainders come from an integer reciprocal.
// With K = floor((2^64 - 1) / p) and U any 64-bit number, q = high(U * K) is the quotient or one less, since
// U / p - U * K / 2^64 < 1; so U - q * p lies in [0, 2p) and the smaller of it and of it - p, unsigned, is the remainder.
// For a negative value, whose bits are U = value + 2^64, the remainder of 2^64 is taken off again:
//   value -5, p 7:   U = 2^64 - 5,   U mod 7 = 4,   2^64 mod 7 = 2,   4 - 2 = 2 = -5 mod 7.
#include "ngrams/kernels/kernels.hpp"

namespace tokmill::ngrams::scalar {

namespace {

template <bool kMayBeNegative, class Row>
inline void write_rows(const Program& program, const MixStep& step, std::uint64_t value, Row* out, std::size_t table_stride) {
    for (std::uint32_t c = step.table_begin; c < step.table_end; ++c) {
        const std::uint64_t modulus = program.moduli[c];
        const auto quotient = static_cast<std::uint64_t>((static_cast<unsigned __int128>(value) * program.reciprocals[c]) >> 64);
        std::uint64_t remainder = value - quotient * modulus;
        remainder = remainder < modulus ? remainder : remainder - modulus;
        if constexpr (kMayBeNegative) {
            const std::uint64_t taken = static_cast<std::int64_t>(value) < 0 ? program.word_remainders[c] : 0;
            remainder = remainder >= taken ? remainder - taken : remainder - taken + modulus;
        }
        out[c * table_stride] = static_cast<Row>(remainder + program.offsets[c]);
    }
}

template <bool kMayBeNegative, bool kAdd, class Row>
void run(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    for (std::size_t t = 0; t < tokens.count; ++t) {
        const std::uint32_t* const newest = tokens.ids + t;
        Row* const out = rows.data + t * rows.token_stride;
        std::uint64_t value = 0;
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const MixStep& step = program.steps[m];
            const std::uint64_t* weight = program.weights + step.first_weight;
            value = step.continues ? value * step.scale : 0;
            for (std::uint32_t d = step.first; d < step.end; ++d, ++weight) {
                const std::uint64_t term = newest[static_cast<std::ptrdiff_t>(d) * tokens.step] * *weight;
                value = kAdd ? value + term : value ^ term;
            }
            const std::uint64_t whole =
                program.words_32 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(value))) : value;
            write_rows<kMayBeNegative>(program, step, whole, out, rows.table_stride);
        }
    }
}

template <class Row>
void rows_of(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    const bool add = program.combine == Combine::add;
    if (program.may_be_negative) {
        add ? run<true, true>(program, tokens, rows) : run<true, false>(program, tokens, rows);
    } else {
        add ? run<false, true>(program, tokens, rows) : run<false, false>(program, tokens, rows);
    }
}

}  // namespace

const Kernels kKernels{rows_of<std::int32_t>, rows_of<std::int64_t>};

}  // namespace tokmill::ngrams::scalar
