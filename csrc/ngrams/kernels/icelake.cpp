// The rows with AVX-512, sixteen tokens at a time: each mix's values in two vectors, then the remainders. A remainder costs no
// division: with q the nearest whole number to value * (1 / p), value - q * p lies in (-p, p) (DESIGN.md has the proof),
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

constexpr std::size_t kLanes = 8;    // of a vector
constexpr std::size_t kTokens = 16;  // of a step: half the broadcasts and loops that eight would need
constexpr std::size_t kMostMixes = 256;

// The value of a mix for sixteen tokens: as doubles, and its low 32 bits.
struct Value {
    __m512d doubles[2];
    __m256i low[2];
};

TOKMILL_ALWAYS_INLINE __m256i load_ids(const std::uint32_t* ids) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids)); }

// How values are made: in words of 64 bits that wrap around (kNarrow: that cannot, of weights below 2^32), or of 32. mix()
// hands the value of each mix to `take(mix's number, value)`.
template <bool kNarrow, bool kAdd>
struct Words64 {
    template <class Take>
    TOKMILL_ALWAYS_INLINE static void mix(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Take&& take) {
        // Without chains every mix reads the ids again: then they are widened once.
        alignas(64) std::uint64_t widened[kNarrow ? kMostOrder : 1][kTokens];
        const auto widen = [&](std::uint32_t d, std::size_t half) {
            return _mm512_cvtepu32_epi64(load_ids(ids + static_cast<std::ptrdiff_t>(d) * step + half * kLanes));
        };
        if constexpr (kNarrow)
            for (std::uint32_t d = 0; d <= program.history; ++d)
                for (std::size_t half = 0; half < 2; ++half) _mm512_store_si512(&widened[d][half * kLanes], widen(d, half));
        __m512i words[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const MixStep& mix = program.steps[m];
            const std::uint64_t* weight = program.weights + mix.first_weight;
            if (!mix.continues) {
                words[0] = words[1] = _mm512_setzero_si512();
            } else if (mix.scale != 1) {
                const __m512i scale = _mm512_set1_epi64(static_cast<long long>(mix.scale));
                for (__m512i& word : words) word = _mm512_mullo_epi64(word, scale);
            }
            for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
                const bool times = *weight != 1;
                const __m512i weights = _mm512_set1_epi64(static_cast<long long>(*weight));
                for (std::size_t half = 0; half < 2; ++half) {
                    __m512i term = kNarrow ? _mm512_load_si512(&widened[d][half * kLanes]) : widen(d, half);
                    if (times) term = kNarrow ? _mm512_mul_epu32(term, weights) : _mm512_mullo_epi64(term, weights);
                    words[half] = kAdd ? _mm512_add_epi64(words[half], term) : _mm512_xor_si512(words[half], term);
                }
            }
            take(m, Value{{_mm512_cvtepi64_pd(words[0]), _mm512_cvtepi64_pd(words[1])},
                          {_mm512_cvtepi64_epi32(words[0]), _mm512_cvtepi64_epi32(words[1])}});
        }
    }
};

template <bool kAdd>
struct Words32 {
    template <class Take>
    TOKMILL_ALWAYS_INLINE static void mix(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Take&& take) {
        __m256i words[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const MixStep& mix = program.steps[m];
            const std::uint64_t* weight = program.weights + mix.first_weight;
            const __m256i scale = _mm256_set1_epi32(mix.continues ? static_cast<int>(mix.scale) : 0);
            for (__m256i& word : words) word = _mm256_mullo_epi32(word, scale);
            for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
                const __m256i weights = _mm256_set1_epi32(static_cast<int>(*weight));
                for (std::size_t half = 0; half < 2; ++half) {
                    const __m256i id = load_ids(ids + static_cast<std::ptrdiff_t>(d) * step + half * kLanes);
                    const __m256i term = _mm256_mullo_epi32(id, weights);
                    words[half] = kAdd ? _mm256_add_epi32(words[half], term) : _mm256_xor_si256(words[half], term);
                }
            }
            take(m, Value{{_mm512_cvtepi32_pd(words[0]), _mm512_cvtepi32_pd(words[1])}, {words[0], words[1]}});
        }
    }
};

// A double of 1.5 * 2^52 has steps of 1: to add it rounds to a whole number, whose low 32 bits are then those of the double,
// for negative ones too. One instruction multiplies, adds and rounds once.
TOKMILL_ALWAYS_INLINE __m256i remainder(__m512d value, __m256i low, __m512d inverse, __m256i modulus) {
    const __m512d quotient = _mm512_fmadd_pd(value, inverse, _mm512_set1_pd(1.5 * 4503599627370496.0));
    const __m256i whole = _mm512_cvtepi64_epi32(_mm512_castpd_si512(quotient));
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

// Past the caches, for whole lines of an output far larger than they are: a line is then not read before it is written, which
// took a quarter of the time of 24 int64 rows a token (114 -> 141 million tokens/s, 146 being the limit of writing).
TOKMILL_ALWAYS_INLINE void stream(std::int64_t* out, __m256i remainders, __m512i offsets) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(out), _mm512_add_epi64(_mm512_cvtepu32_epi64(remainders), offsets));
}
template <class Row>
bool may_stream(const Rows<Row>& rows, const Row* at) {
    return sizeof(Row) == 8 && rows.streams && reinterpret_cast<std::uintptr_t>(at) % 64 == 0 && rows.token_stride % kLanes == 0;
}

// Sixteen tokens' values of every mix.
struct alignas(64) Mixed {
    double doubles[kMostMixes][kTokens];
    std::uint32_t low[kMostMixes][kTokens];
};

// Tables in the lanes: for mixes that serve several tables. Constants of eight tables are loaded once for sixteen tokens, whose
// values are then broadcast one by one.
template <bool kAllTables, class Row>
TOKMILL_ALWAYS_INLINE void write_shared(const Program& program, const Mixed& mixed, std::size_t m, std::size_t table, __mmask8 lanes,
                                        Row* out, const Rows<Row>& rows, std::size_t tokens) {
    const std::size_t token_stride = rows.token_stride;
    const __m512d inverse = _mm512_loadu_pd(program.inverses + table);
    const __m256i modulus = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(program.moduli_32 + table));
    const auto offsets = load_offsets(program, table, Row());
    const auto rest_of = [&](std::size_t i) {
        return remainder(_mm512_set1_pd(mixed.doubles[m][i]), _mm256_set1_epi32(static_cast<int>(mixed.low[m][i])), inverse, modulus);
    };
    const auto one = [&](std::size_t i) { store<kAllTables>(out + i * token_stride + table, rest_of(i), offsets, lanes); };
    if constexpr (sizeof(Row) == 8 && kAllTables) {
        if (may_stream(rows, out + table)) {
            for (std::size_t i = 0; i < tokens; ++i) stream(out + i * token_stride + table, rest_of(i), offsets);
            return;
        }
    }
    if (tokens == kTokens) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kTokens; ++i) one(i);
    } else {
        for (std::size_t i = 0; i < tokens; ++i) one(i);
    }
}

template <class Words, class Row>
void rows_shared(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    Mixed mixed;
    for (std::size_t t = 0; t < tokens.count; t += kTokens) {
        const std::size_t count = std::min(kTokens, tokens.count - t);
        Words::mix(program, tokens.ids + t, tokens.step, [&](std::size_t m, const Value& value) {
            for (std::size_t half = 0; half < 2; ++half) {
                _mm512_store_pd(mixed.doubles[m] + half * kLanes, value.doubles[half]);
                _mm256_store_si256(reinterpret_cast<__m256i*>(mixed.low[m] + half * kLanes), value.low[half]);
            }
        });
        Row* const out = rows.data + t * rows.token_stride;
        for (std::size_t m = 0; m < program.step_count; ++m) {
            std::size_t table = program.steps[m].table_begin;
            const std::size_t end = program.steps[m].table_end;
            for (; table + kLanes <= end; table += kLanes) write_shared<true>(program, mixed, m, table, 0, out, rows, count);
            if (table < end) write_shared<false>(program, mixed, m, table, first_lanes(end - table), out, rows, count);
        }
    }
    if (rows.streams) _mm_sfence();
}

// Tokens in the lanes: the remainders of all tables, table by table, to `take(table, half, remainders)`.
template <class Words, class Take>
TOKMILL_ALWAYS_INLINE void remainders_of(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Take&& take) {
    Words::mix(program, ids, step, [&](std::size_t m, const Value& value) {
        for (std::size_t c = program.steps[m].table_begin; c < program.steps[m].table_end; ++c) {
            const __m512d inverse = _mm512_set1_pd(program.inverses[c]);
            const __m256i modulus = _mm256_set1_epi32(static_cast<int>(program.moduli_32[c]));
            for (std::size_t half = 0; half < 2; ++half) take(c, half, remainder(value.doubles[half], value.low[half], inverse, modulus));
        }
    });
}

// The rows of a table lie side by side.
template <class Words, class Row>
void rows_by_table(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    std::size_t t = 0;
    for (; t + kTokens <= tokens.count; t += kTokens)
        remainders_of<Words>(program, tokens.ids + t, tokens.step, [&](std::size_t c, std::size_t half, __m256i rest) {
            store<true>(rows.data + c * rows.table_stride + t + half * kLanes, rest, spread_offset(program, c, Row()), 0);
        });
    const std::size_t left = tokens.count - t;
    if (left == 0) return;
    const __mmask8 lanes[2] = {first_lanes(std::min(left, kLanes)), first_lanes(left - std::min(left, kLanes))};
    remainders_of<Words>(program, tokens.ids + t, tokens.step, [&](std::size_t c, std::size_t half, __m256i rest) {
        store<false>(rows.data + c * rows.table_stride + t + half * kLanes, rest, spread_offset(program, c, Row()), lanes[half]);
    });
}

TOKMILL_ALWAYS_INLINE __m512i token_pair(__m512i lanes) { return _mm512_shuffle_i32x4(lanes, lanes, 0xD8); }

// Eight tables' remainders of eight tokens -> eight tokens' remainders in eight tables.
TOKMILL_ALWAYS_INLINE void transpose(const std::uint32_t (*tables)[kTokens], std::size_t half, __m512i* pairs) {
    const auto two = [&](std::size_t i) {  // table i below, table i + 4 above
        const std::uint32_t* const first = tables[i] + half * kLanes;
        const std::uint32_t* const second = tables[i + 4] + half * kLanes;
        return _mm512_inserti64x4(_mm512_castsi256_si512(load_ids(first)), load_ids(second), 1);
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

template <bool kAllTables, class Row>
TOKMILL_ALWAYS_INLINE void write_transposed(const Program& program, const std::uint32_t (*remainders)[kTokens], std::size_t table,
                                            __mmask8 lanes, Row* out, std::size_t token_stride, std::size_t tokens) {
    const auto offsets = load_offsets(program, table, Row());
    for (std::size_t first = 0; first < tokens; first += kLanes) {
        __m512i pairs[4];
        transpose(remainders + table, first / kLanes, pairs);
        Row* const at = out + first * token_stride + table;
        for (std::size_t i = 0; i < 4; ++i) {
            if (first + i < tokens) store<kAllTables>(at + i * token_stride, _mm512_castsi512_si256(pairs[i]), offsets, lanes);
            if (first + i + 4 < tokens)
                store<kAllTables>(at + (i + 4) * token_stride, _mm512_extracti64x4_epi64(pairs[i], 1), offsets, lanes);
        }
    }
}

// The rows of a token lie side by side: eight tables at a time are turned round.
template <class Words, class Row>
void rows_by_token(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    alignas(64) std::uint32_t remainders[kMostMixes + kLanes][kTokens];
    for (std::size_t t = 0; t < tokens.count; t += kTokens) {
        const std::size_t count = std::min(kTokens, tokens.count - t);
        remainders_of<Words>(program, tokens.ids + t, tokens.step, [&](std::size_t c, std::size_t half, __m256i rest) {
            _mm256_store_si256(reinterpret_cast<__m256i*>(remainders[c] + half * kLanes), rest);
        });
        Row* const out = rows.data + t * rows.token_stride;
        std::size_t table = 0;
        for (; table + kLanes <= program.table_count; table += kLanes)
            write_transposed<true>(program, remainders, table, 0, out, rows.token_stride, count);
        if (table < program.table_count)
            write_transposed<false>(program, remainders, table, first_lanes(program.table_count - table), out, rows.token_stride, count);
    }
}

template <class Words, class Row>
void rows_with(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    if (rows.token_stride == 1) {
        rows_by_table<Words>(program, tokens, rows);
    } else if (program.shared) {
        rows_shared<Words>(program, tokens, rows);
    } else {
        rows_by_token<Words>(program, tokens, rows);
    }
}

template <class Row>
void rows_of(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    const NearestRounding rounding;
    const bool add = program.combine == Combine::add;
    if (program.words_32) {
        add ? rows_with<Words32<true>>(program, tokens, rows) : rows_with<Words32<false>>(program, tokens, rows);
    } else if (program.narrow) {
        add ? rows_with<Words64<true, true>>(program, tokens, rows) : rows_with<Words64<true, false>>(program, tokens, rows);
    } else {
        add ? rows_with<Words64<false, true>>(program, tokens, rows) : rows_with<Words64<false, false>>(program, tokens, rows);
    }
}

}  // namespace

const Kernels kKernels{rows_of<std::int32_t>, rows_of<std::int64_t>};

}  // namespace tokmill::ngrams::icelake

TOKMILL_REGION_END

#endif
