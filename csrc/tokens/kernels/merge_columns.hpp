// Merging with one job a vector lane: row p of a table holds the p-th symbol of all jobs of a group, and a round merges one
// pair in each of them. Included inside a target region by the file of an instruction set, which brings a class `Lanes`
// of vector operations on u32.
//
// Why columns: within one word a merge is a chain of about 20 dependent steps, and most of its cost is moving between vectors
// and single values. Across words every step is one vector operation for all of them; no branch depends on the text, and 32
// look-ups are in flight at once. Jobs are sorted by length first, since a group takes as many rounds as its slowest
// job; words of one length differ little in the number of their merges.
//
// A group's round, in two parts so that what one part stores has settled when the other loads it in another width, and so
// that memory is waited for while other groups work:
//   merge:   enter the ranks of the pairs that the last merge made; take each lane's leftmost least rank; close the gap
//            that this merge leaves; hash the two new pairs and read their displacements, one by one
//   look_up: from the displacements to the slots, and read those, one by one
// Reading one by one through memory costs less than gather instructions, which are slow on many processors.
// Rows close up instead of keeping links to neighbours: in round t every lane still at work has exactly t symbols less than
// it had, so the table shrinks by a row a round.
//
// A rank entry is rank << 6 | row, so that the least entry is the leftmost of the least ranks and tells its row; a symbol
// entry is first byte << 21 | symbol.
//   example, lane of "abcd" with bc the pair of lowest rank 300:  ranks  ab<<6|0  300<<6|1  cd<<6|2
//   least = 300<<6|1 -> row 1 becomes symbol 300, row 2 becomes d; the new pairs are (a, 300) and (300, d)

template <class Lanes, std::uint32_t kMaxBytes>
class ColumnMerger {
    using Vector = typename Lanes::Vector;
    using Mask = typename Lanes::Mask;
    static constexpr std::uint32_t kLanes = Lanes::kCount;
    static constexpr std::uint32_t kRowBits = 6, kSymbolBits = vocab::PairTable::kSymbolBits;
    static constexpr std::uint32_t kNoRow = kMaxBytes + 1;  // where a lane merges that has nothing left to merge
    // With few rows it is cheaper to touch them all with vectors than single rows lane by lane.
    static constexpr bool kFewRows = kMaxBytes <= 16;
    static_assert(kMaxBytes <= 62);

    struct alignas(kLanes * 4) Row {
        std::uint32_t lane[kLanes];
    };
    struct alignas(kLanes * 4) Entries {
        std::uint64_t lane[kLanes];
    };
    struct TableRow {  // interleaved: as two arrays of about 4 KiB each they would alias in the store queue
        Row symbol, rank;
    };
    struct Side {  // the pair on one side of the last merge
        Row neighbour, buckets, hashes, displacements, slots;
        Entries entries;
    };
    struct Group {
        TableRow guard;                  // row -1
        TableRow table[kMaxBytes + 3];   // the rows from kMaxBytes on take what idle lanes write
        Side left, right;
        Row made, row, counts;           // the last merge: what it made and where; the number of symbols
        MergeJob* jobs[kLanes];
        std::uint32_t job_count, rows;   // rows: of pairs, in the lanes still at work
    };

public:
    // Merges `count` jobs of similar lengths, kGroups groups at a time.
    template <std::uint32_t kGroups>
    static void run(const vocab::Merges& merges, MergeJob* const* jobs, std::size_t count) {
        const vocab::PairTable pairs = merges.table();
        Group groups[kGroups];
        for (std::size_t done = 0; done < count;) {
            Group* busy[kGroups];
            std::uint32_t busy_count = 0;
            for (std::uint32_t g = 0; g < kGroups && done < count; ++g) {
                const std::size_t take = count - done < kLanes ? count - done : kLanes;
                start(groups[g], merges, jobs + done, static_cast<std::uint32_t>(take));
                done += take;
                busy[busy_count++] = &groups[g];
            }
            while (busy_count != 0) {
                for (std::uint32_t g = 0; g < busy_count;) {
                    if (merge(*busy[g], pairs)) {
                        ++g;
                    } else {
                        finish(*busy[g]);
                        busy[g] = busy[--busy_count];
                    }
                }
                for (std::uint32_t g = 0; g < busy_count; ++g) look_up(*busy[g], pairs);
            }
        }
    }

private:
    static void start(Group& group, const vocab::Merges& merges, MergeJob* const* jobs, std::uint32_t count) {
        const Symbol* const symbol_of_byte = merges.symbol_of_byte().data();
        const Symbol* const byte_pairs = merges.byte_pairs();
        std::uint32_t longest = 0;
        for (std::uint32_t lane = 0; lane < count; ++lane) longest = jobs[lane]->length > longest ? jobs[lane]->length : longest;
        const Vector none = Lanes::set(kNoSymbol);
        for (std::uint32_t row = 0; row <= longest; ++row) {
            Lanes::store(group.table[row].symbol.lane, none);
            Lanes::store(group.table[row].rank.lane, none);
        }
        for (std::uint32_t lane = 0; lane < count; ++lane) {
            const std::uint8_t* const bytes = jobs[lane]->bytes;
            const std::uint32_t last = jobs[lane]->length - 1;
            for (std::uint32_t i = 0; i < last; ++i) {
                group.table[i].symbol.lane[lane] = symbol_of_byte[bytes[i]];
                group.table[i].rank.lane[lane] = byte_pairs[load<std::uint16_t>(bytes + i)];
            }
            group.table[last].symbol.lane[lane] = symbol_of_byte[bytes[last]];
            group.counts.lane[lane] = last + 1;
            group.jobs[lane] = jobs[lane];
        }
        for (std::uint32_t row = 0; row <= longest; ++row) {
            TableRow& at = group.table[row];
            Lanes::store(at.symbol.lane, Lanes::either(Lanes::load(at.symbol.lane), Lanes::set(row << kSymbolBits)));
            Lanes::store(at.rank.lane, Lanes::either(Lanes::template shift_left<kRowBits>(Lanes::load(at.rank.lane)), Lanes::set(row)));
        }
        group.job_count = count;
        group.rows = longest - 1;
        // As if the last merge had happened behind the table and made something that merges with nothing.
        Lanes::store(group.guard.symbol.lane, none);
        Lanes::store(group.left.neighbour.lane, none);
        Lanes::store(group.right.neighbour.lane, none);
        Lanes::store(group.made.lane, none);
        Lanes::store(group.row.lane, Lanes::set(kNoRow));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) group.left.entries.lane[lane] = group.right.entries.lane[lane] = ~std::uint64_t(0);
    }

    // Merges one pair in every lane that has one; false if there is none.
    static bool merge(Group& group, const vocab::PairTable& pairs) {
        const std::uint32_t rows = group.rows;
        if (rows == 0) return false;
        const Vector one = Lanes::set(1), none = Lanes::set(kNoSymbol);
        const Vector least = enter_ranks(group);
        const Mask active = Lanes::less(least, Lanes::set(kNoSymbol << kRowBits));
        if (Lanes::none(active)) return false;

        const Vector row = Lanes::select(active, Lanes::both(least, Lanes::set((1u << kRowBits) - 1)), Lanes::set(kNoRow));
        const Vector made = Lanes::template shift_right<kRowBits>(least);
        const Vector counts = Lanes::load(group.counts.lane);
        Lanes::store(group.counts.lane, Lanes::select(active, Lanes::subtract(counts, one), counts));
        Lanes::store(group.row.lane, row);
        Lanes::store(group.made.lane, made);
        --group.rows;

        Vector left = none, right = none;
        if constexpr (kFewRows) {
            const Vector before = Lanes::subtract(row, one), behind = Lanes::add(row, one);
            Vector here = Lanes::set(0), symbol = Lanes::load(group.table[0].symbol.lane), rank = Lanes::load(group.table[0].rank.lane);
            for (std::uint32_t p = 0; p < rows; ++p, here = Lanes::add(here, one)) {
                const Vector next_symbol = Lanes::load(group.table[p + 1].symbol.lane), next_rank = Lanes::load(group.table[p + 1].rank.lane);
                const Mask moves = Lanes::greater(here, row);
                symbol = Lanes::select(moves, next_symbol, symbol);
                symbol = Lanes::select(Lanes::equal(here, row), Lanes::either(Lanes::without(symbol, none), made), symbol);
                Lanes::store(group.table[p].symbol.lane, symbol);
                Lanes::store(group.table[p].rank.lane, Lanes::select(moves, Lanes::subtract(next_rank, one), rank));
                left = Lanes::select(Lanes::equal(here, before), symbol, left);
                right = Lanes::select(Lanes::equal(here, behind), symbol, right);
                symbol = next_symbol;
                rank = next_rank;
            }
        } else {
            // The neighbours are read, and the new symbol written, where the rows of the lanes do not move.
            for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
                const std::uint32_t at = group.row.lane[lane];
                TableRow* const place = group.table + at;
                group.left.neighbour.lane[lane] = (place - 1)->symbol.lane[lane];
                group.right.neighbour.lane[lane] = at + 1 < rows ? (place + 2)->symbol.lane[lane] : kNoSymbol;
            }
            Vector here = Lanes::set(0), symbol = Lanes::load(group.table[0].symbol.lane), rank = Lanes::load(group.table[0].rank.lane);
            for (std::uint32_t p = 0; p < rows; ++p, here = Lanes::add(here, one)) {
                const Vector next_symbol = Lanes::load(group.table[p + 1].symbol.lane), next_rank = Lanes::load(group.table[p + 1].rank.lane);
                const Mask moves = Lanes::greater(here, row);
                Lanes::store(group.table[p].symbol.lane, Lanes::select(moves, next_symbol, symbol));
                Lanes::store(group.table[p].rank.lane, Lanes::select(moves, Lanes::subtract(next_rank, one), rank));
                symbol = next_symbol;
                rank = next_rank;
            }
            for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
                std::uint32_t& symbol_here = group.table[group.row.lane[lane]].symbol.lane[lane];
                symbol_here = (symbol_here & ~kNoSymbol) | group.made.lane[lane];
            }
            left = Lanes::load(group.left.neighbour.lane);
            right = Lanes::load(group.right.neighbour.lane);
        }
        left = Lanes::both(left, none);
        right = Lanes::both(right, none);
        hash(group.left, pairs, left, made);
        hash(group.right, pairs, made, right);
        Lanes::store(group.left.neighbour.lane, left);
        Lanes::store(group.right.neighbour.lane, right);
        read_displacements(group.left, pairs);
        read_displacements(group.right, pairs);
        return true;
    }

    // Enters the ranks of the two pairs beside the last merge into the table; returns the least entry of every lane.
    static Vector enter_ranks(Group& group) {
        const Vector row = Lanes::load(group.row.lane), before = Lanes::subtract(row, Lanes::set(1)), made = Lanes::load(group.made.lane);
        const Vector left_rank = Lanes::answer(group.left.entries.lane, Lanes::load(group.left.neighbour.lane), made);
        const Vector right_rank = Lanes::answer(group.right.entries.lane, made, Lanes::load(group.right.neighbour.lane));
        const Vector left = Lanes::either(Lanes::template shift_left<kRowBits>(left_rank), before);
        const Vector right = Lanes::either(Lanes::template shift_left<kRowBits>(right_rank), row);
        if constexpr (kFewRows) {
            Vector least = Lanes::set(~std::uint32_t(0)), here = Lanes::set(0);
            for (std::uint32_t p = 0; p < group.rows; ++p, here = Lanes::add(here, Lanes::set(1))) {
                Vector entry = Lanes::load(group.table[p].rank.lane);
                entry = Lanes::select(Lanes::equal(here, before), left, entry);
                entry = Lanes::select(Lanes::equal(here, row), right, entry);
                Lanes::store(group.table[p].rank.lane, entry);
                least = Lanes::least(least, entry);
            }
            return least;
        } else {
            // The rows of the two pairs are overwritten below; what stands there does not count.
            Row entries[2];
            Lanes::store(entries[0].lane, left);
            Lanes::store(entries[1].lane, right);
            for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
                TableRow* const place = group.table + group.row.lane[lane];
                (place - 1)->rank.lane[lane] = entries[0].lane[lane];
                place->rank.lane[lane] = entries[1].lane[lane];
            }
            Vector least = Lanes::load(group.table[0].rank.lane);
            for (std::uint32_t p = 1; p < group.rows; ++p) least = Lanes::least(least, Lanes::load(group.table[p].rank.lane));
            return least;
        }
    }

    static void hash(Side& side, const vocab::PairTable& pairs, Vector left, Vector right) {
        const Vector bucket_hash = Lanes::add(Lanes::multiply(left, Lanes::set(pairs.bucket_left)), Lanes::multiply(right, Lanes::set(pairs.bucket_right)));
        Lanes::store(side.buckets.lane, Lanes::shift_right_by(bucket_hash, pairs.bucket_shift));
        Lanes::store(side.hashes.lane, Lanes::add(Lanes::multiply(left, Lanes::set(pairs.slot_left)), Lanes::multiply(right, Lanes::set(pairs.slot_right))));
    }

    static void read_displacements(Side& side, const vocab::PairTable& pairs) {
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) side.displacements.lane[lane] = pairs.displacements[side.buckets.lane[lane]];
    }

    static void look_up(Group& group, const vocab::PairTable& pairs) {
        look_up(group.left, pairs);
        look_up(group.right, pairs);
    }
    static void look_up(Side& side, const vocab::PairTable& pairs) {
        const Vector displacement = Lanes::load(side.displacements.lane);
        const Vector shifted = Lanes::shift_right_each(Lanes::load(side.hashes.lane), Lanes::template shift_right<vocab::PairTable::kShiftAt>(displacement));
        Lanes::store(side.slots.lane, Lanes::both(Lanes::exclusive(shifted, displacement), Lanes::set(pairs.slot_mask)));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) side.entries.lane[lane] = pairs.slots[side.slots.lane[lane]];
    }

    static void finish(Group& group) {
        constexpr std::uint32_t kAtOnce = 4;  // most words become 2 or 3 tokens: no branch on their number below this
        for (std::uint32_t lane = 0; lane < group.job_count; ++lane) {
            MergeJob& job = *group.jobs[lane];
            const std::uint32_t count = group.counts.lane[lane];
            std::uint64_t starts = 0;
            const auto put = [&](std::uint32_t i) {
                const std::uint32_t entry = group.table[i].symbol.lane[lane];
                job.symbols[i] = entry & kNoSymbol;
                starts |= std::uint64_t(i < count) << (entry >> kSymbolBits & 63);
            };
            for (std::uint32_t i = 0; i < kAtOnce; ++i) put(i);
            for (std::uint32_t i = kAtOnce; i < count; ++i) put(i);
            job.symbol_count = count;
            job.starts = starts;
        }
    }
};

// Puts jobs in order of their length and merges them, a block at a time.
template <class Lanes, std::uint32_t kMaxBytes, std::uint32_t kGroups>
void merge_in_columns(const vocab::Merges& merges, MergeJob* jobs, std::size_t count) {
    constexpr std::size_t kBlock = 512;
    MergeJob* order[kBlock];
    for (std::size_t done = 0; done < count;) {
        const std::size_t block = count - done < kBlock ? count - done : kBlock;
        std::uint16_t begin[kMaxBytes + 2] = {};
        for (std::size_t i = 0; i < block; ++i) ++begin[jobs[done + i].length + 1];
        for (std::uint32_t length = 1; length <= kMaxBytes + 1; ++length) begin[length] = static_cast<std::uint16_t>(begin[length] + begin[length - 1]);
        for (std::size_t i = 0; i < block; ++i) order[begin[jobs[done + i].length]++] = jobs + done + i;
        ColumnMerger<Lanes, kMaxBytes>::template run<kGroups>(merges, order, block);
        done += block;
    }
}
