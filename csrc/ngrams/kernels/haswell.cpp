// The rows with AVX2, in the two steps of the AVX-512 kernel: eight tokens' values, then remainders from quotients in floating
// point. AVX2 cannot turn doubles and 64-bit integers into each other, so the quotient is rounded by adding 1.5 * 2^52: a
// double there has steps of 1, and its low 32 bits are those of the nearest whole number, negative ones too:
//   q = 3.7:   6755399441055744 + 3.7 -> 6755399441055748, whose last digit in hexadecimal is 4.
// Values below 2^52 become doubles by the same step in reverse; larger ones one by one, in scalar code.
#include "ngrams/kernels/kernels.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "cpu/region.hpp"
#include "ngrams/kernels/rounding.hpp"

TOKMILL_REGION_BEGIN(TOKMILL_FEATURES_HASWELL)

namespace tokmill::ngrams::haswell {

namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kMostMixes = 256;
constexpr double kTwo52 = 4503599627370496.0;

// Of eight tokens: each mix's value as a double, and its low 32 bits.
struct alignas(32) Mixed {
    double values[kMostMixes][kLanes];
    std::uint32_t low[kMostMixes][kLanes];
};

TOKMILL_ALWAYS_INLINE __m256i load(const std::uint32_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
TOKMILL_ALWAYS_INLINE void store(void* to, __m256i from) { _mm256_storeu_si256(static_cast<__m256i*>(to), from); }

// The low halves of eight 64-bit numbers. The order is that of the halves of `first` and `second`: 0 1 of the first, 0 1 of
// the second, then 2 3 and 2 3.
TOKMILL_ALWAYS_INLINE __m256i low_halves(__m256i first, __m256i second) {
    return _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second), 0x88));
}

template <bool kAdd>
void mix_narrow(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Mixed& mixed) {
    const __m256i two_52 = _mm256_castpd_si256(_mm256_set1_pd(kTwo52));
    const auto to_double = [&](__m256i value) {
        return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(value, two_52)), _mm256_set1_pd(kTwo52));
    };
    __m256i first = _mm256_setzero_si256();
    __m256i second = _mm256_setzero_si256();
    for (std::size_t m = 0; m < program.step_count; ++m) {
        const MixStep& mix = program.steps[m];
        const std::uint64_t* weight = program.weights + mix.first_weight;
        if (!mix.continues) {
            first = second = _mm256_setzero_si256();
        } else if (mix.scale != 1) {
            // A value times a scale, each below 2^32 where it matters: high halves separately.
            const __m256i scale = _mm256_set1_epi64x(static_cast<long long>(mix.scale));
            const auto times = [&](__m256i value) {
                return _mm256_add_epi64(_mm256_mul_epu32(value, scale),
                                        _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(value, 32), scale), 32));
            };
            first = times(first);
            second = times(second);
        }
        for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
            const std::uint32_t* const at = ids + static_cast<std::ptrdiff_t>(d) * step;
            const __m256i weights = _mm256_set1_epi64x(static_cast<long long>(*weight));
            const auto term = [&](const std::uint32_t* four) {
                return _mm256_mul_epu32(_mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(four))), weights);
            };
            const __m256i first_term = term(at), second_term = term(at + 4);
            first = kAdd ? _mm256_add_epi64(first, first_term) : _mm256_xor_si256(first, first_term);
            second = kAdd ? _mm256_add_epi64(second, second_term) : _mm256_xor_si256(second, second_term);
        }
        _mm256_store_pd(mixed.values[m], to_double(first));
        _mm256_store_pd(mixed.values[m] + 4, to_double(second));
        store(mixed.low[m], _mm256_permute4x64_epi64(low_halves(first, second), 0xD8));
    }
}

template <bool kAdd>
void mix_wide(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Mixed& mixed) {
    std::uint64_t value[kLanes] = {};
    for (std::size_t m = 0; m < program.step_count; ++m) {
        const MixStep& mix = program.steps[m];
        const std::uint64_t* weight = program.weights + mix.first_weight;
        const std::uint64_t scale = mix.continues ? mix.scale : 0;
        for (std::size_t i = 0; i < kLanes; ++i) value[i] *= scale;
        for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
            const std::uint32_t* const at = ids + static_cast<std::ptrdiff_t>(d) * step;
            for (std::size_t i = 0; i < kLanes; ++i) {
                const std::uint64_t term = at[i] * *weight;
                value[i] = kAdd ? value[i] + term : value[i] ^ term;
            }
        }
        for (std::size_t i = 0; i < kLanes; ++i) {
            mixed.values[m][i] = static_cast<double>(static_cast<std::int64_t>(value[i]));
            mixed.low[m][i] = static_cast<std::uint32_t>(value[i]);
        }
    }
}

template <bool kAdd>
void mix_32(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Mixed& mixed) {
    __m256i value = _mm256_setzero_si256();
    for (std::size_t m = 0; m < program.step_count; ++m) {
        const MixStep& mix = program.steps[m];
        const std::uint64_t* weight = program.weights + mix.first_weight;
        value = mix.continues ? _mm256_mullo_epi32(value, _mm256_set1_epi32(static_cast<int>(mix.scale))) : _mm256_setzero_si256();
        for (std::uint32_t d = mix.first; d < mix.end; ++d, ++weight) {
            const __m256i term =
                _mm256_mullo_epi32(load(ids + static_cast<std::ptrdiff_t>(d) * step), _mm256_set1_epi32(static_cast<int>(*weight)));
            value = kAdd ? _mm256_add_epi32(value, term) : _mm256_xor_si256(value, term);
        }
        _mm256_store_pd(mixed.values[m], _mm256_cvtepi32_pd(_mm256_castsi256_si128(value)));
        _mm256_store_pd(mixed.values[m] + 4, _mm256_cvtepi32_pd(_mm256_extracti128_si256(value, 1)));
        store(mixed.low[m], value);
    }
}

TOKMILL_ALWAYS_INLINE void mix(const Program& program, const std::uint32_t* ids, std::ptrdiff_t step, Mixed& mixed) {
    const bool add = program.combine == Combine::add;
    if (program.words_32) {
        add ? mix_32<true>(program, ids, step, mixed) : mix_32<false>(program, ids, step, mixed);
    } else if (program.narrow) {
        add ? mix_narrow<true>(program, ids, step, mixed) : mix_narrow<false>(program, ids, step, mixed);
    } else {
        add ? mix_wide<true>(program, ids, step, mixed) : mix_wide<false>(program, ids, step, mixed);
    }
}

// Eight doubles in the order that low_halves() undoes: numbers 0 1 4 5, and 2 3 6 7.
struct Doubles {
    __m256d first;
    __m256d second;

    TOKMILL_ALWAYS_INLINE static Doubles load(const double* from) {
        const __m256d low = _mm256_loadu_pd(from), high = _mm256_loadu_pd(from + 4);
        return {_mm256_permute2f128_pd(low, high, 0x20), _mm256_permute2f128_pd(low, high, 0x31)};
    }
    TOKMILL_ALWAYS_INLINE static Doubles spread(double from) { return {_mm256_set1_pd(from), _mm256_set1_pd(from)}; }
};

// The remainders of eight values, as in the AVX-512 kernel.
TOKMILL_ALWAYS_INLINE __m256i remainder(const Doubles& values, __m256i low, const Doubles& inverses, __m256i moduli) {
    const __m256d magic = _mm256_set1_pd(1.5 * kTwo52);
    const __m256d first = _mm256_add_pd(_mm256_mul_pd(values.first, inverses.first), magic);
    const __m256d second = _mm256_add_pd(_mm256_mul_pd(values.second, inverses.second), magic);
    const __m256i quotients = low_halves(_mm256_castpd_si256(first), _mm256_castpd_si256(second));
    const __m256i rest = _mm256_sub_epi32(low, _mm256_mullo_epi32(quotients, moduli));
    return _mm256_min_epu32(rest, _mm256_add_epi32(rest, moduli));
}

// Writes the first `lanes` of eight rows. `offsets` points to one for each, or with `kOneOffset` to the one of all.
template <bool kOneOffset>
TOKMILL_ALWAYS_INLINE void write(std::int32_t* out, __m256i remainders, const Program& program, std::size_t table, std::size_t lanes) {
    const std::uint32_t* const offsets = program.offsets_32 + table;
    const __m256i rows = _mm256_add_epi32(remainders, kOneOffset ? _mm256_set1_epi32(static_cast<int>(*offsets)) : load(offsets));
    if (lanes == kLanes) {
        store(out, rows);
        return;
    }
    alignas(32) std::int32_t all[kLanes];
    store(all, rows);
    if (lanes >= 4) _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(rows));
    for (std::size_t i = lanes >= 4 ? 4 : 0; i < lanes; ++i) out[i] = all[i];
}
template <bool kOneOffset>
TOKMILL_ALWAYS_INLINE void write(std::int64_t* out, __m256i remainders, const Program& program, std::size_t table, std::size_t lanes) {
    const std::uint64_t* const offsets = program.offsets + table;
    const auto widened = [&](__m128i four, std::size_t i) {
        const __m256i offset = kOneOffset ? _mm256_set1_epi64x(static_cast<long long>(*offsets))
                                          : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offsets + i));
        return _mm256_add_epi64(_mm256_cvtepu32_epi64(four), offset);
    };
    const __m256i low = widened(_mm256_castsi256_si128(remainders), 0);
    const __m256i high = widened(_mm256_extracti128_si256(remainders, 1), 4);
    if (lanes == kLanes) {
        store(out, low);
        store(out + 4, high);
        return;
    }
    alignas(32) std::int64_t all[kLanes];
    store(all, low);
    store(all + 4, high);
    for (std::size_t i = 0; i < lanes; ++i) out[i] = all[i];
}

// Tables in the lanes: for mixes that serve several tables.
template <class Row>
void rows_shared(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    Mixed mixed;
    for (std::size_t t = 0; t < tokens.count; t += kLanes) {
        const std::size_t count = std::min(kLanes, tokens.count - t);
        mix(program, tokens.ids + t, tokens.step, mixed);
        Row* const out = rows.data + t * rows.token_stride;
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const std::size_t end = program.steps[m].table_end;
            for (std::size_t table = program.steps[m].table_begin; table < end; table += kLanes) {
                const Doubles inverses = Doubles::load(program.inverses + table);
                const __m256i moduli = load(program.moduli_32 + table);
                const std::size_t lanes = std::min(kLanes, end - table);
                for (std::size_t i = 0; i < count; ++i) {
                    const __m256i rest = remainder(Doubles::spread(mixed.values[m][i]),
                                                   _mm256_set1_epi32(static_cast<int>(mixed.low[m][i])), inverses, moduli);
                    write<false>(out + i * rows.token_stride + table, rest, program, table, lanes);
                }
            }
        }
    }
}

// Eight tables' remainders of eight tokens -> eight tokens' remainders in eight tables.
TOKMILL_ALWAYS_INLINE void transpose(const std::uint32_t (*tables)[kLanes], __m256i* tokens) {
    __m256i pairs[8];  // 32-bit pairs, then 64-bit pairs, then halves
    for (std::size_t i = 0; i < 4; ++i) {
        const __m256i even = load(tables[2 * i]), odd = load(tables[2 * i + 1]);
        pairs[2 * i] = _mm256_unpacklo_epi32(even, odd);
        pairs[2 * i + 1] = _mm256_unpackhi_epi32(even, odd);
    }
    __m256i fours[8];
    for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t i = 0; i < 2; ++i) {
            fours[4 * half + 2 * i] = _mm256_unpacklo_epi64(pairs[4 * half + i], pairs[4 * half + 2 + i]);
            fours[4 * half + 2 * i + 1] = _mm256_unpackhi_epi64(pairs[4 * half + i], pairs[4 * half + 2 + i]);
        }
    }
    for (std::size_t i = 0; i < 4; ++i) {
        tokens[i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x20);
        tokens[4 + i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x31);
    }
}

// Tokens in the lanes; written so if the tokens of a table lie side by side, else turned round eight tables at a time.
template <class Row>
void rows_in_columns(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    Mixed mixed;
    alignas(32) std::uint32_t remainders[kMostMixes + kLanes][kLanes];
    const bool by_table = rows.token_stride == 1;
    for (std::size_t t = 0; t < tokens.count; t += kLanes) {
        const std::size_t count = std::min(kLanes, tokens.count - t);
        mix(program, tokens.ids + t, tokens.step, mixed);
        for (std::size_t m = 0; m < program.step_count; ++m) {
            const Doubles values = Doubles::load(mixed.values[m]);
            const __m256i low = load(mixed.low[m]);
            for (std::size_t c = program.steps[m].table_begin; c < program.steps[m].table_end; ++c) {
                const __m256i rest =
                    remainder(values, low, Doubles::spread(program.inverses[c]), _mm256_set1_epi32(static_cast<int>(program.moduli_32[c])));
                if (by_table) {
                    write<true>(rows.data + c * rows.table_stride + t, rest, program, c, count);
                } else {
                    store(remainders[c], rest);
                }
            }
        }
        if (by_table) continue;
        Row* const out = rows.data + t * rows.token_stride;
        for (std::size_t table = 0; table < program.table_count; table += kLanes) {
            __m256i turned[kLanes];
            transpose(remainders + table, turned);
            const std::size_t lanes = std::min(kLanes, program.table_count - table);
            for (std::size_t i = 0; i < count; ++i) write<false>(out + i * rows.token_stride + table, turned[i], program, table, lanes);
        }
    }
}

template <class Row>
void rows_of(const Program& program, const Tokens& tokens, const Rows<Row>& rows) {
    const NearestRounding rounding;
    if (program.shared && rows.token_stride != 1) {
        rows_shared(program, tokens, rows);
    } else {
        rows_in_columns(program, tokens, rows);
    }
}

}  // namespace

const Kernels kKernels{rows_of<std::int32_t>, rows_of<std::int64_t>};

}  // namespace tokmill::ngrams::haswell

TOKMILL_REGION_END

#endif
