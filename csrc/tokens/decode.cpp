// Decoding by table. Every id takes the same path, one 16-byte copy whatever its length; only ids that are rare by nature
// (long tokens, special tokens, unknown ids) leave it.
#include "tokens/decode.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/errors.hpp"
#include "tokens/decode_chain.hpp"

namespace tokmill::tokens {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Room is looked after once for so many ids.
constexpr std::size_t kBlockIds = 4096;
// Text has 3 to 5 bytes a token; asking for a little more at first is cheaper than growing, and untouched memory is free.
constexpr std::size_t kGuessedBytesPerId = 5;
// Beyond these a number is taken for a mistake.
constexpr std::size_t kMostRewind = std::size_t(1) << 16;
constexpr std::size_t kMostSequences = std::size_t(1) << 24;

// The first two bytes of a surrogate in the manner of UTF-8. Never valid, but Python's incremental decoder waits for the byte
// after them (its handler "surrogatepass" needs all three), and so do we.
bool starts_surrogate(const std::uint8_t* p) noexcept { return p[0] == 0xED && p[1] >= 0xA0 && p[1] <= 0xBF; }

// Whether the last `count` bytes that have come are to be held until there are more. `count` > 0.
bool may_grow(const std::uint8_t* p, std::size_t count) noexcept {
    if (count == 2 && starts_surrogate(p)) return true;
    return p[0] >= 0xC2 && p[0] <= 0xF4 && unicode::ill_formed_length(p, count) == count;
}

}  // namespace

void refuse_unknown_id(const std::string& id, std::size_t index, std::size_t id_end) {
    throw Error(ErrorKind::unknown_id,
                "id " + id + " at index " + std::to_string(index) + " is not in the vocabulary (its ids are below " +
                    std::to_string(id_end) + "); pass unknown='replace' or unknown='skip' to go on",
                static_cast<std::int64_t>(index));
}

DecodeTable::DecodeTable(const vocab::Vocabulary& vocabulary) : slots_(vocabulary.id_end()), id_end_(vocabulary.id_end()) {
    for (std::size_t id = 0; id < id_end_; ++id) slots_[id] = Slot{{}, kUnknown};
    for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
        if (vocabulary.id(symbol) != vocab::kNoId) set(vocabulary.id(symbol), vocabulary.bytes(symbol), false);
    for (const vocab::SpecialToken& special : vocabulary.specials())
        if (const auto bytes = vocabulary.bytes_of_id(special.id))
            set(special.id, *bytes, special.kind == vocab::SpecialToken::Kind::control);
}

DecodeTable::DecodeTable(const vocab::Vocabulary& vocabulary, const formats::Components& components) : DecodeTable(vocabulary) {
    const auto set_spelling = [this](std::uint32_t id, const std::string& spelling, bool control) {
        std::string bytes;
        set(id, formats::append_byte_level(spelling, bytes) ? bytes : spelling, control);
    };
    if (!components.word_prefix.empty() || !components.word_suffix.empty() || components.unknown_token) {
        for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
            if (vocabulary.id(symbol) != vocab::kNoId) set_spelling(vocabulary.id(symbol), spelling(vocabulary, components, symbol), false);
    }
    for (const vocab::SpecialToken& special : vocabulary.specials())
        set_spelling(special.id, special.text, special.kind == vocab::SpecialToken::Kind::control);
    for (const formats::AddedToken& token : components.added_tokens)
        if (!token.normalized_content.empty())  // tokenizers takes it for special only if it still reads like the special token
            set_spelling(token.id, token.normalized_content, token.special && token.normalized_content == token.content);
}

void DecodeTable::set(std::uint32_t id, std::string_view bytes, bool special) {
    Slot& slot = slots_[id];
    slot = Slot{};
    if (bytes.size() <= kInlineBytes && !special) {
        if (!bytes.empty()) std::memcpy(slot.bytes, bytes.data(), bytes.size());
        slot.tag = static_cast<std::uint8_t>(bytes.size());
        return;
    }
    const Place place{elsewhere_.size(), static_cast<std::uint32_t>(bytes.size())};
    static_assert(sizeof place.offset + sizeof place.byte_count <= kInlineBytes);
    std::memcpy(slot.bytes, &place.offset, sizeof place.offset);
    std::memcpy(slot.bytes + sizeof place.offset, &place.byte_count, sizeof place.byte_count);
    slot.tag = special ? kSpecial : kLong;
    elsewhere_.insert(elsewhere_.end(), bytes.begin(), bytes.end());
}

std::optional<std::string_view> DecodeTable::bytes_of(std::uint64_t id, bool skip_special_tokens) const noexcept {
    if (id >= id_end_) return std::nullopt;
    const Slot& slot = slots_[id];
    if (slot.tag <= kInlineBytes) return std::string_view(reinterpret_cast<const char*>(slot.bytes), slot.tag);
    if (slot.tag == kUnknown) return std::nullopt;
    if (slot.tag == kSpecial && skip_special_tokens) return std::string_view();
    const std::uint64_t offset = load<std::uint64_t>(slot.bytes);
    return std::string_view(reinterpret_cast<const char*>(elsewhere_.data()) + offset, load<std::uint32_t>(slot.bytes + sizeof offset));
}

template <class Id>
std::size_t DecodeTable::decode(const Id* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens, Buffer<std::uint8_t>& out,
                                std::size_t size, Cancel* cancel) const {
    if (count == 0) return size;
    out.grow(size + count * kGuessedBytesPerId + sizeof(Slot), size);
    const Slot* const slots = slots_.data();  // in locals: the compiler cannot know that stores of bytes leave them alone
    const std::uint64_t id_end = id_end_;
    for (std::size_t begin = 0; begin < count; begin += kBlockIds) {
        const std::size_t end = std::min(count, begin + kBlockIds);
        if (cancel != nullptr) cancel->poll();
        // Up to the end of the block there is always room for a whole slot after every id that is still to come.
        const auto reserve = [&](std::size_t bytes, std::size_t ids_left) { out.grow(size + bytes + (ids_left + 1) * sizeof(Slot), size); };
        reserve(0, end - begin);
        std::uint8_t* to = out.data() + size;
        for (std::size_t i = begin; i < end; ++i) {
            // A negative id becomes a huge one.
            const std::uint64_t id = static_cast<std::uint64_t>(ids[i]);
            if (id < id_end) [[likely]] {
                const Slot& slot = slots[id];
                const std::uint8_t tag = slot.tag;
                std::memcpy(to, &slot, sizeof(Slot));  // what is beyond the token's bytes, the next one overwrites
                if (tag <= kInlineBytes) [[likely]] {
                    to += tag;
                    continue;
                }
            }
            std::string_view bytes;
            if (const auto known = bytes_of(id, skip_special_tokens)) {
                bytes = *known;
            } else if (unknown == UnknownId::error) {
                refuse_unknown_id(std::to_string(ids[i]), i, id_end_);
            } else if (unknown == UnknownId::replace) {
                bytes = kReplacement;
            }
            size = static_cast<std::size_t>(to - out.data());
            reserve(bytes.size(), end - i);
            to = out.data() + size;
            if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
            to += bytes.size();
        }
        size = static_cast<std::size_t>(to - out.data());
    }
    return size;
}

template std::size_t DecodeTable::decode(const std::int32_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeTable::decode(const std::uint32_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeTable::decode(const std::uint16_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeTable::decode(const std::int64_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;
template std::size_t DecodeTable::decode(const std::uint64_t*, std::size_t, UnknownId, bool, Buffer<std::uint8_t>&, std::size_t,
                                         Cancel*) const;

StreamDecoder::StreamDecoder(const DecodeTable& table, std::size_t sequences, std::size_t most_rewind)
    : table_(&table), copy_valid_utf8_(unicode::kernels(cpu::active()).copy_valid_utf8), most_rewind_(most_rewind) {
    if (most_rewind > kMostRewind)
        throw Error(ErrorKind::value,
                    "at most " + std::to_string(kMostRewind) + " ids can be taken back, not " + std::to_string(most_rewind));
    add(sequences);
}

void StreamDecoder::step(const std::int64_t* ids, UnknownId unknown, bool skip_special_tokens, std::string& out, std::size_t* ends) {
    if (unknown == UnknownId::error)
        for (std::size_t s = 0; s < held_.size(); ++s)
            if (ids[s] >= 0 && !table_->bytes_of(static_cast<std::uint64_t>(ids[s]), false))
                refuse_unknown_id(std::to_string(ids[s]), s, table_->id_end());
    for (std::size_t s = 0; s < held_.size(); ++s) {
        if (ids[s] >= 0) {
            const auto bytes = table_->bytes_of(static_cast<std::uint64_t>(ids[s]), skip_special_tokens);
            const std::string_view otherwise = unknown == UnknownId::replace ? kReplacement : std::string_view();
            feed_id(s, bytes.value_or(otherwise), out);
        }
        ends[s] = out.size();
    }
}

void StreamDecoder::extend(std::size_t sequence, const std::int64_t* ids, std::size_t count, UnknownId unknown, bool skip_special_tokens,
                           std::string& out) {
    check(sequence);
    std::size_t size = table_->decode(ids, count, unknown, skip_special_tokens, decoded_, 0);
    // Those that can be taken back are fed one by one behind the others.
    const std::size_t single = std::min(count, most_rewind_);
    if (single != 0) size = table_->decode(ids, count - single, unknown, skip_special_tokens, decoded_, 0);
    feed(held_[sequence], {reinterpret_cast<const char*>(decoded_.data()), size}, out);
    for (std::size_t i = count - single; i < count; ++i) {
        const auto bytes = table_->bytes_of(static_cast<std::uint64_t>(ids[i]), skip_special_tokens);
        feed_id(sequence, bytes.value_or(unknown == UnknownId::replace ? kReplacement : std::string_view()), out);
    }
}

void StreamDecoder::feed_id(std::size_t sequence, std::string_view bytes, std::string& out) {
    if (most_rewind_ == 0) {
        feed(held_[sequence], bytes, out);
        return;
    }
    const Held before = held_[sequence];
    const std::size_t begin = out.size();
    feed(held_[sequence], bytes, out);
    History& history = histories_[sequence];
    const auto continuation = [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; };
    const auto from = out.begin() + static_cast<std::ptrdiff_t>(begin);
    change(sequence, history.id_count) = {before, static_cast<std::uint64_t>(std::count_if(from, out.end(), std::not_fn(continuation)))};
    ++history.id_count;
    history.rewindable = std::min(history.rewindable + 1, most_rewind_);
}

void StreamDecoder::rewind(std::span<const std::size_t> counts, std::uint64_t* characters) {
    for (std::size_t s = 0; s < counts.size(); ++s) {
        const std::size_t most = most_rewind_ == 0 ? 0 : histories_[s].rewindable;
        if (counts[s] > most)
            throw Error(ErrorKind::value,
                        "sequence " + std::to_string(s) + " can go back by " + std::to_string(most) + " ids now, not by " +
                            std::to_string(counts[s]) + "; max_rewind= of decoder() sets how many",
                        static_cast<std::int64_t>(s));
    }
    for (std::size_t s = 0; s < counts.size(); ++s) {
        characters[s] = 0;
        for (std::size_t i = 0; i < counts[s]; ++i) {
            const Change& last = change(s, --histories_[s].id_count);
            held_[s] = last.held;
            characters[s] += last.characters;
        }
        if (counts[s] != 0) histories_[s].rewindable -= counts[s];
    }
}

void StreamDecoder::finish(std::size_t sequence, std::string& out) {
    check(sequence);
    Held& held = held_[sequence];
    // The start of one well-formed character is one replacement whatever its length; of a surrogate, each byte is one.
    if (held.count != 0) out += kReplacement;
    if (held.count == 2 && starts_surrogate(held.bytes)) out += kReplacement;
    held.count = 0;
    if (most_rewind_ != 0) histories_[sequence].rewindable = 0;
}

// Appends what is certain of the held bytes followed by `bytes`, and holds the rest.
void StreamDecoder::feed(Held& held, std::string_view bytes, std::string& out) {
    if (held.count == 0 && bytes.size() <= 16 &&
        std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x80; })) {
        out += bytes;
        return;
    }
    // First the held character: at most 3 more bytes finish it.
    std::size_t taken = 0;
    if (held.count != 0) {
        std::uint8_t start[6], copy[6 + 64];
        const std::size_t more = std::min<std::size_t>(bytes.size(), 3);
        std::memcpy(start, held.bytes, held.count);
        if (more != 0) std::memcpy(start + held.count, bytes.data(), more);
        const std::size_t wanted = unicode::utf8_length(start[0]);
        const std::size_t there = std::min(wanted, held.count + more);
        if (there == wanted && copy_valid_utf8_(copy, start, wanted) == wanted) {
            out.append(reinterpret_cast<const char*>(start), wanted);
            taken = wanted - held.count;
        } else if (there == held.count + bytes.size() && may_grow(start, there)) {
            std::memcpy(held.bytes, start, there);
            held.count = static_cast<std::uint8_t>(there);
            return;
        } else if (held.count == 2 && starts_surrogate(held.bytes)) {
            out += kReplacement;
            out += kReplacement;
        } else {
            out += kReplacement;
            taken = unicode::ill_formed_length(start, there) - held.count;  // what was held is always part of it
        }
        held.count = 0;
    }
    const std::uint8_t* p = reinterpret_cast<const std::uint8_t*>(bytes.data()) + taken;
    std::size_t left = bytes.size() - taken;
    checked_.reserve_discarding(left + 64);  // 64: the kernel's slack
    while (left != 0) {
        const std::size_t valid = copy_valid_utf8_(checked_.data(), p, left);
        out.append(reinterpret_cast<const char*>(checked_.data()), valid);
        p += valid;
        left -= valid;
        if (left == 0) return;
        if (left <= 3 && may_grow(p, left)) {
            std::memcpy(held.bytes, p, left);
            held.count = static_cast<std::uint8_t>(left);
            return;
        }
        const std::size_t part = unicode::ill_formed_length(p, left);
        out += kReplacement;
        p += part;
        left -= part;
    }
}

void StreamDecoder::check(std::size_t sequence) const {
    if (sequence >= held_.size())
        throw Error(ErrorKind::value, "there is no sequence " + std::to_string(sequence) + "; there are " + std::to_string(held_.size()));
}

void StreamDecoder::reorder(std::span<const std::size_t> sources) {
    StreamDecoder reordered(*table_, 0, most_rewind_);
    reordered.held_.reserve(sources.size());
    for (const std::size_t source : sources) {
        check(source);
        reordered.held_.push_back(held_[source]);
        if (most_rewind_ == 0) continue;
        reordered.histories_.push_back(histories_[source]);
        const auto first = changes_.begin() + static_cast<std::ptrdiff_t>(source * most_rewind_);
        reordered.changes_.insert(reordered.changes_.end(), first, first + static_cast<std::ptrdiff_t>(most_rewind_));
    }
    held_.swap(reordered.held_);
    histories_.swap(reordered.histories_);
    changes_.swap(reordered.changes_);
}

std::size_t StreamDecoder::fork(std::size_t sequence) {
    check(sequence);
    std::vector<std::size_t> sources(sequences() + 1, sequence);
    std::iota(sources.begin(), sources.end() - 1, std::size_t(0));
    reorder(sources);
    return sequences() - 1;
}

void StreamDecoder::add(std::size_t count) {
    if (count > kMostSequences - sequences())
        throw Error(ErrorKind::value, "a decoder has at most " + std::to_string(kMostSequences) + " sequences");
    const std::size_t all = sequences() + count;
    changes_.resize(all * most_rewind_);
    if (most_rewind_ != 0) histories_.resize(all);
    held_.resize(all);
}

void StreamDecoder::drop(std::span<const std::size_t> sequences) {
    std::vector<bool> dropped(held_.size());
    for (const std::size_t sequence : sequences) {
        check(sequence);
        dropped[sequence] = true;
    }
    std::vector<std::size_t> left;
    for (std::size_t s = 0; s < held_.size(); ++s)
        if (!dropped[s]) left.push_back(s);
    reorder(left);
}

}  // namespace tokmill::tokens
