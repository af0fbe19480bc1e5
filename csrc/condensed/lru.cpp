#include "condensed/lru.hpp"

#include <algorithm>

namespace tokmill::condensed {

// ---- the book

LruBook::LruBook(const HypertokenRules& rules, std::size_t phrases)
    : rules_(&rules),
      vocab_size_(rules.vocab_size()),
      book_size_(rules.book_size()),
      seed_size_(rules.seed_size()),
      table_(std::min<std::size_t>(std::max<std::size_t>(phrases, static_cast<std::size_t>(rules.seed_size())),
                                   static_cast<std::size_t>(rules.book_size()))),
      links_(static_cast<std::size_t>(rules.book_size())),
      order_(static_cast<std::size_t>(rules.book_size()) + 1) {
    plant_seed();
}

void LruBook::plant_seed() {
    const auto edges = rules_->seed_edges();
    for (std::size_t i = 0; i < edges.size(); ++i) {
        const Node node = vocab_size_ + rules_->seed_rows()[i];
        const auto length = static_cast<std::uint32_t>(this->length(edges[i].parent)) + 1;
        links_[row(node)] = {edges[i].parent, static_cast<std::uint32_t>(edges[i].id) << 8 | length};
        table_.insert(edges[i].parent, edges[i].id, node);
    }
    count_ = seed_size_;
    order_[static_cast<std::size_t>(anchor())] = {anchor(), anchor()};
}

void LruBook::clear() {
    table_.clear();
    plant_seed();
}

void LruBook::expand(Node node, std::int32_t* ids) const noexcept {
    for (std::int32_t i = length(node) - 1; i > 0; --i) {
        const Link& link = links_[row(node)];
        ids[i] = static_cast<std::int32_t>(link.id_and_length >> 8);
        node = link.parent;
    }
    ids[0] = node;
}

void LruBook::unlink(std::int32_t row) noexcept {
    const Neighbours neighbours = order_[static_cast<std::size_t>(row)];
    order_[static_cast<std::size_t>(neighbours.previous)].next = neighbours.next;
    order_[static_cast<std::size_t>(neighbours.next)].previous = neighbours.previous;
}

void LruBook::link_behind(std::int32_t row, std::int32_t place) noexcept {
    const std::int32_t next = order_[static_cast<std::size_t>(place)].next;
    order_[static_cast<std::size_t>(row)] = {place, next};
    order_[static_cast<std::size_t>(place)].next = row;
    order_[static_cast<std::size_t>(next)].previous = row;
}

// The longest goes to the front first, so that what it grew from comes to stand before it.
void LruBook::use(Node node) {
    for (; is_ordered(node); node = links_[row(node)].parent) {
        const auto here = static_cast<std::int32_t>(row(node));
        const std::int32_t previous = order_[row(node)].previous;
        if (previous == anchor()) continue;
        if (journal_ != nullptr) journal_->push_back({Change::Kind::moved, here, previous});
        unlink(here);
        link_behind(here, anchor());
    }
}

std::int32_t LruBook::install(Node before, std::int32_t id, Node current) {
    std::size_t slot = table_.slot_of(before, id);
    if (table_.is_used(slot)) return -1;
    std::int32_t row = count_;
    if (count_ < book_size_) {
        ++count_;
    } else {
        row = order_[static_cast<std::size_t>(anchor())].previous;
        const Node node = vocab_size_ + row;
        if (row == anchor() || node == before || node == current) return -1;
        const Link& link = links_[static_cast<std::size_t>(row)];
        if (journal_ != nullptr) journal_->push_back({Change::Kind::removed, row, link.parent, link.id_and_length});
        table_.erase(link.parent, static_cast<std::int32_t>(link.id_and_length >> 8));
        unlink(row);
        slot = table_.slot_of(before, id);
    }
    if (journal_ != nullptr) journal_->push_back({Change::Kind::added, row});
    links_[static_cast<std::size_t>(row)] = {before, static_cast<std::uint32_t>(id) << 8 | static_cast<std::uint32_t>(length(before) + 1)};
    link_behind(row, is_ordered(before) ? before - vocab_size_ : anchor());
    table_.insert_at(slot, before, id, vocab_size_ + row);
    return row;
}

void LruBook::undo(const Change& change) {
    const auto row = static_cast<std::size_t>(change.what);
    const Link& link = links_[row];
    switch (change.kind) {
        case Change::Kind::moved:
            unlink(change.what);
            link_behind(change.what, change.a);
            break;
        case Change::Kind::added:
            table_.erase(link.parent, static_cast<std::int32_t>(link.id_and_length >> 8));
            unlink(change.what);
            // A row that was recycled is put back by the change before this one, which counts it again.
            --count_;
            break;
        case Change::Kind::removed:
            links_[row] = {change.a, change.b};
            link_behind(change.what, order_[static_cast<std::size_t>(anchor())].previous);
            table_.insert(change.a, static_cast<std::int32_t>(change.b >> 8), vocab_size_ + change.what);
            ++count_;
            break;
        default: break;
    }
}

// ---- the reader

void LruReader::clear() {
    book_.clear();
    before_ = kNoNode;
}

void LruReader::follow(Node node, std::int32_t first) {
    book_.use(node);
    last_row_ = before_ == kNoNode ? -1 : book_.install(before_, first, node);
    before_ = book_.length(node) < rules_->max_subtokens() ? node : kNoNode;
}

std::size_t LruReader::read(std::int32_t code, Reading reading, std::int64_t position, std::int32_t* ids) {
    last_row_ = -1;
    if (rules_->is_base(code)) {
        ids[0] = code;
        if (rules_->is_alone(code)) {
            before_ = kNoNode;
        } else {
            follow(code, code);
        }
        return 1;
    }
    if (book_.has(code)) {
        book_.expand(code, ids);
        const auto count = static_cast<std::size_t>(book_.length(code));
        follow(code, ids[0]);
        return count;
    }
    check(code, reading, position);
    const auto count = static_cast<std::size_t>(book_.length(before_));
    book_.expand(before_, ids);
    ids[count] = ids[0];
    return count + 1;
}

// ---- the writer

void LruWriter::clear() {
    reader_.clear();
    length_ = 0;
}

void LruWriter::take(const std::int32_t* ids, std::size_t count, std::int64_t position, CondensedSink& out) {
    const std::int32_t most = rules_->max_subtokens();
    // The phrase lives in registers, see Zip2zipWriter::take().
    Node node = node_;
    std::int32_t length = length_;
    const auto end = [&] {
        node_ = node;
        length_ = length;
        cut(out);
        length = 0;
    };
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t id = ids[i];
        if (rules_->is_alone(id)) [[unlikely]] {
            end();
            if (!rules_->is_base(id)) refuse_id(id, rules_->vocab_size(), position + static_cast<std::int64_t>(i));
            reader_.before_ = kNoNode;
            out.put(id, 1, book().count());
            continue;
        }
        const Node next = length == 0 ? kNoNode : reader_.book_.find(node, id);
        if (next != kNoNode) {
            node = next;
            ++length;
        } else {
            end();
            node = first_ = id;
            length = 1;
        }
        if (length == most) end();
    }
    node_ = node;
    length_ = length;
}

void LruWriter::cut(CondensedSink& out) {
    if (length_ == 0) return;
    reader_.follow(node_, first_);
    out.put(node_, length_, book().count());
    length_ = 0;
}

}  // namespace tokmill::condensed
