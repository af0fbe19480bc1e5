// The profile zip2zip: a book that fills up and stays as it is. Zip2zipReader makes base ids and the book out of the codes, one
// code after the other; Zip2zipWriter makes the codes and keeps the same book, one entry ahead.
//
// The rule, from the writer's side: a phrase grows while the book knows it; the id that ends it makes, with the phrase, the next
// entry. A phrase of max_subtokens ids ends without an entry, and so does one before an id that stands alone. The reader sees
// phrase after phrase and adds to each the first id of the next. These are the semantics of zip2zip_compression 0.3.4, down to
// what its reader does with streams that its writer would never write: what a model writes is such a stream.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "condensed/journal.hpp"
#include "condensed/phrase_table.hpp"
#include "condensed/reading.hpp"
#include "condensed/hypertoken_rules.hpp"
#include "condensed/sinks.hpp"

namespace tokmill::condensed {

// The phrases and their codes. An entry's node in the trie is the number of its code. Streams that no writer wrote may ask for an
// entry whose shorter forms are none, or (leniently read) for codes out of turn: then nodes beyond the book serve, called ghosts. A
// ghost may have a code, or only lead on to longer phrases.
class Zip2zipBook {
public:
    // The rules have to outlive it. It starts with the seed; `phrases` is how many it is likely to hold.
    Zip2zipBook(const HypertokenRules& rules, std::size_t phrases);

    void clear();

    // The node of a known phrase grown by an id; kNoNode if that is no known phrase.
    Node find(Node node, std::int32_t id) const noexcept { return known(table_.find(node, id)); }
    // The node of any ids; kNoNode if they are no known phrase. Single base ids always are.
    Node find(const std::int32_t* ids, std::size_t count) const noexcept;
    Node known(Node node) const noexcept { return node < ghost_begin_ || ghosts_[ghost(node)].code >= 0 ? node : kNoNode; }
    std::int32_t code_of(Node node) const noexcept { return node < ghost_begin_ ? node : ghosts_[ghost(node)].code; }

    bool is_full() const noexcept { return next_ == ghost_begin_; }
    std::int32_t next() const noexcept { return next_; }  // the code of the next entry
    std::int32_t count() const noexcept { return next_ - vocab_size_; }
    std::size_t row_end() const noexcept { return std::min(static_cast<std::size_t>(count()), node_of_row_.size()); }

    // An entry under the next code: a known phrase that is grown, at the slot where the table does not have it. Not when full.
    void install_at(std::size_t slot, Node node, std::int32_t id, std::int32_t length) {
        const auto row = static_cast<std::size_t>(count());
        nodes_[row] = {node, pack(id, length)};
        node_of_row_[row] = next_;
        if (journal_ != nullptr) journal_->push_back({Change::Kind::installed, next_, next_, 1, -1});
        table_.insert_at(slot, node, id, next_++);
    }
    // Any phrase of two ids or more, under any code that is no base id.
    void install(const std::int32_t* ids, std::size_t count, std::int32_t code);

    // The node of a code, kNoNode if there is no such entry.
    Node node_of(std::int32_t code) const noexcept;
    std::int32_t length(Node node) const noexcept;
    // Writes the ids of a node, length(node) of them.
    void expand(Node node, std::int32_t* ids) const noexcept;

    const PhraseTable& table() const noexcept { return table_; }

    void keep_journal(Journal* journal) noexcept { journal_ = journal; }
    void undo(const Change& change);

    // Writes the phrase of a row and returns its length; 0 if there is none.
    std::size_t phrase(std::size_t row, std::int32_t* ids) const noexcept {
        const Node node = node_of_row_[row];
        if (node == kNoNode) return 0;
        expand(node, ids);
        return static_cast<std::size_t>(length(node));
    }

private:
    struct Link {
        Node parent;
        std::uint32_t id_and_length;  // id << 8 | length
    };
    struct Ghost {
        Link link;
        std::int32_t code;  // -1: none
    };
    static std::uint32_t pack(std::int32_t id, std::int32_t length) noexcept {
        return static_cast<std::uint32_t>(id) << 8 | static_cast<std::uint32_t>(length);
    }
    std::size_t ghost(Node node) const noexcept { return static_cast<std::size_t>(node - ghost_begin_); }
    const Link& link(Node node) const noexcept {
        return node < ghost_begin_ ? nodes_[static_cast<std::size_t>(node - vocab_size_)] : ghosts_[ghost(node)].link;
    }
    void plant_seed();
    void name(std::int32_t code, Node node);  // what a code means; kNoNode: nothing

    const HypertokenRules* rules_;
    std::int32_t vocab_size_;
    std::int32_t ghost_begin_;
    std::int32_t next_;
    PhraseTable table_;
    std::vector<Link> nodes_;        // of the entries, by row
    std::vector<Node> node_of_row_;  // kNoNode: no such entry
    std::vector<Ghost> ghosts_;
    std::unordered_map<std::int32_t, Node> strays_;  // entries whose code lies behind the book
    Journal* journal_ = nullptr;
};

// The state that an id leaves behind, beside the book.
struct Zip2zipMark {
    std::vector<std::int32_t> before;
    Node before_node = kNoNode;
    Node node = kNoNode;  // from here on of the writer
    std::int32_t length = 0;
    bool follows = false;
};

class Zip2zipReader {
public:
    using Rules = HypertokenRules;
    explicit Zip2zipReader(const HypertokenRules& rules, std::size_t phrases = 0) : rules_(&rules), book_(rules, phrases) {}

    void clear();

    // Writes the base ids of the next code (at most max_subtokens) and returns how many. Error(unknown_id) with `position`; nothing
    // has changed then.
    std::size_t read(std::int32_t code, Reading reading, std::int64_t position, std::int32_t* ids);

    // Whether read() would refuse: the same error.
    void check(std::int32_t code, Reading reading, std::int64_t position) const;
    // The row that the last code has installed, or -1.
    std::int32_t last_row() const noexcept { return last_row_; }

    const Zip2zipBook& book() const noexcept { return book_; }

    using Mark = Zip2zipMark;
    void keep_journal(Journal* journal) noexcept { book_.keep_journal(journal); }
    void mark(Mark& mark) const {
        mark.before.assign(before_.begin(), before_.end());
        mark.before_node = before_node_;
    }
    void restore(const Mark& mark) { set_before(mark.before_node, mark.before.data(), mark.before.size()); }
    void undo(const Change& change) { book_.undo(change); }

private:
    friend class Zip2zipWriter;

    // After a phrase: what came before it grows by its ids up to the first step that the book does not know; that is an entry.
    void follow(Node node, const std::int32_t* ids, std::size_t count);
    void set_before(Node node, const std::int32_t* ids, std::size_t count);
    void check_unknown(std::int32_t code, Reading reading, std::int64_t position) const;
    std::size_t read_unknown(std::int32_t code, std::int32_t* ids);

    const HypertokenRules* rules_;
    Zip2zipBook book_;
    // What may grow into an entry: the last phrase, but for streams that no writer wrote. Its node, if it is a known phrase.
    std::vector<std::int32_t> before_;
    Node before_node_ = kNoNode;
    std::int32_t last_row_ = -1;
};

class Zip2zipWriter {
public:
    using Rules = HypertokenRules;
    // What was held back, and an id that stands alone.
    static constexpr std::size_t most_ids_a_step(const Rules&) noexcept { return 2; }
    explicit Zip2zipWriter(const HypertokenRules& rules, std::size_t phrases = 0) : rules_(&rules), reader_(rules, phrases) {}

    void clear();

    // Goes on with the document; ids that may still grow are kept. Error(unknown_id) for ids outside of the vocabulary, at
    // `position` + their index.
    void take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out);
    // No phrase crosses this place: the end of a document, or a barrier.
    void cut(CondensedSink& out);

    const Zip2zipBook& book() const noexcept { return reader_.book(); }
    std::int32_t pending() const noexcept { return length_; }  // ids that are kept
    // Writes the ids that are kept; returns how many.
    std::size_t pending_ids(std::int32_t* ids) const noexcept {
        if (length_ != 0) book().expand(node_, ids);
        return static_cast<std::size_t>(length_);
    }

    using Mark = Zip2zipMark;
    void keep_journal(Journal* journal) noexcept { reader_.keep_journal(journal); }
    void mark(Mark& mark) const {
        reader_.mark(mark);
        mark.node = node_;
        mark.length = length_;
        mark.follows = follows_;
    }
    void restore(const Mark& mark) {
        reader_.restore(mark);
        node_ = mark.node;
        length_ = mark.length;
        follows_ = mark.follows;
    }
    void undo(const Change& change) { reader_.undo(change); }

private:
    void begin(std::int32_t id);
    void end(CondensedSink& out);

    const HypertokenRules* rules_;
    Zip2zipReader reader_;  // what a reader of the stream has, but for the entry that it makes of the next phrase's first id
    Node node_ = kNoNode;   // the phrase that may still grow
    std::int32_t length_ = 0;
    bool follows_ = false;  // the reader has to follow this phrase, since its first id made no entry
};

}  // namespace tokmill::condensed
