// Merging with one job a vector lane. Included inside a target region by the file of an instruction set, which brings a
// class `Lanes` of vector operations on u32.
//
// Why: within one word a merge is a chain of about 20 dependent steps, and most of its cost is moving between vectors and
// single values. Across words finding the least rank and hashing two pairs are vector operations for all lanes, no
// branch depends on the text, and all lanes' look-ups are in flight together.
//
// Two forms. Words (few symbols, so many jobs that they can be sorted by length) keep everything in columns and move whole rows.
// Windows keep only the ranks in columns; their symbols stay where they are and a bit mask tells which are left.
// Both read tables lane by lane through memory, which costs less than gather instructions on many processors. What is
// stored lane by lane has to settle before it is loaded as a vector: so a round is cut into steps, and each step
// is done for a few groups of lanes before the next one. Meanwhile memory answers.
//
// A rank entry is rank << 6 | position, so that the least entry is the leftmost of the least ranks and tells where it is.

constexpr std::uint32_t kPositionBits = 6;
constexpr std::uint32_t kNoEntry = kNoSymbol << kPositionBits;  // this and more: no pair

template <class Lanes, class T = std::uint32_t>
struct alignas(Lanes::kCount * 4) Row {
    T lane[Lanes::kCount];
};

// The pairs on one side of each lane's last merge, on their way through the table.
template <class Lanes>
struct PairRow {
    using Vector = typename Lanes::Vector;

    Row<Lanes> neighbours, buckets, hashes, displacements, slots;
    Row<Lanes, std::uint64_t> entries;

    void hash(const vocab::PairTable& pairs, Vector left, Vector right) {
        const Vector bucket_hash = Lanes::add(Lanes::multiply(left, Lanes::set(pairs.bucket_left)), Lanes::multiply(right, Lanes::set(pairs.bucket_right)));
        const Vector slot_hash = Lanes::add(Lanes::multiply(left, Lanes::set(pairs.slot_left)), Lanes::multiply(right, Lanes::set(pairs.slot_right)));
        Lanes::store(buckets.lane, Lanes::shift_right_by(bucket_hash, pairs.bucket_shift));
        Lanes::store(hashes.lane, slot_hash);
    }
    void read_displacements(const vocab::PairTable& pairs) {
        for (std::uint32_t lane = 0; lane < Lanes::kCount; ++lane) displacements.lane[lane] = pairs.displacements[buckets.lane[lane]];
    }
    void read_entries(const vocab::PairTable& pairs) {
        const Vector displacement = Lanes::load(displacements.lane);
        const Vector shifted = Lanes::shift_right_each(Lanes::load(hashes.lane), Lanes::template shift_right<vocab::PairTable::kShiftAt>(displacement));
        Lanes::store(slots.lane, Lanes::both(Lanes::exclusive(shifted, displacement), Lanes::set(pairs.slot_mask)));
        for (std::uint32_t lane = 0; lane < Lanes::kCount; ++lane) entries.lane[lane] = pairs.slots[slots.lane[lane]];
    }
    // What the pairs merge into, ready to be or-ed with their positions.
    Vector ranks(Vector left, Vector right) const { return Lanes::template shift_left<kPositionBits>(Lanes::answer(entries.lane, left, right)); }
};

// Runs the steps of all groups side by side until none has work. step(group, 0) returns false when the group is done.
template <std::uint32_t kSteps, class Group, class Step>
void run_groups(Group* groups, std::uint32_t count, const Step& step) {
    Group* busy[8];
    for (std::uint32_t g = 0; g < count; ++g) busy[g] = groups + g;
    while (count != 0) {
        for (std::uint32_t g = 0; g < count;) {
            if (step(*busy[g], 0)) {
                ++g;
            } else {
                busy[g] = busy[--count];
            }
        }
        for (std::uint32_t s = 1; s < kSteps; ++s)
            for (std::uint32_t g = 0; g < count; ++g) step(*busy[g], s);
    }
}

// Words: row p of a table holds the p-th symbol of all jobs of a group, and a round merges one pair in each of them. The gap
// that a merge leaves is closed by moving the rows behind it up; in round t every lane still at work has exactly t
// symbols less than it had, so the table shrinks by a row a round, and neighbours are neighbouring rows. A group takes
// as many rounds as its slowest job; words of one length differ little in the number of their merges.
//   example, lane of "abcd" with bc the pair of lowest rank 300:  ranks  ab<<6|0  300<<6|1  cd<<6|2
//   least = 300<<6|1 -> row 1 becomes symbol 300, row 2 becomes d; the new pairs are (a, 300) and (300, d)
template <class Lanes>
class WordMerger {
    using Vector = typename Lanes::Vector;
    using Mask = typename Lanes::Mask;
    static constexpr std::uint32_t kLanes = Lanes::kCount;
    static constexpr std::uint32_t kSymbolBits = vocab::PairTable::kSymbolBits;
    static constexpr std::uint32_t kNoRow = kMaxWordBytes + 1;  // where a lane merges that has nothing left to merge
    static constexpr std::uint32_t kGroups = 4;

    struct TableRow {
        Row<Lanes> symbol;  // first byte << 21 | symbol
        Row<Lanes> rank;
    };
    struct Group {
        TableRow table[kMaxWordBytes + 1];
        PairRow<Lanes> left, right;
        Row<Lanes> made, row, counts;  // the last merge: what it made and where; the number of symbols
        MergeJob* jobs[kLanes];
        std::uint32_t job_count, rows;  // rows: of pairs, in the lanes still at work
    };

public:
    explicit WordMerger(const vocab::Merges& merges)
        : pairs_(merges.table()), byte_pairs_(merges.byte_pairs()), symbol_of_byte_(merges.symbol_of_byte().data()) {}

    // Jobs in any order; best with those of equal length side by side.
    void run(MergeJob* const* jobs, std::size_t count) {
        Group groups[kGroups];
        while (count != 0) {
            std::uint32_t used = 0;
            while (used < kGroups && count != 0) {
                const auto taken = static_cast<std::uint32_t>(count < kLanes ? count : kLanes);
                start(groups[used++], jobs, taken);
                jobs += taken;
                count -= taken;
            }
            run_groups<2>(groups, used, [&](Group& group, std::uint32_t step) {
                if (step == 0) return merge(group);
                group.left.read_entries(pairs_);
                group.right.read_entries(pairs_);
                return true;
            });
        }
    }

private:
    void start(Group& group, MergeJob* const* jobs, std::uint32_t count) const {
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
                group.table[i].symbol.lane[lane] = symbol_of_byte_[bytes[i]];
                group.table[i].rank.lane[lane] = byte_pairs_[load<std::uint16_t>(bytes + i)];
            }
            group.table[last].symbol.lane[lane] = symbol_of_byte_[bytes[last]];
            group.counts.lane[lane] = last + 1;
            group.jobs[lane] = jobs[lane];
        }
        for (std::uint32_t row = 0; row <= longest; ++row) {
            TableRow& at = group.table[row];
            Lanes::store(at.symbol.lane, Lanes::either(Lanes::load(at.symbol.lane), Lanes::set(row << kSymbolBits)));
            Lanes::store(at.rank.lane, Lanes::either(Lanes::template shift_left<kPositionBits>(Lanes::load(at.rank.lane)), Lanes::set(row)));
        }
        group.job_count = count;
        group.rows = longest - 1;
        // As if the last merge had happened behind the table; whatever its pairs give, it is entered nowhere.
        Lanes::store(group.left.neighbours.lane, none);
        Lanes::store(group.right.neighbours.lane, none);
        Lanes::store(group.made.lane, none);
        Lanes::store(group.row.lane, Lanes::set(kNoRow + 1));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) group.left.entries.lane[lane] = group.right.entries.lane[lane] = 0;
    }

    // Merges one pair in every lane that has one; false, and all jobs given back, if none has.
    bool merge(Group& group) const {
        const std::uint32_t rows = group.rows;
        const Vector least = enter_ranks(group);
        const Mask active = Lanes::less(least, Lanes::set(kNoEntry));
        if (Lanes::none(active)) {
            finish(group);
            return false;
        }
        const Vector one = Lanes::set(1), none = Lanes::set(kNoSymbol);
        const Vector row = Lanes::select(active, Lanes::both(least, Lanes::set((1u << kPositionBits) - 1)), Lanes::set(kNoRow));
        const Vector made = Lanes::template shift_right<kPositionBits>(least);
        const Vector counts = Lanes::load(group.counts.lane);
        Lanes::store(group.counts.lane, Lanes::select(active, Lanes::subtract(counts, one), counts));
        Lanes::store(group.row.lane, row);
        Lanes::store(group.made.lane, made);
        group.rows = rows - 1;

        const Vector before = Lanes::subtract(row, one), behind = Lanes::add(row, one);
        Vector left = none, right = none, here = Lanes::set(0);
        Vector symbol = Lanes::load(group.table[0].symbol.lane), rank = Lanes::load(group.table[0].rank.lane);
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
        left = Lanes::both(left, none);
        right = Lanes::both(right, none);
        Lanes::store(group.left.neighbours.lane, left);
        Lanes::store(group.right.neighbours.lane, right);
        group.left.hash(pairs_, left, made);
        group.right.hash(pairs_, made, right);
        group.left.read_displacements(pairs_);
        group.right.read_displacements(pairs_);
        return true;
    }

    // Enters the ranks of the two pairs beside the last merge into the table; returns the least entry of every lane.
    static Vector enter_ranks(Group& group) {
        const Vector row = Lanes::load(group.row.lane), before = Lanes::subtract(row, Lanes::set(1)), made = Lanes::load(group.made.lane);
        const Vector left = Lanes::either(group.left.ranks(Lanes::load(group.left.neighbours.lane), made), before);
        const Vector right = Lanes::either(group.right.ranks(made, Lanes::load(group.right.neighbours.lane)), row);
        Vector least = Lanes::set(kNoEntry), here = Lanes::set(0);
        for (std::uint32_t p = 0; p < group.rows; ++p, here = Lanes::add(here, Lanes::set(1))) {
            Vector entry = Lanes::load(group.table[p].rank.lane);
            entry = Lanes::select(Lanes::equal(here, before), left, entry);
            entry = Lanes::select(Lanes::equal(here, row), right, entry);
            Lanes::store(group.table[p].rank.lane, entry);
            least = Lanes::least(least, entry);
        }
        return least;
    }

    static void finish(const Group& group) {
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

    const vocab::PairTable pairs_;
    const Symbol* const byte_pairs_;
    const Symbol* const symbol_of_byte_;
};

// Windows: a lane keeps `alive`, one bit a symbol at the position of its first byte (position 0 is a guard before the
// window, length + 1 one behind it); its symbols by position; and in the table `ranks`, in row p of its column, the rank of the
// pair that begins at position p. A lane whose job is done takes the next one at once.
//   example, "abcd" with bc the pair of lowest rank 300:   position  0 1 2 3 4 5      symbols  - a b c d -
//   alive 111111, least entry 300 << 6 | 2  ->  symbols - a 300 . d -, alive 111011 (position 0 first),
//   row 3 holds nothing any more, and the new pairs (a, 300) and (300, d) belong to rows 1 and 2
template <class Lanes>
class WindowMerger {
    using Vector = typename Lanes::Vector;
    static constexpr std::uint32_t kLanes = Lanes::kCount;
    static constexpr std::uint32_t kPositions = kMaxWindowBytes + 2;
    static_assert(kPositions == 64, "a window's symbols and its two guards are the bits of a u64");
    static constexpr std::uint32_t kGroups = 32 / kLanes;  // 10 KiB a group of 16: two of them fit the first-level cache

    struct Side : PairRow<Lanes> {
        Row<Lanes> positions, entered;  // where the pairs begin; their rank entries
    };
    struct Group {
        Row<Lanes> ranks[kPositions];
        Side left, right;
        Row<Lanes> least, made;
        std::uint64_t alive[kLanes];
        MergeJob* jobs[kLanes];       // null: no work
        Symbol symbols[kLanes][kPositions];
        std::uint32_t busy, longest;  // lanes at work; their longest job
    };

public:
    explicit WindowMerger(const vocab::Merges& merges)
        : pairs_(merges.table()), byte_pairs_(merges.byte_pairs()), symbol_of_byte_(merges.symbol_of_byte().data()) {}

    void run(MergeJob* const* jobs, std::size_t count) {
        next_ = jobs;
        end_ = jobs + count;
        Group groups[kGroups];
        std::uint32_t used = 0;
        while (used < kGroups && next_ != end_) start(groups[used++]);
        run_groups<4>(groups, used, [&](Group& group, std::uint32_t step) {
            if (step == 0) {
                merge(group);
            } else if (step == 1) {
                read_displacements(group);
            } else if (step == 2) {
                group.left.read_entries(pairs_);
                group.right.read_entries(pairs_);
            } else {
                enter_ranks(group);
            }
            return group.busy != 0;
        });
    }

private:
    void start(Group& group) {
        group.busy = group.longest = 0;
        for (Row<Lanes>& row : group.ranks) Lanes::store(row.lane, Lanes::set(kNoEntry));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) take_job(group, lane);
    }

    // The next job for a lane whose column of ranks is empty.
    void take_job(Group& group, std::uint32_t lane) {
        group.left.neighbours.lane[lane] = group.right.neighbours.lane[lane] = kNoSymbol;
        group.left.positions.lane[lane] = group.right.positions.lane[lane] = 0;  // row 0 is written and never read
        if (next_ == end_) {
            group.jobs[lane] = nullptr;
            return;
        }
        MergeJob* const job = *next_++;
        group.jobs[lane] = job;
        ++group.busy;
        const std::uint8_t* const bytes = job->bytes;
        const std::uint32_t length = job->length;
        if (length > group.longest) group.longest = length;
        Symbol* const symbols = group.symbols[lane];
        symbols[0] = kNoSymbol;
        for (std::uint32_t i = 0; i < length; ++i) symbols[i + 1] = symbol_of_byte_[bytes[i]];
        symbols[length + 1] = kNoSymbol;
        for (std::uint32_t i = 0; i + 1 < length; ++i)
            group.ranks[i + 1].lane[lane] = byte_pairs_[load<std::uint16_t>(bytes + i)] << kPositionBits | (i + 1);
        group.alive[lane] = (std::uint64_t(2) << (length + 1)) - 1;
    }

    // Merges one pair in every lane; a lane that has none gives its job back and takes another.
    void merge(Group& group) {
        Vector least = Lanes::set(kNoEntry);
        for (std::uint32_t p = 1; p < group.longest; ++p) least = Lanes::least(least, Lanes::load(group.ranks[p].lane));
        Lanes::store(group.least.lane, least);
        Lanes::store(group.made.lane, Lanes::template shift_right<kPositionBits>(least));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
            const std::uint32_t entry = group.least.lane[lane];
            if (entry >= kNoEntry) {
                if (group.jobs[lane] != nullptr) {
                    finish_job(group, lane);
                    take_job(group, lane);
                }
                continue;
            }
            const std::uint32_t here = entry & (kPositions - 1);
            const std::uint64_t alive = group.alive[lane];
            const std::uint64_t behind = alive >> here >> 1;  // bit i: position here + 1 + i
            const std::uint32_t gone = here + 1 + static_cast<std::uint32_t>(__builtin_ctzll(behind));
            const std::uint32_t after = here + 1 + static_cast<std::uint32_t>(__builtin_ctzll(behind & (behind - 1)));
            const std::uint32_t before = 63 - static_cast<std::uint32_t>(__builtin_clzll(alive & ((std::uint64_t(1) << here) - 1)));
            group.alive[lane] = alive ^ std::uint64_t(1) << gone;
            Symbol* const symbols = group.symbols[lane];
            symbols[here] = entry >> kPositionBits;
            group.ranks[gone].lane[lane] = kNoEntry;
            group.left.neighbours.lane[lane] = symbols[before];
            group.left.positions.lane[lane] = before;
            group.right.neighbours.lane[lane] = symbols[after];
            group.right.positions.lane[lane] = here;
        }
    }

    static void finish_job(Group& group, std::uint32_t lane) {
        MergeJob& job = *group.jobs[lane];
        const std::uint64_t starts = group.alive[lane] >> 1 & ((std::uint64_t(1) << job.length) - 1);
        Lanes::pack(group.symbols[lane] + 1, starts, job.symbols);
        job.starts = starts;
        job.symbol_count = static_cast<std::uint32_t>(__builtin_popcountll(starts));
        --group.busy;
    }

    void read_displacements(Group& group) const {
        const Vector made = Lanes::load(group.made.lane);
        group.left.hash(pairs_, Lanes::load(group.left.neighbours.lane), made);
        group.right.hash(pairs_, made, Lanes::load(group.right.neighbours.lane));
        group.left.read_displacements(pairs_);
        group.right.read_displacements(pairs_);
    }

    static void enter_ranks(Group& group) {
        const Vector made = Lanes::load(group.made.lane);
        enter(group, group.left, group.left.ranks(Lanes::load(group.left.neighbours.lane), made));
        enter(group, group.right, group.right.ranks(made, Lanes::load(group.right.neighbours.lane)));
    }
    static void enter(Group& group, Side& side, Vector ranks) {
        Lanes::store(side.entered.lane, Lanes::either(ranks, Lanes::load(side.positions.lane)));
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) group.ranks[side.positions.lane[lane]].lane[lane] = side.entered.lane[lane];
    }

    const vocab::PairTable pairs_;
    const Symbol* const byte_pairs_;
    const Symbol* const symbol_of_byte_;
    MergeJob* const* next_ = nullptr;
    MergeJob* const* end_ = nullptr;
};

// Puts jobs in the order of falling length (lanes run dry with short ones) and merges them, a block at a time.
template <class Merger, std::uint32_t kMaxBytes>
void merge_sorted(const vocab::Merges& merges, MergeJob* jobs, std::size_t count) {
    constexpr std::size_t kBlock = 512;
    MergeJob* order[kBlock];
    Merger merger(merges);
    while (count != 0) {
        const std::size_t block = count < kBlock ? count : kBlock;
        std::uint16_t end[kMaxBytes + 2] = {};  // end[n]: of the jobs of n bytes and more
        for (std::size_t i = 0; i < block; ++i) ++end[jobs[i].length];
        for (std::uint32_t length = kMaxBytes; length != 0; --length) end[length] = static_cast<std::uint16_t>(end[length] + end[length + 1]);
        for (std::size_t i = 0; i < block; ++i) order[--end[jobs[i].length]] = jobs + i;
        merger.run(order, block);
        jobs += block;
        count -= block;
    }
}

void merge_words(const vocab::Merges& merges, MergeJob* jobs, std::size_t count) { merge_sorted<WordMerger<Lanes>, kMaxWordBytes>(merges, jobs, count); }
void merge_windows(const vocab::Merges& merges, MergeJob* jobs, std::size_t count) {
    merge_sorted<WindowMerger<Lanes>, kMaxWindowBytes>(merges, jobs, count);
}
