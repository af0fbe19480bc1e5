#include "cpu/isa.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/errors.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace tokmill::cpu {

namespace {

#if defined(__x86_64__)
// Two bits that clang 16 does not know by name. Neither needs register state beyond that of AVX2 and AVX-512.
bool has_lzcnt() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c >> 5 & 1u) != 0;
}
bool has_vaes() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c >> 9 & 1u) != 0;
}
#endif

std::vector<Isa> detect() {
    std::vector<Isa> found{Isa::scalar};
#if defined(__x86_64__)
    // The builtins look at cpuid and at the register state that the operating system saves.
    __builtin_cpu_init();
    const bool haswell = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                         __builtin_cpu_supports("popcnt") && has_lzcnt() && __builtin_cpu_supports("aes");
    const bool icelake = haswell && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
                         __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512ifma") && has_vaes();
    if (haswell) found.push_back(Isa::haswell);
    if (icelake) found.push_back(Isa::icelake);
#elif defined(__aarch64__)
#if defined(__linux__)
    constexpr unsigned long kHwcapAes = 1UL << 3;
    if ((getauxval(AT_HWCAP) & kHwcapAes) != 0) found.push_back(Isa::neon);
#elif defined(__APPLE__)
    found.push_back(Isa::neon);
#endif
#endif
    return found;
}

}  // namespace

std::string_view name(Isa isa) noexcept {
    switch (isa) {
        case Isa::scalar: return "scalar";
        case Isa::haswell: return "haswell";
        case Isa::icelake: return "icelake";
        case Isa::neon: return "neon";
    }
    return "unknown";
}

const std::vector<Isa>& supported() {
    static const std::vector<Isa> isas = detect();
    return isas;
}

Isa by_name(std::string_view wanted) {
    std::string here;
    for (Isa isa : supported()) {
        if (name(isa) == wanted) return isa;
        here += (here.empty() ? "" : ", ") + std::string(name(isa));
    }
    throw Error(ErrorKind::isa, "instruction set '" + std::string(wanted) + "' is not supported here; supported: " + here);
}

Isa active() {
    static const Isa chosen = [] {
        const char* forced = std::getenv("TOKMILL_ISA");
        return forced != nullptr && *forced != 0 ? by_name(forced) : supported().back();
    }();
    return chosen;
}

}  // namespace tokmill::cpu
