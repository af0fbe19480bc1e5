// The profile lru: a full book recycles the phrase that was not used for longest, so that a long stream keeps its gain. The book is
// a function of the ids that were written and of nothing else, and a code means the same before and after its own step: writer
// and reader run the same follow() after each id.
//
//   - The phrase is used, and with it all shorter ones that it grew from.
//   - The phrase before it and its first id become an entry, unless they are one already, are longer than max_subtokens, or an id
//     that stands alone lies between. If the book is full, the entry that was not used for longest gives up its row; if that is
//     one of the two phrases at hand, nothing is installed. Entries of the seed are never given up.
//
// Against LZW's habit (and zip2zip's) an entry is not usable for the very phrase that completes it. That costs a step on runs of one
// id, and spares readers, and models, codes whose meaning hangs on themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "condensed/hypertoken_rules.hpp"
#include "condensed/journal.hpp"
#include "condensed/phrase_table.hpp"
#include "condensed/reading.hpp"
#include "condensed/sinks.hpp"

namespace tokmill::condensed {

// The phrases, and the order of their last use. A node is the number of its code. In the order an entry stands behind everything
// that it grew from, so the last one has no longer phrase hanging on it: it is the leaf to recycle.
class LruBook {
public:
    LruBook(const HypertokenRules& rules, std::size_t phrases);

    void clear();

    Node find(Node node, std::int32_t id) const noexcept { return table_.find(node, id); }
    bool has(std::int32_t code) const noexcept { return code >= vocab_size_ && code < vocab_size_ + count_; }
    std::int32_t count() const noexcept { return count_; }
    std::int32_t length(Node node) const noexcept {
        return node < vocab_size_ ? 1 : static_cast<std::int32_t>(links_[row(node)].id_and_length & 0xFF);
    }
    void expand(Node node, std::int32_t* ids) const noexcept;

    void use(Node node);
    // The entry `before` + id, as the rule says; `current` is the other phrase at hand. Returns its row, or -1.
    std::int32_t install(Node before, std::int32_t id, Node current);

    void keep_journal(Journal* journal) noexcept { journal_ = journal; }
    void undo(const Change& change);

    std::size_t row_end() const noexcept { return static_cast<std::size_t>(count_); }
    // Writes the phrase of a row and returns its length.
    std::size_t phrase(std::size_t row, std::int32_t* ids) const noexcept {
        expand(vocab_size_ + static_cast<std::int32_t>(row), ids);
        return links_[row].id_and_length & 0xFF;
    }

private:
    struct Link {
        Node parent;
        std::uint32_t id_and_length;  // id << 8 | length
    };
    // Neighbours in the order of use; row_end() is the ring's anchor: its next is the first, its previous the last.
    struct Neighbours {
        std::int32_t previous;
        std::int32_t next;
    };
    std::size_t row(Node node) const noexcept { return static_cast<std::size_t>(node - vocab_size_); }
    std::int32_t anchor() const noexcept { return book_size_; }
    bool is_ordered(Node node) const noexcept { return node >= vocab_size_ + seed_size_; }
    void unlink(std::int32_t row) noexcept;
    void link_behind(std::int32_t row, std::int32_t place) noexcept;
    void plant_seed();

    const HypertokenRules* rules_;
    std::int32_t vocab_size_;
    std::int32_t book_size_;
    std::int32_t seed_size_;
    std::int32_t count_ = 0;
    PhraseTable table_;
    std::vector<Link> links_;
    std::vector<Neighbours> order_;
    Journal* journal_ = nullptr;
};

// The state that an id leaves behind, beside the book.
struct LruMark {
    Node before = kNoNode;
    Node node = kNoNode;  // of the writer: the phrase that may still grow
    std::int32_t length = 0;
    std::int32_t first = 0;
};

class LruReader {
public:
    using Rules = HypertokenRules;
    explicit LruReader(const HypertokenRules& rules, std::size_t phrases = 0) : rules_(&rules), book_(rules, phrases) {}

    void clear();

    // As Zip2zipReader::read(). Leniently read, a code that the book does not have is the phrase before with its first id once more;
    // the book does not learn from it.
    std::size_t read(std::int32_t code, Reading reading, std::int64_t position, std::int32_t* ids);
    // Whether read() would refuse: the same error.
    void check(std::int32_t code, Reading reading, std::int64_t position) const {
        if (rules_->is_base(code) || book_.has(code)) return;
        if (reading == Reading::strict || code < 0 || before_ == kNoNode) refuse_code(code, rules_->vocab_size() + book_.count(), position);
    }
    // The row that the last id has installed, or -1.
    std::int32_t last_row() const noexcept { return last_row_; }

    const LruBook& book() const noexcept { return book_; }

    using Mark = LruMark;
    void keep_journal(Journal* journal) noexcept { book_.keep_journal(journal); }
    void mark(Mark& mark) const { mark.before = before_; }
    void restore(const Mark& mark) { before_ = mark.before; }
    void undo(const Change& change) { book_.undo(change); }

private:
    friend class LruWriter;

    void follow(Node node, std::int32_t first);

    const HypertokenRules* rules_;
    LruBook book_;
    Node before_ = kNoNode;  // the last phrase, if it may still make an entry
    std::int32_t last_row_ = -1;
};

class LruWriter {
public:
    using Rules = HypertokenRules;
    // What was held back, and an id that stands alone.
    static constexpr std::size_t most_ids_a_step(const Rules&) noexcept { return 2; }
    explicit LruWriter(const HypertokenRules& rules, std::size_t phrases = 0) : rules_(&rules), reader_(rules, phrases) {}

    void clear();
    // As Zip2zipWriter.
    void take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out);
    void cut(CondensedSink& out);

    const LruBook& book() const noexcept { return reader_.book(); }
    std::int32_t pending() const noexcept { return length_; }
    // Writes the ids that are kept; returns how many.
    std::size_t pending_ids(std::int32_t* ids) const noexcept {
        if (length_ != 0) book().expand(node_, ids);
        return static_cast<std::size_t>(length_);
    }

    using Mark = LruMark;
    void keep_journal(Journal* journal) noexcept { reader_.keep_journal(journal); }
    void mark(Mark& mark) const { mark = {reader_.before_, node_, length_, first_}; }
    void restore(const Mark& mark) {
        reader_.restore(mark);
        node_ = mark.node;
        length_ = mark.length;
        first_ = mark.first;
    }
    void undo(const Change& change) { reader_.undo(change); }

private:
    const HypertokenRules* rules_;
    LruReader reader_;
    Node node_ = kNoNode;
    std::int32_t length_ = 0;
    std::int32_t first_ = 0;
};

}  // namespace tokmill::condensed
