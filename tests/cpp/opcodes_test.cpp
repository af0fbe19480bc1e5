// Opcodes in C++, for the sanitizers: what writers write readers read, in pieces too; records, flat ids and packed bytes that nobody wrote
// are refused with their place or read without harm; places of the matcher that come round.
//
//     opcodes_test [seed [rounds]]      50,000 rounds if not given, times TOKMILL_TEST_SCALE
#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/cancel.hpp"
#include "base/errors.hpp"
#include "condensed/condensed.hpp"
#include "rounds.hpp"

namespace {

using namespace tokmill;
using namespace tokmill::condensed;
using namespace rounds;

using Offsets = std::vector<std::int64_t>;

OpcodeRules random_rules() {
    constexpr std::uint32_t kWindows[] = {0, 1, 5, 40, 1000};
    OpcodeRules::Spec spec;
    spec.vocab_size = static_cast<std::uint32_t>(1 + below(random_number() % 4 == 0 ? 20000 : 6));
    spec.window = kWindows[below(5)];
    spec.max_length = static_cast<std::uint32_t>(2 + below(random_number() % 2 == 0 ? 200 : 6));
    spec.slots = static_cast<std::uint32_t>(below(2) * below(5));
    spec.reset_every = random_number() % 3 == 0 ? static_cast<std::uint64_t>(1 + below(60)) : 0;
    spec.least_copy = static_cast<std::uint32_t>(2 + below(3));
    spec.costs = {static_cast<std::uint32_t>(1 + below(3)), static_cast<std::uint32_t>(1 + below(6)), 1,
                  static_cast<std::uint32_t>(1 + below(4))};
    spec.phrase_offsets.push_back(0);
    std::vector<Numbers> phrases;
    for (int i = below(2) * below(6); i > 0; --i) {
        Numbers phrase(2 + random_number() % (std::min(spec.max_length, 4u) - 1));
        for (std::int32_t& id : phrase) id = below(spec.vocab_size);
        if (std::find(phrases.begin(), phrases.end(), phrase) != phrases.end()) continue;
        phrases.push_back(phrase);
        spec.phrases.insert(spec.phrases.end(), phrase.begin(), phrase.end());
        spec.phrase_offsets.push_back(spec.phrases.size());
    }
    return OpcodeRules(spec);
}

// Ids that repeat what came before.
Numbers random_ids(std::int64_t end, std::size_t most) {
    const std::size_t size = random_number() % (most + 1);
    Numbers ids;
    while (ids.size() < size) {
        if (!ids.empty() && random_number() % 2 == 0) {
            const std::size_t from = random_number() % ids.size();
            for (std::size_t i = 0, n = 1 + random_number() % 20; i < n; ++i) ids.push_back(ids[from + i]);
        } else {
            ids.push_back(below(end));
        }
    }
    return ids;
}

std::span<const std::int32_t> numbers(const tokens::IdArray& array) {
    return {static_cast<const std::int32_t*>(array.data()), array.size()};
}

// Records with memory of their own, so that reading beyond them is seen.
struct Stream {
    std::vector<std::uint8_t> ops;
    Numbers a, b, base_counts, literals;
    Offsets offsets{0}, literal_offsets{0};

    explicit Stream(const OpcodeDocuments& made) : Stream(made.records) {
        for (const std::uint64_t end : made.ends) offsets.push_back(static_cast<std::int64_t>(end));
        for (const std::uint64_t end : made.literal_ends) literal_offsets.push_back(static_cast<std::int64_t>(end));
    }
    explicit Stream(const Records& records) : ops(records.ops().begin(), records.ops().end()) {
        for (const auto& [to, from] : {std::pair{&a, &records.a}, {&b, &records.b}, {&base_counts, &records.base_counts}})
            to->assign(Records::data(*from), Records::data(*from) + ops.size());
        literals.assign(numbers(records.literals).begin(), numbers(records.literals).end());
    }
    RecordsView view() const { return {ops, a, b, base_counts, literals}; }
    bool operator==(const Stream& other) const {
        return ops == other.ops && a == other.a && b == other.b && base_counts == other.base_counts && literals == other.literals;
    }
};

template <class Call>
bool is_taken(std::int64_t most_place, const Call& call) {
    try {
        call();
        return true;
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::stream || error.kind() == ErrorKind::unknown_id, "a refusal is of the stream");
        expect(error.where() >= 0 && error.where() <= most_place, "a refusal says where");
        return false;
    }
}

Offsets random_bounds(std::size_t size, int most) {
    Offsets offsets{0, static_cast<std::int64_t>(size)};
    for (int i = below(most); i > 0; --i) offsets.push_back(below(static_cast<std::int64_t>(size) + 1));
    std::sort(offsets.begin(), offsets.end());
    return offsets;
}

Stream check_documents(const OpcodeRules& rules, const Numbers& ids) {
    const Offsets offsets = random_bounds(ids.size(), 4);
    const Offsets barriers = random_bounds(ids.size(), 4);
    std::vector<DomainSpan> spans;
    const Offsets bounds = random_bounds(ids.size(), 5);
    for (std::size_t i = 0; i + 1 < bounds.size(); i += 2)
        if (bounds[i] < bounds[i + 1]) spans.push_back({bounds[i], bounds[i + 1], 1 + below(kMaxDomain)});
    Cancel cancel;
    const bool plain = random_number() % 2 == 0;
    const OpcodeOptions options = plain ? OpcodeOptions{} : OpcodeOptions{barriers, spans};
    Stream made(condense(rules, ids, offsets, options, 1 + random_number() % 2, cancel));
    const auto back = [&](const Stream& stream) {
        const ExpandedOpcodes out =
            expand(rules, stream.view(), stream.offsets, stream.literal_offsets, Stretch::documents, 1 + random_number() % 2, cancel);
        return std::equal(ids.begin(), ids.end(), numbers(out.ids).begin(), numbers(out.ids).end());
    };
    expect(back(made), "expand(condense(x)) is x");
    const PackedOpcodes packed = pack(rules, made.view(), made.offsets, cancel);
    expect(Stream(unpack(rules, packed.bytes, packed.byte_offsets, packed.ids_by_rank, cancel)) == made, "bytes come back");
    if (plain) {
        const FlatIds flat = to_flat(rules, made.view(), made.offsets, cancel);
        Offsets flat_offsets{0};
        for (const std::uint64_t end : flat.ends) flat_offsets.push_back(static_cast<std::int64_t>(end));
        const Numbers flat_ids(numbers(flat.ids).begin(), numbers(flat.ids).end());
        expect(Stream(from_flat(rules, flat_ids, flat_offsets, cancel)) == made, "flat ids come back");
    }
    return made;
}

// Records first to last of a stream, with their literals.
Stream part_of(const Stream& stream, std::size_t first, std::size_t last) {
    Stream part{Records()};
    std::size_t lane = 0;
    for (std::size_t r = 0; r < last; ++r) {
        const std::size_t count = static_cast<Op>(stream.ops[r]) == Op::literal ? static_cast<std::size_t>(stream.b[r]) : 0;
        if (r >= first) {
            part.ops.push_back(stream.ops[r]);
            part.a.push_back(stream.a[r]);
            part.b.push_back(stream.b[r]);
            part.base_counts.push_back(stream.base_counts[r]);
            part.literals.insert(part.literals.end(), stream.literals.begin() + static_cast<std::ptrdiff_t>(lane),
                                 stream.literals.begin() + static_cast<std::ptrdiff_t>(lane + count));
        }
        lane += count;
    }
    return part;
}

// Ids in pieces, among them some that are taken back; records in pieces, some of them taken back and read again.
void check_pieces(const OpcodeRules& rules, const Numbers& ids) {
    Cancel cancel;
    const Stream whole(condense(rules, ids, Offsets{0, static_cast<std::int64_t>(ids.size())}, {}, 1, cancel));
    const std::size_t most_rewind = random_number() % 2 * (random_number() % 9);
    OpcodeWriterSequences writers(rules, 1 + random_number() % 2, most_rewind);
    OpcodeReaderSequences readers(rules, 1, most_rewind);
    const std::size_t here = writers.size() - 1;
    Records all;
    Numbers back;
    for (std::size_t at = 0; at <= ids.size();) {
        const std::size_t count = std::min(ids.size() - at, 1 + random_number() % 60);
        Records made;
        if (count == 0) {
            writers[here].end_document(made);
        } else {
            const Numbers piece(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + count));
            writers.extend(here, piece, made, cancel);
            const Numbers wrong(random_number() % (most_rewind + 1), 0);
            writers.extend(here, wrong, made, cancel);
            std::vector<std::size_t> steps(writers.size());
            steps[here] = wrong.size();
            writers.rewind(steps);
            expect(writers[here].base_count() == at + count, "ids that were taken back do not count");
        }
        made.finish();
        const Stream piece(made);
        readers.extend(0, piece.view(), back);
        const std::size_t again = std::min(random_number() % (most_rewind + 1), piece.ops.size());
        const std::size_t taken = piece.ops.size() - again;
        readers.rewind(std::vector<std::size_t>{again});
        const Stream rest = part_of(piece, taken, piece.ops.size());
        Numbers more;
        readers.extend(0, rest.view(), more);
        expect(more.size() <= back.size() && std::equal(more.rbegin(), more.rend(), back.rbegin()),
               "records that were taken back are read again as before");
        for (std::size_t r = 0; r < piece.ops.size(); ++r) all.put(piece.view()[r]);
        all.put_literals(piece.literals.data(), piece.literals.size());
        if (count == 0) break;
        at += count;
    }
    expect(Stream(all) == whole, "pieces give what the whole gives");
    expect(back == ids && readers[0].is_between(), "records in pieces come back");
}

// Records with a few wrong numbers: refused, or read alike at once and in pieces.
void check_bad_records(const OpcodeRules& rules, Stream stream) {
    Cancel cancel;
    for (int i = 1 + below(3); i > 0 && !stream.ops.empty(); --i) {
        const std::size_t r = random_number() % stream.ops.size();
        const std::int32_t value = random_number() % 3 == 0 ? static_cast<std::int32_t>(random_number()) : below(300) - 2;
        switch (below(5)) {
            case 0: stream.ops[r] = static_cast<std::uint8_t>(below(11)); break;
            case 1: stream.a[r] = value; break;
            case 2: stream.b[r] = value; break;
            case 3: stream.base_counts[r] = value; break;
            default:
                if (!stream.literals.empty()) stream.literals[random_number() % stream.literals.size()] = value;
        }
    }
    const auto most = static_cast<std::int64_t>(std::max(stream.ops.size(), stream.literals.size()));
    const Stretch stretch = random_number() % 2 == 0 ? Stretch::documents : Stretch::fragments;
    ExpandedOpcodes whole;
    const bool taken =
        is_taken(most, [&] { whole = expand(rules, stream.view(), stream.offsets, stream.literal_offsets, stretch, 1, cancel); });
    OpcodeReaderSequences readers(rules, 1, 0);
    Numbers ids;
    const bool taken_in_pieces = is_taken(most, [&] { readers.extend(0, stream.view(), ids); });
    expect(taken_in_pieces || readers[0].is_between(), "what is refused has changed nothing");
    if (taken && stretch == Stretch::documents) {
        expect(taken_in_pieces && std::equal(ids.begin(), ids.end(), numbers(whole.ids).begin(), numbers(whole.ids).end()),
               "records are read alike at once and one by one");
    }
    is_taken(most, [&] { to_flat(rules, stream.view(), stream.offsets, cancel); });
    is_taken(most, [&] { pack(rules, stream.view(), stream.offsets, cancel); });
}

void check_bad_flat(const OpcodeRules& rules) {
    Cancel cancel;
    const FlatLayout layout(rules);
    Numbers ids(random_number() % 30);
    for (std::int32_t& id : ids) {
        id = random_number() % 2 == 0 ? below(rules.vocab_size()) : layout.first_op() + below(layout.id_end() - layout.first_op() + 2);
        if (random_number() % 3 == 0) id = layout.first_number() + below(5);
    }
    const auto most = static_cast<std::int64_t>(ids.size());
    is_taken(most, [&] {
        const Stream stream(from_flat(rules, ids, Offsets{0, most}, cancel));
        const FlatIds flat = to_flat(rules, stream.view(), stream.offsets, cancel);
        expect(std::equal(ids.begin(), ids.end(), numbers(flat.ids).begin(), numbers(flat.ids).end()),
               "what is taken is spelled as it was");
        expand(rules, stream.view(), stream.offsets, stream.literal_offsets, Stretch::documents, 1, cancel);
    });
}

void check_bad_bytes(const OpcodeRules& rules, const Stream& stream) {
    Cancel cancel;
    const PackedOpcodes packed = pack(rules, stream.view(), stream.offsets, cancel);
    std::vector<std::uint8_t> bytes = packed.bytes;
    if (random_number() % 4 == 0) bytes.resize(random_number() % 50);
    for (int i = 1 + below(4); i > 0 && !bytes.empty(); --i)
        bytes[random_number() % bytes.size()] = static_cast<std::uint8_t>(random_number());
    Offsets bounds = packed.byte_offsets;
    if (bounds.back() != static_cast<std::int64_t>(bytes.size()) || random_number() % 4 == 0) bounds = random_bounds(bytes.size(), 3);
    const auto most = static_cast<std::int64_t>(std::max(bytes.size(), std::size_t(1)));
    is_taken(most, [&] {
        const Stream back(unpack(rules, bytes, bounds, packed.ids_by_rank, cancel));
        expand(rules, back.view(), back.offsets, back.literal_offsets, Stretch::fragments, 1, cancel);
    });
}

// The matcher against a search from the nearest place back; places that are about to come round give the same.
void check_matcher() {
    const std::size_t window = 1 + random_number() % 50, least = 2 + random_number() % 3;
    const Numbers ids = random_ids(3, 120);
    Matcher fresh(window, least), late(window, least, (std::uint32_t(1) << 31) - 1 - static_cast<std::uint32_t>(below(100)));
    std::size_t reach = 0;
    for (std::size_t at = 0; at < ids.size(); ++at) {
        if (random_number() % 40 == 0) {
            reach = 0;
            fresh.forget();
            late.forget();
        }
        const std::size_t most = std::min<std::size_t>(ids.size() - at, 20);
        const Match found = fresh.find(ids.data() + at, most);
        const Match same = late.find(ids.data() + at, most);
        expect(found.offset == same.offset && found.length == same.length, "places that come round change nothing");
        std::size_t longest = 0;
        for (std::size_t offset = 1; offset <= std::min(reach, window); ++offset)
            longest = std::max(longest, common_length(ids.data() + at - offset, ids.data() + at, most));
        expect(found.length == 0 || found.length <= longest, "no match is longer than the longest");
        expect(found.length == 0 ||
                   std::equal(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + found.length),
                              ids.begin() + static_cast<std::ptrdiff_t>(at - found.offset)),
               "a match is one");
        expect(found.length == 0 || (found.length >= least && found.offset <= std::min(reach, window)), "a match is in reach");
        if (window <= 12) expect(longest < least || found.length == longest, "in a small window the longest is found");
        fresh.pass(1);
        late.pass(1);
        ++reach;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const double count = begin("opcodes_test", argc, argv, 50000);
    std::size_t cases = 0;
    for (double round = 0; round < count; ++round, ++cases) {
        const OpcodeRules rules = random_rules();
        const Numbers ids = random_ids(rules.vocab_size(), 150);
        const Stream stream = check_documents(rules, ids);
        check_bad_records(rules, stream);
        check_bad_flat(rules);
        check_bad_bytes(rules, stream);
        if (cases % 4 == 0) check_pieces(rules, ids);
        if (cases % 8 == 0) check_matcher();
    }
    std::printf("streams read: %zu each of records, records in pieces, flat ids, packed bytes\n", cases);
    return rounds::end();
}
