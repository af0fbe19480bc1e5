// How predictable a stream is: the bits that an adaptive model of its last few ids spends on it (prediction by partial matching,
// method C of Moffat 1990, without exclusions). Fewer ids are no gain if each costs more, and entropies of single ids cannot tell.
//
// In a context c (the last j ids) that was met before, with N(c) ids seen behind it, d(c) of them distinct and n(c, x) times x:
//     P_j(x) = n(c, x) / (N(c) + d(c))                  if x was seen behind c
//            = d(c) / (N(c) + d(c)) * P_{j-1}(x)        if not: an escape to the context without its first id
// A context never met, or one that reaches over the document's start, is P_{j-1}(x) for nothing; P_{-1} = 1 / alphabet. After each
// id it is counted in all contexts; counts go on from document to document.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/cancel.hpp"

namespace tokmill::condensed {

inline constexpr std::size_t kPpmOrders = 4;                     // 0 to 3
inline constexpr std::size_t kPpmMaxIds = std::size_t(1) << 22;  // each adds up to a context an order: 0.8 GB of noise

// Bits of the whole stream by order. `offsets` are the bounds of the documents. Error(value) for more than kPpmMaxIds ids;
// Error(unknown_id) for an id outside of [0, alphabet), with its place.
std::array<double, kPpmOrders> ppm_bits(std::span<const std::int32_t> ids, std::span<const std::int64_t> offsets, std::int32_t alphabet,
                                        Cancel& cancel);

}  // namespace tokmill::condensed
