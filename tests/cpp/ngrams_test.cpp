// N-gram rows of random plans on every instruction set, whole and token by token, against the formula written down once more.
// Ids and rows lie in arrays of exactly their size, so that the address sanitizer sees any step beside them.
// Usage: ngrams_test [seed] [rounds]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cpu/isa.hpp"
#include "ngrams/ngrams.hpp"

namespace {

namespace cpu = tokmill::cpu;
using namespace tokmill::ngrams;
using Random = std::mt19937_64;

int failures = 0;

std::uint64_t below(Random& random, std::uint64_t limit) { return random() % limit; }

Spec random_spec(Random& random) {
    Spec spec;
    spec.vocab_size = static_cast<std::uint32_t>(1 + below(random, below(random, 2) == 0 ? 300 : kIdLimit));
    spec.canonical_size = spec.vocab_size;
    spec.combine = below(random, 2) == 0 ? Combine::add : Combine::exclusive_or;
    spec.word_bits = below(random, 4) == 0 ? 32 : 64;
    spec.missing = static_cast<std::uint32_t>(below(random, 10));
    spec.boundary = below(random, 2) == 0 ? Boundary::documents : Boundary::eos;
    spec.eos_id = static_cast<std::uint32_t>(below(random, std::min<std::uint32_t>(spec.vocab_size, 4)));
    const std::uint64_t weight_end = std::uint64_t(1) << (1 + below(random, 63));
    const std::uint64_t modulus_end = std::uint64_t(1) << (2 + below(random, 38));
    std::vector<std::uint64_t> weights;
    const std::size_t mixes = 1 + below(random, 5);
    for (std::uint32_t m = 0; m < mixes; ++m) {
        if (below(random, 3) == 0) weights.clear();
        weights.resize(1 + below(random, 9));
        for (std::uint64_t& weight : weights) weight = weight != 0 && below(random, 4) != 0 ? weight : below(random, weight_end);
        spec.mixes.push_back(weights);
        for (std::uint64_t i = below(random, 12) + (m == 0 ? 1 : 0); i != 0; --i)
            spec.tables.push_back({m, 2 + below(random, modulus_end), below(random, 1000)});
    }
    return spec;
}

// Row of the token at `t` of a document that begins at `begin`.
std::int64_t row_of(const Spec& spec, const Table& table, const std::int64_t* ids, std::size_t begin, std::size_t t) {
    std::uint64_t value = 0;
    bool over = false;
    std::size_t d = 0;
    for (const std::uint64_t weight : spec.mixes[table.mix]) {
        over = over || t < begin + d || (d > 0 && spec.boundary == Boundary::eos && ids[t - d] == static_cast<std::int64_t>(spec.eos_id));
        const std::uint64_t term = (over ? spec.missing : static_cast<std::uint64_t>(ids[t - d])) * weight;
        value = spec.combine == Combine::add ? value + term : value ^ term;
        ++d;
    }
    const auto word = spec.word_bits == 32 ? std::int64_t{static_cast<std::int32_t>(value)} : static_cast<std::int64_t>(value);
    const auto modulus = static_cast<std::int64_t>(table.modulus);
    return (word % modulus + modulus) % modulus + static_cast<std::int64_t>(table.offset);
}

void check(const Spec& spec, Random& random) {
    const std::size_t count = below(random, 4) == 0 ? below(random, 5000) : below(random, 70);
    const std::size_t tables = spec.tables.size();
    const std::unique_ptr<std::int64_t[]> ids(new std::int64_t[count]);
    for (std::size_t t = 0; t < count; ++t)
        ids[t] =
            static_cast<std::int64_t>(below(random, below(random, 9) == 0 ? std::min<std::uint32_t>(spec.vocab_size, 4) : spec.vocab_size));
    std::vector<Document> documents;
    for (std::size_t begin = 0; begin < count;) {
        const std::size_t end = std::min(count, begin + 1 + below(random, below(random, 3) == 0 ? 600 : 9));
        documents.push_back({begin, end});
        begin = end;
    }
    std::vector<std::int64_t> expected;
    for (const Document& document : documents)
        for (std::size_t t = document.begin; t < document.end; ++t)
            for (const Table& table : spec.tables) expected.push_back(row_of(spec, table, ids.get(), document.begin, t));
    tokmill::Cancel never;
    for (const cpu::Isa isa : cpu::supported()) {
        const Plan plan(spec, isa);
        const auto compare = [&](const std::int64_t* rows, bool by_table, const char* what) {
            for (std::size_t i = 0; i < expected.size(); ++i)
                if (rows[by_table ? i % tables * count + i / tables : i] != expected[i]) {
                    if (++failures < 10)
                        std::printf("FAIL %s, %s: token %zu, table %zu\n", std::string(cpu::name(isa)).c_str(), what, i / tables,
                                    i % tables);
                    return;
                }
        };
        const std::unique_ptr<std::int64_t[]> rows(new std::int64_t[count * tables]);
        write_rows(plan, {ids.get(), count, IdType::int64}, documents, {rows.get(), true, tables, 1}, true, 1, never);
        compare(rows.get(), false, "by token");
        write_rows(plan, {ids.get(), count, IdType::int64}, documents, {rows.get(), true, 1, count}, true, 1, never);
        compare(rows.get(), true, "by table");
        if (plan.row_end(true) <= std::uint64_t(1) << 31) {
            const std::unique_ptr<std::int32_t[]> narrow(new std::int32_t[count * tables]);
            for (const bool by_table : {false, true}) {
                write_rows(plan, {ids.get(), count, IdType::int64}, documents,
                           {narrow.get(), false, by_table ? 1 : tables, by_table ? count : 1}, true, 1, never);
                std::copy(narrow.get(), narrow.get() + count * tables, rows.get());
                compare(rows.get(), by_table, "int32");
            }
        }
        // Token by token and in pieces, with some taken back and given again. Each document is a sequence.
        State state(plan, documents.size(), 3);
        for (std::size_t i = 0; i < documents.size(); ++i) {
            for (std::size_t t = documents[i].begin; t < documents[i].end;) {
                const std::size_t piece = std::min<std::size_t>(documents[i].end - t, 1 + below(random, 12));
                state.extend(i, {&ids[t], piece, IdType::int64}, {&rows[t * tables], true, tables, 1}, true, 1, never);
                t += piece;
                std::vector<std::uint64_t> back(documents.size());
                back[i] = below(random, 1 + std::min<std::size_t>(piece, 3)) * below(random, 2);
                state.rewind(back);
                t -= back[i];
            }
        }
        compare(rows.get(), false, "in pieces");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const char* scale = std::getenv("TOKMILL_TEST_SCALE");
    Random random(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
    const double rounds = argc > 2 ? std::strtod(argv[2], nullptr) : 2000 * (scale != nullptr ? std::strtod(scale, nullptr) : 1);
    for (int round = 0; round < rounds; ++round) check(random_spec(random), random);
    std::printf("ngrams_test: %d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
