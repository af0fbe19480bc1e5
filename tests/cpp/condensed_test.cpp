// Hypertokens in C++, for the sanitizers: what writers write readers read, codes that nobody wrote are refused or read without harm,
// and steps that are taken back leave no trace.
//
//     condensed_test [seed [rounds]]      60,000 rounds if not given, times TOKMILL_TEST_SCALE
#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/cancel.hpp"
#include "base/errors.hpp"
#include "condensed/condensed.hpp"
#include "condensed/parts.hpp"
#include "rounds.hpp"

namespace {

using namespace tokmill;
using namespace tokmill::condensed;
using namespace rounds;

HypertokenRules random_rules() {
    HypertokenRules::Spec spec;
    spec.profile = random_number() % 2 == 0 ? Profile::zip2zip : Profile::lru;
    spec.vocab_size = static_cast<std::uint32_t>(1 + below(random_number() % 4 == 0 ? 300 : 5));
    spec.book_size = static_cast<std::uint32_t>(below(40));
    spec.max_subtokens = static_cast<std::uint32_t>(1 + below(9));
    if (random_number() % 2 == 0) spec.disabled.push_back(below(spec.vocab_size));
    return HypertokenRules(spec);
}

Numbers random_ids(std::int64_t end, std::size_t most) {
    Numbers ids(random_number() % (most + 1));
    for (std::int32_t& id : ids) id = below(end);
    return ids;
}

std::span<const std::int32_t> numbers(const tokens::IdArray& array) {
    return {static_cast<const std::int32_t*>(array.data()), array.size()};
}

bool equal(std::span<const std::int32_t> a, std::span<const std::int32_t> b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

// Documents through condense() and expand(), with barriers, with and without threads.
void check_documents(const HypertokenRules& rules) {
    const Numbers ids = random_ids(rules.vocab_size(), 200);
    std::vector<std::int64_t> offsets{0, static_cast<std::int64_t>(ids.size())}, barriers;
    for (int i = below(6); i > 0; --i) offsets.push_back(below(static_cast<std::int64_t>(ids.size()) + 1));
    for (int i = below(6); i > 0; --i) barriers.push_back(below(static_cast<std::int64_t>(ids.size()) + 1));
    std::sort(offsets.begin(), offsets.end());
    std::sort(barriers.begin(), barriers.end());
    Cancel cancel;
    const bool carry = random_number() % 2 == 0;
    const Condensed made = condense(rules, ids, offsets, {barriers, carry, true}, 1 + random_number() % 3, cancel);
    std::vector<std::int64_t> bounds{0};
    for (const std::uint64_t end : made.ends) bounds.push_back(static_cast<std::int64_t>(end));
    const Expanded back = expand(rules, numbers(made.ids), bounds, Reading::strict, carry, 1 + random_number() % 3, cancel);
    expect(equal(numbers(back.ids), ids), "expand(condense(x)) is x");
    std::int64_t base = 0;
    for (const std::int32_t count : numbers(made.base_counts)) base += count;
    expect(base == static_cast<std::int64_t>(ids.size()), "base counts sum to the input");

    PackOptions options;
    options.row_length = 1 + random_number() % 20;
    options.fill_last = random_number() % 2 == 0;
    options.start = below(static_cast<std::int64_t>(ids.size()) + 1);
    const PackedRows rows = pack(rules, ids, offsets, options, cancel);
    expect(rows.ids.size() == options.row_length * rows.used_counts.size(), "rows are full");
    expect(!options.fill_last || rows.row_starts.back() == static_cast<std::int64_t>(ids.size()), "the last row takes the rest");
}

// A reader that is fed numbers of any kind: it may refuse, and is then as it was.
template <class Reader>
void check_reader(const HypertokenRules& rules) {
    const Reading reading = random_number() % 2 == 0 ? Reading::strict : Reading::lenient;
    ReaderSequences<Reader> all(rules, 1, 8);
    Numbers given, got;
    Numbers step(static_cast<std::size_t>(rules.max_subtokens()));
    std::vector<std::size_t> ends;
    for (int i = below(80); i > 0; --i) {
        if (random_number() % 8 == 0) {
            const std::size_t back = random_number() % (all[0].rewindable() + 1);
            const std::size_t counts[] = {back};
            all.rewind(counts);
            given.resize(given.size() - back);
            ends.resize(ends.size() - back);
            got.resize(ends.empty() ? 0 : ends.back());
            continue;
        }
        std::int32_t code = below(rules.code_end() + 3);
        if (random_number() % 50 == 0) code = static_cast<std::int32_t>(random_number());
        if (code < 0) continue;
        try {
            all.step(Numbers{code}, reading, step.data());
        } catch (const Error& error) {
            expect(error.kind() == ErrorKind::unknown_id && error.where() == 0, "a refusal says where");
            continue;
        }
        given.push_back(code);
        for (const std::int32_t id : step)
            if (id >= 0) got.push_back(id);
        ends.push_back(got.size());
    }
    Reader whole(rules);
    Numbers wanted;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const std::size_t count = whole.read(given[i], reading, static_cast<std::int64_t>(i), step.data());
        expect(count >= 1 && count <= step.size(), "a code stands for 1 to max_subtokens ids");
        wanted.insert(wanted.end(), step.begin(), step.begin() + static_cast<std::ptrdiff_t>(count));
    }
    expect(got == wanted, "step by step, with steps taken back, as in one go");
    expect(all[0].machine().book().count() == whole.book().count(), "the books have the same size");
    Numbers other(step.size());
    for (std::size_t row = 0; row < whole.book().row_end(); ++row) {
        const std::size_t length = whole.book().phrase(row, step.data());
        expect(length == all[0].machine().book().phrase(row, other.data()) &&
                   std::equal(step.begin(), step.begin() + static_cast<std::ptrdiff_t>(length), other.begin()),
               "the books hold the same phrases");
    }
}

template <class Writer>
void check_writer(const HypertokenRules& rules) {
    WriterSequences<Writer> all(rules, 1, 8);
    Numbers given, got;
    std::vector<std::size_t> ends;
    for (int i = below(80); i > 0; --i) {
        if (random_number() % 8 == 0) {
            const std::size_t back = random_number() % (all[0].rewindable() + 1);
            const std::size_t counts[] = {back};
            all.rewind(counts);
            given.resize(given.size() - back);
            ends.resize(ends.size() - back);
            got.resize(ends.empty() ? 0 : ends.back());
            continue;
        }
        const std::int32_t id = below(rules.vocab_size());
        Numbers out(all.most_ids_a_step());
        all.step(Numbers{id}, out.data());
        given.push_back(id);
        for (const std::int32_t made : out)
            if (made >= 0) got.push_back(made);
        ends.push_back(got.size());
    }
    const Numbers last = all.finish(0);
    got.insert(got.end(), last.begin(), last.end());
    Cancel cancel;
    const std::vector<std::int64_t> offsets{0, static_cast<std::int64_t>(given.size())};
    const Condensed whole = condense(rules, given, offsets, {}, 1, cancel);
    expect(equal(got, numbers(whole.ids)), "ids put in one by one give what they give at once");
}

// The table against a map that is searched from front to back.
void check_table() {
    struct Edge {
        Node node;
        std::int32_t id;
        Node child;
    };
    PhraseTable table(random_number() % 20);
    std::vector<Edge> edges;
    for (int i = below(200); i > 0; --i) {
        const Node node = below(6);
        const std::int32_t id = below(6);
        const auto known = std::find_if(edges.begin(), edges.end(), [&](const Edge& edge) { return edge.node == node && edge.id == id; });
        expect(table.find(node, id) == (known == edges.end() ? kNoNode : known->child), "the table finds what it has");
        if (random_number() % 100 == 0) {
            table.clear();
            edges.clear();
        } else if (known == edges.end()) {
            edges.push_back({node, id, below(1000)});
            table.insert(node, id, edges.back().child);
        } else if (random_number() % 2 == 0) {
            table.erase(node, id);
            edges.erase(known);
        }
        expect(table.size() == edges.size(), "the table counts what it has");
    }
}

void check_bad_rules() {
    const auto is_refused = [](const HypertokenRules::Spec& spec) {
        try {
            const HypertokenRules rules(spec);
        } catch (const Error& error) {
            return error.kind() == ErrorKind::value;
        }
        return false;
    };
    HypertokenRules::Spec good{Profile::zip2zip, 10, 8, 4, {1}, {2, 3, 2, 3, 4}, {0, 2, 5}};
    expect(!is_refused(good), "good rules are taken");
    const auto with = [&](auto change) {
        HypertokenRules::Spec spec = good;
        change(spec);
        return spec;
    };
    expect(is_refused(with([](auto& spec) { spec.vocab_size = 0; })), "no vocabulary");
    expect(is_refused(with([](auto& spec) { spec.vocab_size = kMaxVocabSize + 1; })), "a vocabulary too large");
    expect(is_refused(with([](auto& spec) { spec.book_size = kMaxBookSize + 1; })), "a book too large");
    expect(is_refused(with([](auto& spec) { spec.max_subtokens = 0; })), "phrases of nothing");
    expect(is_refused(with([](auto& spec) { spec.max_subtokens = kMaxSubtokens + 1; })), "phrases too long");
    expect(is_refused(with([](auto& spec) { spec.disabled = {-1}; })), "a disabled id that is none");
    expect(is_refused(with([](auto& spec) { spec.disabled = {3}; })), "a seed with a disabled id");
    expect(is_refused(with([](auto& spec) { spec.book_size = 1; })), "a seed larger than the book");
    expect(is_refused(with([](auto& spec) { spec.seed = {2, 4, 2, 3, 4}; })), "a phrase that cannot have grown");
}

// Parts of many threads, in steps: all stands in the order of the parts, however few of them fit at first.
void check_parts() {
    const std::size_t parts = 1 + random_number() % 200;
    std::vector<std::size_t> sizes(parts);
    Numbers expected;
    for (std::size_t& size : sizes) size = random_number() % (random_number() % 8 == 0 ? 50'000 : 500);
    for (std::size_t part = 0; part < parts; ++part)
        for (std::size_t i = 0; i < sizes[part]; ++i) expected.push_back(static_cast<std::int32_t>(part * 50'000 + i));
    Cancel cancel;
    const Gathered made = gather(parts, 2, random_number() % (expected.size() + 1), 3, cancel, [&](std::size_t part, auto& writing) {
        const std::size_t step = 1 + sizes[part] / 5;
        for (std::size_t at = 0; at < sizes[part]; at += step) {
            const std::size_t end = std::min(sizes[part], at + step);
            writing.settle(sizes[part] - at);
            append(writing.arrays(), end - at, [&](CondensedSink& sink) {
                for (std::size_t i = at; i < end; ++i)
                    sink.put(static_cast<std::int32_t>(part * 50'000 + i), static_cast<std::int32_t>(i), 0);
            });
        }
    });
    expect(equal(numbers(made.arrays[0]), expected) && made.arrays[1].size() == expected.size(), "parts stand in their order");
    std::size_t start = 0;
    for (std::size_t part = 0; part < parts; start += sizes[part++])
        expect(made.starts[part] == start, "parts begin where those before end");
}

// Long enough for several parts: of ids that make hardly a phrase, and of a few that make long ones.
void check_threads(const HypertokenRules& rules) {
    Numbers ids(200'000);
    std::vector<std::int64_t> offsets{0};
    for (std::size_t at = 0; at < ids.size(); offsets.push_back(static_cast<std::int64_t>(at))) {
        const std::size_t end = std::min(ids.size(), at + random_number() % 20'000);
        const std::int64_t few = random_number() % 2 == 0 ? rules.vocab_size() : std::min(2, rules.vocab_size());
        for (; at < end; ++at) ids[at] = below(few);
    }
    Cancel cancel;
    const Condensed one = condense(rules, ids, offsets, {{}, false, true}, 1, cancel);
    const Condensed more = condense(rules, ids, offsets, {{}, false, true}, 3, cancel);
    expect(equal(numbers(one.ids), numbers(more.ids)) && equal(numbers(one.base_counts), numbers(more.base_counts)) &&
               equal(numbers(one.installed), numbers(more.installed)) && one.ends == more.ends,
           "threads change nothing");
    std::vector<std::int64_t> bounds{0};
    for (const std::uint64_t end : one.ends) bounds.push_back(static_cast<std::int64_t>(end));
    const Expanded back = expand(rules, numbers(more.ids), bounds, Reading::strict, false, 3, cancel);
    expect(equal(numbers(back.ids), ids), "threads give back what went in");
}

}  // namespace

int main(int argc, char** argv) {
    const double count = begin("condensed_test", argc, argv, 60000);
    check_bad_rules();
    std::size_t lru_cases = 0, zip2zip_cases = 0;
    for (double round = 0; round < count; ++round) {
        const HypertokenRules rules = random_rules();
        check_documents(rules);
        ++(rules.profile() == Profile::lru ? lru_cases : zip2zip_cases);
        if (rules.profile() == Profile::lru) {
            check_reader<LruReader>(rules);
            check_writer<LruWriter>(rules);
        } else {
            check_reader<Zip2zipReader>(rules);
            check_writer<Zip2zipWriter>(rules);
        }
        check_table();
    }
    for (int i = 0; i < 10; ++i) {
        check_parts();
        check_threads(random_rules());
    }
    std::printf("streams read: zip2zip %zu, lru %zu\n", zip2zip_cases, lru_cases);
    return rounds::end();
}
