// The rows with AVX-512, eight tokens at a time in two steps: the values of all mixes, then the remainders. A remainder costs
// no division: with q the nearest whole number to value * (1 / p), value - q * p lies in (-p, p) (DESIGN.md has the proof),
// so its low 32 bits, of which nothing else is needed, are the remainder or the remainder less p, and the smaller of the two,
// unsigned, is it:
//   value 1,000,000, p 7:  q = 142,857, 1,000,000 - 999,999 = 1, min(1, 8) = 1
//   value 1,000,003, p 7:  q = 142,858, 1,000,003 - 1,000,006 = -3, that is 2^32 - 3; min(2^32 - 3, 4) = 4
#include "ngrams/kernels/kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "cpu/region.hpp"
#include "ngrams/kernels/rounding.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_ICELAKE)

namespace tokmill::ngrams::icelake {

namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kMostMixes = 256;

// Of eight tokens: each mix's value as a double, and its low 32 bits.
struct alignas(64) Mixed {
    double values[kMostMixes][kLanes];
    std::uint32_t low[kMostMixes][kLanes];
};

TOKMILL_ALWAYS_INLINE __m256i load_ids(const std::uint32_t* ids) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids)); }

// Hands the value of each mix, of eight tokens, to `take(mix's number, value as doubles, its low 32 bits)`.
template <bool kNarrow, bool kAdd>
struct Words64 {
    template <class Take>
    TOKMILL_ALWAYS_INLINE static void mix(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Take&& take) {
        __m512i value = _mm512_setzero_si512();
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const MixStep& mix = program.steps[m];
            const std::uint64_t* weight = program.weights + mix.first_weight;
            if (!mix.continues) {
                value = _mm512_setzero_si512();
            } else if (mix.scale != 1) {
                value = _mm512_mullo_epi64(value, _mm512_set1_epi64(static_cast<long long>(mix.scale)));
            }
            for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
                __m512i term = _mm512_cvtepu32_epi64(load_ids(ids + static_cast<std::ptrdiff_t>(d) * step));
                if (*weight != 1) {
                    const __m512i weights = _mm512_set1_epi64(static_cast<long long>(*weight));
                    term = kNarrow ? _mm512_mul_epu32(term, weights) : _mm512_mullo_epi64(term, weights);
                }
                value = kAdd ? _mm512_add_epi64(value, term) : _mm512_xor_si512(value, term);
            }
            take(m, _mm512_cvtepi64_pd(value), _mm512_cvtepi64_epi32(value));
        }
    }
};

template <bool kAdd>
struct Words32 {
    template <class Take>
    TOKMILL_ALWAYS_INLINE static void mix(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Take&& take) {
        __m256i value = _mm256_setzero_si256();
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const MixStep& mix = program.steps[m];
            const std::uint64_t* weight = program.weights + mix.first_weight;
            value = mix.continues ? _mm256_mullo_epi32(value, _mm256_set1_epi32(static_cast<int>(mix.scale))) : _mm256_setzero_si256();
            for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
                const __m256i id = load_ids(ids + static_cast<std::ptrdiff_t>(d) * step);
                const __m256i term = _mm256_mullo_epi32(id, _mm256_set1_epi32(static_cast<int>(*weight)));
                value = kAdd ? _mm256_add_epi32(value, term) : _mm256_xor_si256(value, term);
            }
            take(m, _mm512_cvtepi32_pd(value), value);
        }
    }
};

template <bool kSmallQuotients>
TOKMILL_ALWAYS_INLINE __m256i remainder(__m512d value, __m256i low, __m512d inverse, __m256i modulus) {
    const __m512d quotient = _mm512_mul_pd(value, inverse);
    const __m256i whole = kSmallQuotients ? _mm512_cvtpd_epi32(quotient) : _mm512_cvtepi64_epi32(_mm512_cvtpd_epi64(quotient));
    const __m256i rest = _mm256_sub_epi32(low, _mm256_mullo_epi32(whole, modulus));
    return _mm256_min_epu32(rest, _mm256_add_epi32(rest, modulus));
}

// Eight offsets to be added to rows of the type that is written.
TOKMILL_ALWAYS_INLINE __m256i load_offsets(const Program& program, std::size_t table, std::int32_t) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(program.offsets_32 + table));
}
TOKMILL_ALWAYS_INLINE __m512i load_offsets(const Program& program, std::size_t table, std::int64_t) {
    return _mm512_loadu_si512(program.offsets + table);
}
TOKMILL_ALWAYS_INLINE __m256i spread_offset(const Program& program, std::size_t table, std::int32_t) {
    return _mm256_set1_epi32(static_cast<int>(program.offsets_32[table]));
}
TOKMILL_ALWAYS_INLINE __m512i spread_offset(const Program& program, std::size_t table, std::int64_t) {
    return _mm512_set1_epi64(static_cast<long long>(program.offsets[table]));
}

template <bool kAll>
TOKMILL_ALWAYS_INLINE void store(std::int32_t* out, __m256i remainders, __m256i offsets, __mmask8 lanes) {
    const __m256i rows = _mm256_add_epi32(remainders, offsets);
    if constexpr (kAll) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), rows);
    } else {
        _mm256_mask_storeu_epi32(out, lanes, rows);
    }
}
template <bool kAll>
TOKMILL_ALWAYS_INLINE void store(std::int64_t* out, __m256i remainders, __m512i offsets, __mmask8 lanes) {
    const __m512i rows = _mm512_add_epi64(_mm512_cvtepu32_epi64(remainders), offsets);
    if constexpr (kAll) {
        _mm512_storeu_si512(out, rows);
    } else {
        _mm512_mask_storeu_epi64(out, lanes, rows);
    }
}

constexpr __mmask8 first_lanes(std::size_t count) { return static_cast<__mmask8>((1u << count) - 1); }

// Tables in the lanes: for mixes that serve several tables. Constants of eight tables are loaded once for eight tokens, whose
// values are then broadcast one by one.
template <bool kSmallQuotients, bool kAllTables, class Row>
TOKMILL_ALWAYS_INLINE void write_shared(const Program& program, const Mixed& mixed, std::size_t m, std::size_t table, __mmask8 lanes,
                                        Row* out, std::size_t token_stride, std::size_t tokens) {
    const __m512d inverse = _mm512_loadu_pd(program.inverses + table);
    const __m256i modulus = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(program.moduli_32 + table));
    const auto offsets = load_offsets(program, table, Row());
    const auto one = [&](std::size_t i) {
        const __m256i rest = remainder<kSmallQuotients>(_mm512_set1_pd(mixed.values[m][i]),
                                                        _mm256_set1_epi32(static_cast<int>(mixed.low[m][i])), inverse, modulus);
        store<kAllTables>(out + i * token_stride + table, rest, offsets, lanes);
    };
    if (tokens == kLanes) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kLanes; ++i) one(i);
    } else {
        for (std::size_t i = 0; i < tokens; ++i) one(i);
    }
}

template <class Words, bool kSmallQuotients, class Row>
void rows_shared(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    Mixed mixed;
    for (std::size_t t = 0; t < tokens.count; t += kLanes) {
        const std::size_t count = std::min(kLanes, tokens.count - t);
        Words::mix(program, tokens.ids + t, tokens.step, [&](std::size_t m, __m512d value, __m256i low) {
            _mm512_store_pd(mixed.values[m], value);
            _mm256_store_si256(reinterpret_cast<__m256i*>(mixed.low[m]), low);
        });
        Row* const out = rows.data + t * rows.token_stride;
        for (std::size_t m = 0; m < program.step_count; ++m) {
            std::size_t table = program.steps[m].table_begin;
            const std::size_t end = program.steps[m].table_end;
            for (; table + kLanes <= end; table += kLanes)
                write_shared<kSmallQuotients, true>(program, mixed, m, table, 0, out, rows.token_stride, count);
            if (table < end)
                write_shared<kSmallQuotients, false>(program, mixed, m, table, first_lanes(end - table), out, rows.token_stride, count);
        }
    }
}

TOKMILL_ALWAYS_INLINE __m512i token_pair(__m512i lanes) { return _mm512_shuffle_i32x4(lanes, lanes, 0xD8); }

// Eight tables' remainders of eight tokens -> eight tokens' remainders in eight tables.
TOKMILL_ALWAYS_INLINE void transpose(const std::uint32_t (*tables)[kLanes], __m512i* pairs) {
    const auto two = [&](std::size_t i) {  // table i below, table i + 4 above
        return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(tables[i]))),
                                  _mm256_load_si256(reinterpret_cast<const __m256i*>(tables[i + 4])), 1);
    };
    const __m512i a = two(0), b = two(1), c = two(2), d = two(3);
    const __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
    // Four lanes each: tables 0-3 of tokens i and i + 4, tables 4-7 of the same; brought together token by token.
    pairs[0] = token_pair(_mm512_unpacklo_epi64(ab_low, cd_low));
    pairs[1] = token_pair(_mm512_unpackhi_epi64(ab_low, cd_low));
    pairs[2] = token_pair(_mm512_unpacklo_epi64(ab_high, cd_high));
    pairs[3] = token_pair(_mm512_unpackhi_epi64(ab_high, cd_high));
}

template <bool kAll, class Row>
TOKMILL_ALWAYS_INLINE void write_transposed(const Program& program, const std::uint32_t (*remainders)[kLanes], std::size_t table,
                                            __mmask8 lanes, Row* out, std::size_t token_stride, std::size_t tokens) {
    __m512i pairs[4];
    transpose(remainders + table, pairs);
    const auto offsets = load_offsets(program, table, Row());
    for (std::size_t i = 0; i < 4; ++i) {
        if (i < tokens) store<kAll>(out + i * token_stride + table, _mm512_castsi512_si256(pairs[i]), offsets, lanes);
        if (i + 4 < tokens) store<kAll>(out + (i + 4) * token_stride + table, _mm512_extracti64x4_epi64(pairs[i], 1), offsets, lanes);
    }
}

// Tokens in the lanes; the rows of a table lie side by side.
template <class Words, bool kSmallQuotients, class Row>
void rows_by_table(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    for (std::size_t t = 0; t < tokens.count; t += kLanes) {
        const std::size_t count = std::min(kLanes, tokens.count - t);
        Words::mix(program, tokens.ids + t, tokens.step, [&](std::size_t m, __m512d value, __m256i low) {
            for (std::size_t c = program.steps[m].table_begin; c < program.steps[m].table_end; ++c) {
                const __m256i rest = remainder<kSmallQuotients>(value, low, _mm512_set1_pd(program.inverses[c]),
                                                                _mm256_set1_epi32(static_cast<int>(program.moduli_32[c])));
                Row* const out = rows.data + c * rows.table_stride + t;
                if (count == kLanes) {
                    store<true>(out, rest, spread_offset(program, c, Row()), 0);
                } else {
                    store<false>(out, rest, spread_offset(program, c, Row()), first_lanes(count));
                }
            }
        });
    }
}

// Tokens in the lanes; eight tables at a time are turned round, so that the rows of a token lie side by side.
template <class Words, bool kSmallQuotients, class Row>
void rows_by_token(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    alignas(64) std::uint32_t remainders[kMostMixes + kLanes][kLanes];
    for (std::size_t t = 0; t < tokens.count; t += kLanes) {
        const std::size_t count = std::min(kLanes, tokens.count - t);
        Words::mix(program, tokens.ids + t, tokens.step, [&](std::size_t m, __m512d value, __m256i low) {
            for (std::size_t c = program.steps[m].table_begin; c < program.steps[m].table_end; ++c) {
                const __m256i rest = remainder<kSmallQuotients>(value, low, _mm512_set1_pd(program.inverses[c]),
                                                                _mm256_set1_epi32(static_cast<int>(program.moduli_32[c])));
                _mm256_store_si256(reinterpret_cast<__m256i*>(remainders[c]), rest);
            }
        });
        Row* const out = rows.data + t * rows.token_stride;
        std::size_t table = 0;
        for (; table + kLanes <= program.table_count; table += kLanes)
            write_transposed<true>(program, remainders, table, 0, out, rows.token_stride, count);
        if (table < program.table_count)
            write_transposed<false>(program, remainders, table, first_lanes(program.table_count - table), out, rows.token_stride, count);
    }
}

template <class Words, bool kSmallQuotients, class Row>
void rows_with(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    if (rows.token_stride == 1) {
        rows_by_table<Words, kSmallQuotients>(program, tokens, rows);
    } else if (program.shared) {
        rows_shared<Words, kSmallQuotients>(program, tokens, rows);
    } else {
        rows_by_token<Words, kSmallQuotients>(program, tokens, rows);
    }
}

template <class Words, class Row>
void rows_of_words(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    program.small_quotients ? rows_with<Words, true>(program, tokens, rows) : rows_with<Words, false>(program, tokens, rows);
}

template <class Row>
void rows_of(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    const NearestRounding rounding;
    const bool add = program.combine == Combine::add;
    if (program.words_32) {
        add ? rows_of_words<Words32<true>>(program, tokens, rows) : rows_of_words<Words32<false>>(program, tokens, rows);
    } else if (program.narrow) {
        add ? rows_of_words<Words64<true, true>>(program, tokens, rows) : rows_of_words<Words64<true, false>>(program, tokens, rows);
    } else {
        add ? rows_of_words<Words64<false, true>>(program, tokens, rows) : rows_of_words<Words64<false, false>>(program, tokens, rows);
    }
}

}  // namespace

const Kernels kKernels{rows_of<std::int32_t>, rows_of<std::int64_t>};

}  // namespace tokmill::ngrams::icelake

TOKMILL_REGION_END

#endif
