// What the tests of condensed streams share: random numbers from a seed that is printed, expectations that are counted, and so many rounds
// as the command line and TOKMILL_TEST_SCALE say.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace rounds {

using Numbers = std::vector<std::int32_t>;

inline int failures = 0;
inline std::mt19937_64 random_number;

inline void expect(bool holds, const char* what) {
    if (holds) return;
    if (++failures < 20) std::printf("FAIL %s\n", what);
}

inline std::int32_t below(std::int64_t end) { return static_cast<std::int32_t>(random_number() % static_cast<std::uint64_t>(end)); }

// Reads `name [seed [rounds]]` and returns the rounds.
inline double begin(const char* name, int argc, char** argv, double rounds_if_not_given) {
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : std::random_device{}();
    const char* const scale = std::getenv("TOKMILL_TEST_SCALE");
    const double count =
        (argc > 2 ? std::strtod(argv[2], nullptr) : rounds_if_not_given) * (scale != nullptr ? std::strtod(scale, nullptr) : 1);
    std::printf("%s seed %llu rounds %.0f\n", name, static_cast<unsigned long long>(seed), count);
    random_number.seed(seed);
    return count;
}

// What main returns.
inline int end() {
    if (failures != 0)
        std::printf("%d failures\n", failures);
    else
        std::printf("ok\n");
    return failures == 0 ? 0 : 1;
}

}  // namespace rounds
