// Which instruction sets this machine has, and which one the kernels use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokmill::cpu {

// Named after the first family that has everything the tier uses:
//   haswell  AVX2, BMI1, BMI2, LZCNT, POPCNT, AES
//   icelake  AVX-512 F/BW/DQ/VL/VBMI/VBMI2/IFMA, VAES, and all of haswell
//   neon     AArch64 with its AES instructions
enum class Isa : std::uint8_t { scalar, haswell, icelake, neon };
inline constexpr std::size_t kIsaCount = 4;

std::string_view name(Isa isa) noexcept;

// Those that this build contains and this machine can run, slowest first; scalar is always there.
const std::vector<Isa>& supported();

// By name; Error(isa) if unknown, or not supported here.
Isa by_name(std::string_view name);

// What kernels use unless told otherwise: TOKMILL_ISA if set (read once, at first use), else the fastest supported.
Isa active();

}  // namespace tokmill::cpu
