// Parts that several threads finish in any order lie behind each other: with room for all, with too little, in memory of the caller's.
// Usage: placing_test [seed]; TOKMILL_TEST_SCALE scales the number of rounds.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/errors.hpp"
#include "tokens/placing.hpp"

namespace {

using namespace tokmill;
using tokens::IdArray;
using tokens::IdType;
using tokens::Placing;

// The k-th id of a part says both.
std::uint32_t id_of(std::size_t part, std::size_t k) { return static_cast<std::uint32_t>(part << 16 | k); }

void append(IdArray& ids, std::size_t part, std::size_t begin, std::size_t end) {
    ids.prepare(end - begin);
    auto* out = static_cast<std::uint32_t*>(ids.data()) + ids.size();
    for (std::size_t k = begin; k < end; ++k) *out++ = id_of(part, k);
    ids.set_size(ids.size() + end - begin);
}

// True if the array is what the parts give, or refuses them as it has to.
bool right(std::mt19937_64& random) {
    const std::size_t part_count = 1 + random() % 60;
    std::vector<std::size_t> sizes(part_count);
    std::size_t total = 0;
    for (std::size_t& size : sizes) total += size = random() % 3000;

    const bool borrowed = random() % 3 == 0;
    const bool too_small = borrowed && total != 0 && random() % 2 == 0;
    constexpr std::uint32_t kUntouched = ~std::uint32_t(0);
    std::vector<std::uint32_t> memory(total + 8, kUntouched);
    IdArray all = borrowed ? IdArray(IdType::int32, memory.data(), total - too_small) : IdArray();
    if (!borrowed) all.reserve((random() % 3 == 0 ? total / 2 : total) + tokens::kIdArraySlack + 1);

    Placing placing(all, part_count);
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::uint64_t seed) {
        std::mt19937_64 choices(seed);
        for (std::size_t i = next++; i < part_count; i = next++) {
            Placing::Part part(placing, i);
            IdArray* ids = part.ids();
            const std::size_t first = choices() % (sizes[i] + 1);
            append(*ids, i, 0, first);
            if (choices() % 2 == 0) std::this_thread::yield();
            if (choices() % 4 != 0) ids = part.take(ids, sizes[i] - first);
            append(*ids, i, first, sizes[i]);
            if (choices() % 3 == 0) std::this_thread::yield();
            part.done();
        }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) threads.emplace_back(work, random());
    for (std::thread& thread : threads) thread.join();
    try {
        placing.finish();
    } catch (const Error& error) {
        return too_small && error.kind() == ErrorKind::value;
    }
    if (too_small || all.size() != total) return false;
    const auto* id = static_cast<const std::uint32_t*>(all.data());
    for (std::size_t i = 0; i < part_count; ++i)
        for (std::size_t k = 0; k < sizes[i]; ++k)
            if (*id++ != id_of(i, k)) return false;
    return !borrowed || std::all_of(memory.begin() + static_cast<std::ptrdiff_t>(total), memory.end(),
                                    [](std::uint32_t value) { return value == kUntouched; });
}

}  // namespace

int main(int count, char** arguments) {
    const char* const scale = std::getenv("TOKMILL_TEST_SCALE");
    const auto rounds = static_cast<int>(1000 * (scale == nullptr ? 1.0 : std::atof(scale)));
    const std::uint64_t seed = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 20251126;
    std::printf("placing_test, seed %llu\n", static_cast<unsigned long long>(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < rounds; ++round) {
        if (right(random)) continue;
        std::printf("FAIL in round %d\n", round);
        return 1;
    }
    std::printf("ok\n");
    return 0;
}
