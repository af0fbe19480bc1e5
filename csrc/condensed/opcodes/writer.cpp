#include "condensed/opcodes/writer.hpp"

#include <algorithm>

namespace tokmill::condensed {

namespace {

// A record of so many ids is taken as it is; a better one an id later is not looked for.
constexpr std::int32_t kLongEnough = 32;

}  // namespace

// ---- slots

SlotBook::SlotBook(const OpcodeRules& rules)
    : most_(rules.least_copy()), phrases_(rules.slots()), last_uses_(rules.slots()), next_(rules.slots(), -1) {
    if (phrases_.empty()) return;
    heads_.assign(kHeads, -1);
    seen_.resize(kSeen);
}

void SlotBook::clear() noexcept {
    if (clock_ == 0) return;
    clock_ = 0;
    for (std::vector<std::int32_t>& phrase : phrases_) phrase.clear();
    std::fill(last_uses_.begin(), last_uses_.end(), 0);
    std::fill(heads_.begin(), heads_.end(), std::int16_t(-1));
    std::fill(seen_.begin(), seen_.end(), Seen{});
}

std::uint64_t SlotBook::mixed(const std::int32_t* ids, std::size_t count) noexcept {
    std::uint64_t mixed = count;
    for (std::size_t i = 0; i < count; ++i) mixed = (mixed + static_cast<std::uint32_t>(ids[i])) * 0xD6E8FEB86659FD93u;
    return mixed ^ mixed >> 32;
}

SlotBook::Found SlotBook::find(const std::int32_t* ids, std::size_t count) const noexcept {
    Found found;
    if (count < most_) return found;
    for (std::int16_t slot = heads_[mixed(ids, most_) % kHeads]; slot >= 0; slot = next_[static_cast<std::size_t>(slot)]) {
        const std::vector<std::int32_t>& phrase = phrases_[static_cast<std::size_t>(slot)];
        if (phrase.size() > found.length && phrase.size() <= count && std::equal(phrase.begin(), phrase.end(), ids))
            found = {slot, phrase.size()};
    }
    return found;
}

std::int32_t SlotBook::copied(const std::int32_t* ids, std::size_t count) {
    ++clock_;
    const std::uint64_t phrase = mixed(ids, count);
    Seen& seen = seen_[phrase % kSeen];
    if (seen.phrase != phrase) seen = {phrase, 0};
    if (++seen.count < kDefineAfter) return -1;
    seen.count = 0;
    // The first that is free, else the one that was not used for longest.
    const auto oldest = std::min_element(last_uses_.begin(), last_uses_.end());
    const auto slot = static_cast<std::size_t>(oldest - last_uses_.begin());
    phrases_[slot].assign(ids, ids + count);
    last_uses_[slot] = clock_;
    std::fill(heads_.begin(), heads_.end(), std::int16_t(-1));
    for (std::size_t i = 0; i < phrases_.size(); ++i) {
        if (phrases_[i].empty()) continue;
        std::int16_t& head = heads_[mixed(phrases_[i].data(), most_) % kHeads];
        next_[i] = head;
        head = static_cast<std::int16_t>(i);
    }
    return static_cast<std::int32_t>(slot);
}

// ---- the writer

OpcodeWriter::OpcodeWriter(const OpcodeRules& rules) : rules_(&rules), matcher_(rules.window(), rules.least_copy()), slots_(rules) {}

OpcodeWriter::Choice OpcodeWriter::choose(const std::int32_t* ids, std::size_t count) {
    const std::size_t most = std::min(count, rules_->max_length());
    const OpcodeCosts& costs = rules_->costs();
    Choice best;
    const auto offer = [&](Op op, std::size_t a, std::size_t b, std::size_t length, std::uint32_t cost) {
        const std::int64_t saved = static_cast<std::int64_t>(length) * costs.literal - cost;
        if (saved <= best.saved) return;
        best = {{op, static_cast<std::int32_t>(a), static_cast<std::int32_t>(b), static_cast<std::int32_t>(length)}, saved};
    };
    if (rules_->phrase_count() != 0) {
        const std::int32_t code = rules_->longest_phrase({ids, most});
        if (code >= 0) {
            const auto phrase = static_cast<std::size_t>(code);
            offer(Op::hyper, phrase, 0, rules_->phrase(phrase).size(), costs.hyper);
        }
    }
    if (rules_->slots() != 0) {
        const SlotBook::Found found = slots_.find(ids, most);
        if (found.slot >= 0) offer(Op::use, static_cast<std::size_t>(found.slot), 0, found.length, costs.use);
    }
    if (rules_->window() != 0) {
        const Match match = matcher_.find(ids, most);
        if (match.length != 0) offer(Op::copy, match.offset, match.length, match.length, costs.copy);
    }
    return best;
}

std::size_t OpcodeWriter::take(const std::int32_t* ids, std::size_t count, bool is_cut, Records& out) {
    std::size_t at = 0;
    Choice choice;
    bool is_chosen = false;
    // A record can be as long as max_length, and one that begins an id later is looked at as well.
    while (at < count && (is_cut || count - at > rules_->max_length())) {
        if (!is_chosen) choice = choose(ids + at, count - at);
        is_chosen = false;
        if (choice.saved <= 0) {
            pass(1);
            literal(ids + at++, out);
            continue;
        }
        if (choice.record.base_count < kLongEnough && at + 1 < count) {
            pass(1);
            const Choice next = choose(ids + at + 1, count - at - 1);
            if (next.saved > choice.saved) {
                literal(ids + at++, out);
                choice = next;
                is_chosen = true;
                continue;
            }
            pass(static_cast<std::size_t>(choice.record.base_count) - 1);
        } else {
            pass(static_cast<std::size_t>(choice.record.base_count));
        }
        write(choice, ids + at, out);
        at += static_cast<std::size_t>(choice.record.base_count);
    }
    return at;
}

void OpcodeWriter::write(const Choice& choice, const std::int32_t* ids, Records& out) {
    put(choice.record, ids, out);
    if (choice.record.op == Op::use) {
        slots_.use(choice.record.a);
    } else if (choice.record.op == Op::copy && rules_->slots() != 0) {
        const std::int32_t slot = slots_.copied(ids, static_cast<std::size_t>(choice.record.base_count));
        if (slot >= 0) out.put({Op::define, slot, choice.record.base_count, 0});
    }
}

void OpcodeWriter::literal(const std::int32_t* id, Records& out) {
    if (++run_ == rules_->max_length()) close_run(id + 1, out);
}

void OpcodeWriter::close_run(const std::int32_t* here, Records& out) {
    if (run_ == 0) return;
    const auto count = static_cast<std::int32_t>(run_);
    out.put({Op::literal, 0, count, count});
    out.put_literals(here - run_, run_);
    run_ = 0;
}

void OpcodeWriter::forget() noexcept {
    matcher_.forget();
    slots_.clear();
    since_reset_ = 0;
}

void OpcodeWriter::reset(const std::int32_t* here, Records& out) {
    put({Op::reset, 0, 0, 0}, here, out);
    forget();
}

void OpcodeWriter::end_document(const std::int32_t* here, Records& out) {
    put({Op::end, 0, 0, 0}, here, out);
    forget();
}

void OpcodeWriter::clear() noexcept {
    run_ = 0;
    forget();
}

}  // namespace tokmill::condensed
