// Supertokens in C++, for the sanitizers: both orders against plain loops over random phrases, learnt and made up; pieces, parts of threads
// and chains give what the whole gives; ids that are none are refused without harm.
//
//     supertokens_test [seed [rounds]]      5,000 rounds if not given, times TOKMILL_TEST_SCALE
#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/errors.hpp"
#include "condensed/condensed.hpp"
#include "rounds.hpp"

namespace {

using namespace tokmill;
using namespace tokmill::condensed;
using namespace rounds;

Cancel cancel;

Numbers random_ids(std::int32_t end, std::size_t most) {
    Numbers ids(random_number() % (most + 1));
    for (std::int32_t& id : ids) id = below(end);
    return ids;
}

Numbers numbers(const tokens::IdArray& array) {
    const auto* const data = static_cast<const std::int32_t*>(array.data());
    return array.size() == 0 ? Numbers() : Numbers(data, data + array.size());
}

// Learnt, or made up with whatever the constructor takes.
Phrases random_phrases() {
    const std::int32_t vocab_size = 1 + below(4);
    if (random_number() % 2 == 0) {
        const Numbers ids = random_ids(vocab_size, 200);
        const std::int64_t offsets[] = {0, static_cast<std::int64_t>(ids.size())};
        LearningOptions options;
        options.vocab_size = vocab_size;
        options.most_phrases = random_number() % 20;
        options.max_length = 2 + static_cast<std::uint32_t>(below(20));
        options.min_count = 1 + below(3);
        LearntPhrases learnt = learn_phrases(ids, offsets, {}, options, {}, cancel);
        Phrases phrases(static_cast<std::uint32_t>(vocab_size), learnt.lefts, learnt.rights);
        expect(phrases.are_reached(), "merging reaches what was learnt");
        return phrases;
    }
    Numbers lefts, rights;
    for (int i = below(15); i > 0; --i) {
        const std::int32_t end = vocab_size + static_cast<std::int32_t>(lefts.size());
        lefts.push_back(below(end));
        rights.push_back(below(end));
        try {
            const Phrases taken(static_cast<std::uint32_t>(vocab_size), lefts, rights);
        } catch (const Error&) {
            lefts.pop_back();
            rights.pop_back();
        }
    }
    return Phrases(static_cast<std::uint32_t>(vocab_size), lefts, rights);
}

Numbers merged_slowly(const Phrases& phrases, Numbers ids) {
    for (std::size_t row = 0; row < phrases.count();) {
        const auto at = std::adjacent_find(ids.begin(), ids.end(), [&](std::int32_t left, std::int32_t right) {
            return left == phrases.lefts()[row] && right == phrases.rights()[row];
        });
        if (at == ids.end()) {
            ++row;
            continue;
        }
        *at = phrases.vocab_size() + static_cast<std::int32_t>(row);
        ids.erase(at + 1);
        row = 0;
    }
    return ids;
}

Numbers longest_slowly(const Phrases& phrases, const Numbers& ids) {
    Numbers out;
    for (std::size_t at = 0; at < ids.size();) {
        std::int32_t best = ids[at];
        for (std::size_t row = 0; row < phrases.count(); ++row) {
            const auto phrase = phrases.phrase(row);
            const auto id = phrases.vocab_size() + static_cast<std::int32_t>(row);
            if (phrase.size() <= ids.size() - at &&
                std::equal(phrase.begin(), phrase.end(), ids.begin() + static_cast<std::ptrdiff_t>(at)) &&
                phrases.length(id) > phrases.length(best))
                best = id;
        }
        out.push_back(best);
        at += static_cast<std::size_t>(phrases.length(best));
    }
    return out;
}

void check_pieces(const Condenser& condenser, const Numbers& ids, const Condensed& whole) {
    const auto pieces = condenser.pieces(0);
    Condensed out;
    for (std::size_t at = 0; at < ids.size();) {
        const std::size_t count = std::min<std::size_t>(1 + random_number() % 30, ids.size() - at);
        pieces->take(std::span(ids).subspan(at, count), static_cast<std::int64_t>(at), out, cancel);
        at += count;
    }
    pieces->end_document(out, cancel);
    expect(numbers(out.ids) == numbers(whole.ids), "pieces give the ids of the whole");
    expect(numbers(out.base_counts) == numbers(whole.base_counts), "pieces give the counts of the whole");
}

void check(const Phrases& phrases) {
    const Numbers ids = random_ids(phrases.vocab_size(), 300);
    const std::vector<std::int64_t> offsets{0, static_cast<std::int64_t>(ids.size())};
    for (const MatchOrder order : {MatchOrder::longest, MatchOrder::merge}) {
        const SupertokenCondenser condenser(phrases, order);
        const Condensed out = condenser.condense(ids, offsets, 1, cancel);
        const Numbers wanted = order == MatchOrder::merge ? merged_slowly(phrases, ids) : longest_slowly(phrases, ids);
        expect(numbers(out.ids) == wanted, order == MatchOrder::merge ? "merge order" : "leftmost-longest");
        expect(
            numbers(
                expand(phrases, numbers(out.ids), std::vector<std::int64_t>{0, static_cast<std::int64_t>(wanted.size())}, 2, cancel).ids) ==
                ids,
            "everything comes back");
        check_pieces(condenser, ids, out);
        HypertokenRules::Spec spec;
        spec.vocab_size = static_cast<std::uint32_t>(phrases.id_end());
        spec.book_size = static_cast<std::uint32_t>(below(20));
        spec.max_subtokens = 3;
        const HypertokenRules rules(spec);
        const HypertokenCondenser second(rules);
        const ChainCondenser chain(condenser, second);
        check_pieces(chain, ids, chain.condense(ids, offsets, 1, cancel));
    }
    Numbers bad = ids;
    bad.insert(bad.begin() + below(static_cast<std::int64_t>(bad.size()) + 1), below(2) == 0 ? -1 - below(9) : phrases.id_end() + below(9));
    const std::vector<std::int64_t> bounds{0, static_cast<std::int64_t>(bad.size())};
    for (const MatchOrder order : {MatchOrder::longest, MatchOrder::merge}) {
        try {
            condense(phrases, bad, bounds, {}, order, 2, cancel);
            expect(false, "ids that are none are refused");
        } catch (const Error& error) {
            expect(error.kind() == ErrorKind::unknown_id && error.where() >= 0, "ids that are none are refused by name and place");
        }
    }
    try {
        expand(phrases, bad, bounds, 2, cancel);
        expect(false, "codes that are none are refused");
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::unknown_id, "codes that are none are refused by name");
    }
}

// Long enough for several parts.
void check_threads(const Phrases& phrases) {
    Numbers ids(300'000);
    for (std::int32_t& id : ids) id = below(phrases.vocab_size());
    std::vector<std::int64_t> offsets{0, 0, 70'000, 70'001, 70'001, 250'000, 300'000, 300'000};
    for (const MatchOrder order : {MatchOrder::longest, MatchOrder::merge}) {
        const Condensed one = condense(phrases, ids, offsets, {}, order, 1, cancel);
        const Condensed two = condense(phrases, ids, offsets, {}, order, 2, cancel);
        expect(numbers(one.ids) == numbers(two.ids) && one.ends == two.ends, "threads change nothing");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const double count = begin("supertokens_test", argc, argv, 5000);
    for (double round = 0; round < count; ++round) check(random_phrases());
    for (int i = 0; i < 3; ++i) check_threads(random_phrases());
    return rounds::end();
}
