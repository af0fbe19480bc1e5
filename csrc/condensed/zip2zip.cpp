#include "condensed/zip2zip.hpp"

#include <algorithm>
#include <limits>

#include "base/errors.hpp"

namespace tokmill::condensed {

// ---- the book

Zip2zipBook::Zip2zipBook(const HypertokenRules& rules, std::size_t phrases)
    : rules_(&rules),
      vocab_size_(rules.vocab_size()),
      ghost_begin_(rules.code_end()),
      next_(rules.vocab_size()),
      table_(std::min<std::size_t>(std::max<std::size_t>(phrases, static_cast<std::size_t>(rules.seed_size())),
                                   static_cast<std::size_t>(rules.book_size()))),
      nodes_(static_cast<std::size_t>(rules.book_size())),
      node_of_row_(static_cast<std::size_t>(rules.book_size()), kNoNode) {
    plant_seed();
}

void Zip2zipBook::plant_seed() {
    const auto edges = rules_->seed_edges();
    for (std::size_t i = 0; i < edges.size(); ++i) {
        const auto row = static_cast<std::size_t>(rules_->seed_rows()[i]);
        const Node node = vocab_size_ + rules_->seed_rows()[i];
        nodes_[row] = {edges[i].parent, pack(edges[i].id, length(edges[i].parent) + 1)};
        node_of_row_[row] = node;
        table_.insert(edges[i].parent, edges[i].id, node);
    }
    next_ = vocab_size_ + rules_->seed_size();
}

void Zip2zipBook::clear() {
    table_.clear();
    if (!strays_.empty() || !ghosts_.empty()) {
        strays_.clear();
        ghosts_.clear();
        std::fill(node_of_row_.begin(), node_of_row_.end(), kNoNode);
    } else {
        std::fill(node_of_row_.begin(), node_of_row_.begin() + count(), kNoNode);
    }
    plant_seed();
}

Node Zip2zipBook::find(const std::int32_t* ids, std::size_t count) const noexcept {
    Node node = count == 0 ? kNoNode : ids[0];
    for (std::size_t i = 1; i < count && node != kNoNode; ++i) node = table_.find(node, ids[i]);
    return count < 2 || node == kNoNode ? node : known(node);
}

Node Zip2zipBook::node_of(std::int32_t code) const noexcept {
    if (code < ghost_begin_) return node_of_row_[static_cast<std::size_t>(code - vocab_size_)];
    const auto stray = strays_.find(code);
    return stray == strays_.end() ? kNoNode : stray->second;
}

std::int32_t Zip2zipBook::length(Node node) const noexcept {
    return node < vocab_size_ ? 1 : static_cast<std::int32_t>(link(node).id_and_length & 0xFF);
}

void Zip2zipBook::expand(Node node, std::int32_t* ids) const noexcept {
    for (std::int32_t i = length(node) - 1; i > 0; --i) {
        const Link& here = link(node);
        ids[i] = static_cast<std::int32_t>(here.id_and_length >> 8);
        node = here.parent;
    }
    ids[0] = node;
}

void Zip2zipBook::install(const std::int32_t* ids, std::size_t count, std::int32_t code) {
    if (next_ == std::numeric_limits<std::int32_t>::max() || ghosts_.size() + count > static_cast<std::size_t>(kNodeLimit - ghost_begin_))
        throw Error(ErrorKind::value, "the stream has made more entries than a book can count; begin a new document");
    const bool in_turn = code == next_ && code < ghost_begin_;
    std::uint32_t edges = 0;
    Node node = ids[0];
    for (std::size_t i = 1; i < count; ++i) {
        Node child = table_.find(node, ids[i]);
        if (child == kNoNode) {
            const Link made{node, pack(ids[i], static_cast<std::int32_t>(i) + 1)};
            if (i + 1 == count && in_turn) {
                child = code;
                nodes_[static_cast<std::size_t>(code - vocab_size_)] = made;
            } else {
                child = ghost_begin_ + static_cast<std::int32_t>(ghosts_.size());
                ghosts_.push_back({made, -1});
            }
            table_.insert(node, ids[i], child);
            ++edges;
        }
        node = child;
    }
    if (journal_ != nullptr) {
        const Node displaced = node_of(code);
        if (displaced != kNoNode) journal_->push_back({Change::Kind::displaced, displaced, code});
        journal_->push_back({Change::Kind::installed, node, code, edges, node < ghost_begin_ ? -1 : ghosts_[ghost(node)].code});
    }
    if (node >= ghost_begin_) ghosts_[ghost(node)].code = code;
    name(code, node);
    ++next_;
}

void Zip2zipBook::name(std::int32_t code, Node node) {
    if (code < ghost_begin_) {
        node_of_row_[static_cast<std::size_t>(code - vocab_size_)] = node;
    } else if (node == kNoNode) {
        strays_.erase(code);
    } else {
        strays_[code] = node;
    }
}

void Zip2zipBook::undo(const Change& change) {
    if (change.kind == Change::Kind::displaced) return name(change.a, change.what);
    --next_;
    name(change.a, kNoNode);
    Node node = change.what;
    if (node >= ghost_begin_) ghosts_[ghost(node)].code = change.c;
    for (std::uint32_t i = 0; i < change.b; ++i) {
        const Link made = link(node);
        table_.erase(made.parent, static_cast<std::int32_t>(made.id_and_length >> 8));
        if (node >= ghost_begin_) ghosts_.pop_back();
        node = made.parent;
    }
}

// ---- the reader

void Zip2zipReader::clear() {
    book_.clear();
    set_before(kNoNode, nullptr, 0);
}

void Zip2zipReader::set_before(Node node, const std::int32_t* ids, std::size_t count) {
    before_.assign(ids, ids + count);
    before_node_ = node;
}

std::size_t Zip2zipReader::read(std::int32_t code, Reading reading, std::int64_t position, std::int32_t* ids) {
    Node node = code;
    last_row_ = -1;
    if (rules_->is_alone(code)) {
        if (rules_->is_base(code)) {
            set_before(kNoNode, nullptr, 0);
            ids[0] = code;
            return 1;
        }
        if (code < 0) refuse_code(code, book_.next(), position);
        node = book_.node_of(code);
        if (node == kNoNode) {
            check_unknown(code, reading, position);
            return read_unknown(code, ids);
        }
    }
    const auto count = static_cast<std::size_t>(book_.length(node));
    book_.expand(node, ids);
    const std::int32_t row = book_.count();
    follow(node, ids, count);
    if (book_.count() != row) last_row_ = row;
    return count;
}

void Zip2zipReader::follow(Node node, const std::int32_t* ids, std::size_t count) {
    if (book_.is_full()) return set_before(kNoNode, nullptr, 0);
    const auto most = static_cast<std::size_t>(rules_->max_subtokens());
    if (before_.empty() || before_.size() == most) return set_before(node, ids, count);
    for (std::size_t i = 0; i < count; ++i) {
        before_.push_back(ids[i]);
        before_node_ = before_node_ != kNoNode ? book_.find(before_node_, ids[i]) : book_.find(before_.data(), before_.size());
        const bool is_new = before_node_ == kNoNode;
        if (!is_new && before_.size() < most) continue;
        if (is_new) book_.install(before_.data(), before_.size(), book_.next());
        const std::size_t rest = is_new ? i : i + 1;
        return set_before(rest == 0 ? node : book_.find(ids + rest, count - rest), ids + rest, count - rest);
    }
}

void Zip2zipReader::check(std::int32_t code, Reading reading, std::int64_t position) const {
    if (rules_->is_base(code)) return;
    if (code < 0) refuse_code(code, book_.next(), position);
    if (book_.node_of(code) == kNoNode) check_unknown(code, reading, position);
}

void Zip2zipReader::check_unknown(std::int32_t code, Reading reading, std::int64_t position) const {
    bool may_be = !before_.empty();
    if (may_be && reading == Reading::strict) {
        may_be = before_.size() < static_cast<std::size_t>(rules_->max_subtokens()) && !book_.is_full() && code == book_.next();
        if (may_be) {
            std::vector<std::int32_t> late = before_;
            late.push_back(before_.front());
            may_be = book_.find(late.data(), late.size()) == kNoNode;
        }
    }
    if (!may_be) refuse_code(code, book_.next(), position);
}

std::size_t Zip2zipReader::read_unknown(std::int32_t code, std::int32_t* ids) {
    const bool is_whole = before_.size() == static_cast<std::size_t>(rules_->max_subtokens());
    if (is_whole) {
        std::copy(before_.begin(), before_.end(), ids);
        follow(before_node_, ids, before_.size());
        return static_cast<std::size_t>(rules_->max_subtokens());
    }
    before_.push_back(before_.front());
    book_.install(before_.data(), before_.size(), code);
    last_row_ = code - rules_->vocab_size();
    before_node_ = book_.find(before_.data(), before_.size());
    std::copy(before_.begin(), before_.end(), ids);
    return before_.size();
}

// ---- the writer

void Zip2zipWriter::clear() {
    reader_.clear();
    length_ = 0;
    follows_ = false;
}

void Zip2zipWriter::take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out) {
    const std::int32_t most = rules_->max_subtokens();
    Zip2zipBook& book = reader_.book_;
    // The phrase lives in registers while ids extend it: through memory, each id would wait for the store of the one before.
    Node node = node_;
    std::int32_t length = length_;
    const auto aside = [&](auto&& step) {
        node_ = node;
        length_ = length;
        step();
        node = node_;
        length = length_;
    };
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t id = ids[i];
        if (rules_->is_alone(id)) [[unlikely]] {
            aside([&] {
                if (!rules_->is_base(id)) refuse_id(id, rules_->vocab_size(), position + static_cast<std::int64_t>(i));
                cut(out);
                reader_.set_before(kNoNode, nullptr, 0);
                out.put(id, 1, book.count());
            });
            continue;
        }
        if (length == 0) {
            if (reader_.before_.empty()) [[likely]] {
                node = id;
                length = 1;
            } else {
                aside([&] { begin(id); });
            }
        } else {
            const std::size_t slot = book.table().slot_of(node, id);
            const bool is_used = book.table().is_used(slot);
            const Node next = is_used ? book.known(book.table().node_at(slot)) : kNoNode;
            if (next != kNoNode) {
                node = next;
                ++length;
            } else if (follows_ || is_used) [[unlikely]] {
                aside([&] {
                    end(out);
                    begin(id);
                });
            } else {
                out.put(book.code_of(node), length, book.count());
                if (!book.is_full()) book.install_at(slot, node, id, length + 1);
                node = id;
                length = 1;
            }
        }
        if (length == most) {
            if (follows_) [[unlikely]] {
                aside([&] { end(out); });
            } else {
                out.put(book.code_of(node), length, book.count());
                length = 0;
            }
        }
    }
    node_ = node;
    length_ = length;
}

// The first id of a phrase. The reader will add it to what came before; if that makes an entry, it may be used at once.
void Zip2zipWriter::begin(std::int32_t id) {
    node_ = id;
    length_ = 1;
    const std::vector<std::int32_t>& before = reader_.before_;
    if (before.empty()) return;
    if (reader_.book_.is_full() || before.size() == static_cast<std::size_t>(rules_->max_subtokens()))
        return reader_.set_before(kNoNode, nullptr, 0);
    reader_.before_.push_back(id);
    follows_ = reader_.book_.find(before.data(), before.size()) != kNoNode;
    if (follows_) {
        reader_.before_.pop_back();
    } else {
        reader_.book_.install(before.data(), before.size(), reader_.book_.next());
        reader_.set_before(kNoNode, nullptr, 0);
    }
}

// The phrase is written; what the reader has before the next one is made sure of.
void Zip2zipWriter::end(CondensedSink& out) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(length_));
    reader_.book_.expand(node_, ids.data());
    if (!follows_) reader_.set_before(kNoNode, nullptr, 0);
    follows_ = false;
    reader_.follow(node_, ids.data(), ids.size());
    out.put(reader_.book_.code_of(node_), length_, reader_.book_.count());
    length_ = 0;
}

void Zip2zipWriter::cut(CondensedSink& out) {
    if (length_ != 0) end(out);
}

}  // namespace tokmill::condensed
