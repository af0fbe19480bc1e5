// A checked spec becomes an immutable vocabulary: columns of bytes, offsets and ids, and an index from bytes to symbol.
//
// The index is open addressing with linear probing over 32-bit slots: the low 21 bits are the symbol, the high 11 a tag out
// of the hash, so that bytes are compared only where the tag agrees (a false alarm in 2,048). Invariant: every
// token lies within kMaxProbes of its home slot; lookups stop there too, whatever a damaged snapshot says.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/errors.hpp"
#include "vocab/limits.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::vocab {

namespace {

constexpr std::uint32_t kTagShift = 21;
constexpr std::uint32_t kEmptySlot = ~std::uint32_t(0);  // its symbol would be kNoSymbol, which no token has
constexpr std::uint32_t kMaxProbes = 128;                // at a load of one half the longest of 200,000 tokens is about 30
constexpr int kSeedsTried = 8;

__extension__ using Product = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const Product product = Product(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd constants out of the digits of pi and e; the seed moves when a vocabulary happens (or was made) to collide.
constexpr std::uint64_t kStir = 0x243f6a8885a308d3, kFinish = 0xb7e151628aed2a6b;

std::uint64_t hash_bytes(std::string_view token, std::uint64_t seed) noexcept {
    const char* at = token.data();
    std::size_t left = token.size();
    std::uint64_t state = seed ^ (left * kFinish);
    for (; left > 8; left -= 8, at += 8) state = fold(state ^ load<std::uint64_t>(at), kStir);
    std::uint64_t last = 0;
    if (token.size() >= 8) {
        last = load<std::uint64_t>(at + left - 8);  // overlaps what came before
    } else if (left >= 4) {
        last = load<std::uint32_t>(at) | std::uint64_t(load<std::uint32_t>(at + left - 4)) << 32;
    } else if (left != 0) {
        const auto byte = [&](std::size_t i) { return std::uint64_t(static_cast<std::uint8_t>(at[i])); };
        last = byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16;
    }
    return fold(fold(state ^ last, kStir) ^ seed, kFinish);
}

// A token as a message shows it: printable ASCII as it is, other bytes as \xNN, long ones cut.
std::string shown(std::string_view token) {
    constexpr std::size_t kShownBytes = 32;
    static const char* const kDigits = "0123456789abcdef";
    std::string text = "'";
    for (const char c : token.substr(0, kShownBytes)) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
            text += c;
        } else {
            text += "\\x";
            text += kDigits[byte >> 4];
            text += kDigits[byte & 15];
        }
    }
    return text + (token.size() > kShownBytes ? "'... (" + std::to_string(token.size()) + " bytes)" : "'");
}

std::string_view token_of(const Spec& spec, std::size_t entry) {
    return {reinterpret_cast<const char*>(spec.bytes.data()) + spec.offsets[entry], spec.offsets[entry + 1] - spec.offsets[entry]};
}

[[noreturn]] void refuse(const std::string& message, std::size_t entry) {
    throw Error(ErrorKind::vocabulary, message, static_cast<std::int64_t>(entry));
}

void check_tokens(const Spec& spec) {
    const std::size_t count = spec.ids.size();
    if (count == 0) refuse("the vocabulary has no tokens", 0);
    if (count > kMaxSymbols)
        refuse("the vocabulary has " + std::to_string(count) + " tokens; at most " + std::to_string(kMaxSymbols) + " are supported",
               kMaxSymbols);
    if (spec.offsets.size() != count + 1 || spec.offsets.front() != 0 || spec.offsets.back() != spec.bytes.size())
        refuse("the offsets of the tokens do not fit their bytes", 0);
    if (spec.bytes.size() > kMaxVocabularyBytes)
        refuse("the tokens have " + std::to_string(spec.bytes.size()) + " bytes together; at most " + std::to_string(kMaxVocabularyBytes) +
                   " are supported",
               0);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t begin = spec.offsets[i], end = spec.offsets[i + 1];
        if (end > spec.bytes.size() || end < begin) refuse("the offsets of the tokens do not fit their bytes", i);
        if (end == begin) refuse("token " + std::to_string(i) + " is empty; every token needs at least one byte", i);
        if (end - begin > kMaxTokenBytes)
            refuse("token " + std::to_string(i) + " has " + std::to_string(end - begin) + " bytes; at most " +
                       std::to_string(kMaxTokenBytes) + " are supported",
                   i);
    }
}

void check_id(std::uint32_t id, std::uint64_t allowed, std::string_view text, std::size_t entry) {
    if (id >= kIdLimit)
        refuse("token " + shown(text) + " has id " + std::to_string(id) + "; ids must be below " + std::to_string(kIdLimit), entry);
    if (id > allowed)
        refuse("token " + shown(text) + " has id " + std::to_string(id) +
                   ", out of proportion to the number of entries (for these at most " + std::to_string(allowed) + ")",
               entry);
}

bool is_identity(std::span<const std::uint32_t> ids) noexcept {
    std::uint32_t differences = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) differences |= ids[i] ^ static_cast<std::uint32_t>(i);
    return differences == 0;
}

std::uint32_t greatest(std::span<const std::uint32_t> values) noexcept {
    std::uint32_t most = 0;
    for (const std::uint32_t value : values) most = std::max(most, value == kNoId ? 0 : value);
    return most;
}

// id -> entry, for ids that are no simple numbering; two entries with one id are refused.
std::vector<Symbol> invert_ids(const Spec& spec) {
    std::vector<Symbol> symbols(std::size_t(greatest(spec.ids)) + 1, kNoSymbol);
    for (std::size_t i = 0; i < spec.ids.size(); ++i) {
        if (spec.ids[i] == kNoId) continue;
        Symbol& place = symbols[spec.ids[i]];
        if (place != kNoSymbol)
            refuse("id " + std::to_string(spec.ids[i]) + " stands for two tokens, " + shown(token_of(spec, place)) + " and " +
                       shown(token_of(spec, i)),
                   i);
        place = static_cast<Symbol>(i);
    }
    return symbols;
}

void check_specials(const Spec& spec) {
    const bool identity = is_identity(spec.ids);
    const std::vector<Symbol> symbols = identity ? std::vector<Symbol>() : invert_ids(spec);
    const auto mergeable = [&](std::uint32_t id) {
        return identity ? id < spec.ids.size() : id < symbols.size() && symbols[id] != kNoSymbol;
    };
    std::vector<std::string_view> texts;
    texts.reserve(spec.specials.size());
    for (std::size_t i = 0; i < spec.specials.size(); ++i) {
        const SpecialToken& special = spec.specials[i];
        if (special.text.empty() && special.kind != SpecialToken::Kind::name) refuse("special token " + std::to_string(i) + " is empty", i);
        if (special.text.size() > kMaxTokenBytes)
            refuse(
                "special token " + shown(special.text) + " is too long; at most " + std::to_string(kMaxTokenBytes) + " bytes are supported",
                i);
        // A token that is found before pretokens are may be a token of the model besides, under the same id.
        if (!spec.may_miss_bytes && mergeable(special.id))
            refuse(
                "special token " + shown(special.text) + " has id " + std::to_string(special.id) + ", which is the id of a mergeable token",
                i);
        texts.push_back(special.text);
    }
    std::sort(texts.begin(), texts.end());
    const auto twice = std::adjacent_find(texts.begin(), texts.end());
    if (twice != texts.end()) refuse("special token " + shown(*twice) + " stands twice", 0);
}

struct Index {
    std::vector<std::uint32_t> slots;
    std::uint64_t seed = 0;
};

// Fills the index; false if a token would lie too far from home. Throws at a token that stands twice. The hashes of a few tokens are
// computed and their slots fetched before the first of them is stored.
bool fill_index(const Spec& spec, Index& index, Cancel& cancel) {
    constexpr std::size_t kBatch = 32;
    std::uint64_t hashes[kBatch];
    std::fill(index.slots.begin(), index.slots.end(), kEmptySlot);
    const std::size_t mask = index.slots.size() - 1;
    const std::size_t count = spec.ids.size();
    for (std::size_t i = 0; i < count; ++i) {
        cancel.poll_at(i);
        if (i % kBatch == 0) {
            for (std::size_t j = i; j < std::min(i + kBatch, count); ++j) {
                hashes[j % kBatch] = hash_bytes(token_of(spec, j), index.seed);
                __builtin_prefetch(&index.slots[hashes[j % kBatch] & mask], 1);
            }
        }
        const std::string_view token = token_of(spec, i);
        const std::uint64_t hash = hashes[i % kBatch];
        const std::uint32_t entry = static_cast<std::uint32_t>(hash >> 53) << kTagShift | static_cast<std::uint32_t>(i);
        std::uint32_t probe = 0;
        for (; probe < kMaxProbes; ++probe) {
            std::uint32_t& slot = index.slots[(hash + probe) & mask];
            if (slot == kEmptySlot) {
                slot = entry;
                break;
            }
            if (((slot ^ entry) >> kTagShift) == 0 && token_of(spec, slot & kNoSymbol) == token)
                refuse(
                    "token " + shown(token) + " stands twice, as entries " + std::to_string(slot & kNoSymbol) + " and " + std::to_string(i),
                    i);
        }
        if (probe == kMaxProbes) return false;
    }
    return true;
}

Index build_index(const Spec& spec, Cancel& cancel) {
    Index index;
    index.slots.resize(std::bit_ceil(2 * spec.ids.size()));
    for (int attempt = 0; attempt < kSeedsTried; ++attempt) {
        index.seed = fold(kFinish + static_cast<std::uint64_t>(attempt), kStir);
        if (fill_index(spec, index, cancel)) return index;
    }
    refuse("the tokens collide under every hash that was tried; the file looks made for that", 0);
}

}  // namespace

void check_limits(const Spec& spec) {
    check_tokens(spec);
    if (spec.specials.size() > kMaxSpecials)
        refuse("there are " + std::to_string(spec.specials.size()) + " special tokens; at most " + std::to_string(kMaxSpecials) +
                   " are supported",
               0);
    const std::uint64_t allowed = greatest_id_allowed(spec.ids.size() + spec.specials.size());
    if (greatest(spec.ids) > allowed)
        for (std::size_t i = 0; i < spec.ids.size(); ++i)
            if (spec.ids[i] != kNoId) check_id(spec.ids[i], allowed, token_of(spec, i), i);
    for (std::size_t i = 0; i < spec.specials.size(); ++i) check_id(spec.specials[i].id, allowed, spec.specials[i].text, i);
    check_specials(spec);
}

Vocabulary Vocabulary::build(Spec spec, Cancel& cancel) {
    check_limits(spec);
    Index index = build_index(spec, cancel);

    Vocabulary vocabulary;
    vocabulary.name_ = std::move(spec.name);
    vocabulary.pattern_ = std::move(spec.pattern);
    vocabulary.ids_are_symbols_ = is_identity(spec.ids);
    if (!vocabulary.ids_are_symbols_) vocabulary.symbol_of_id_ = Column<Symbol>(invert_ids(spec));
    vocabulary.id_end_ = greatest(spec.ids) + 1;
    for (const SpecialToken& special : spec.specials) vocabulary.id_end_ = std::max(vocabulary.id_end_, special.id + 1);
    std::vector<std::uint32_t> offsets(spec.offsets.begin(), spec.offsets.end());  // kMaxVocabularyBytes fits
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
        vocabulary.max_token_bytes_ = std::max(vocabulary.max_token_bytes_, offsets[i + 1] - offsets[i]);
    vocabulary.bytes_ = Column<std::uint8_t>(std::move(spec.bytes));
    vocabulary.offsets_ = Column<std::uint32_t>(std::move(offsets));
    vocabulary.ids_ = Column<std::uint32_t>(std::move(spec.ids));
    vocabulary.index_ = Column<std::uint32_t>(std::move(index.slots));
    vocabulary.index_seed_ = index.seed;
    vocabulary.may_miss_bytes_ = spec.may_miss_bytes;
    vocabulary.specials_ = std::move(spec.specials);
    std::stable_sort(vocabulary.specials_.begin(), vocabulary.specials_.end(),
                     [](const SpecialToken& a, const SpecialToken& b) { return a.id < b.id; });
    vocabulary.number_bytes();
    return vocabulary;
}

void Vocabulary::number_bytes() {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const std::optional<Symbol> symbol = find({&c, 1});
        if (!symbol && !may_miss_bytes_)
            throw Error(ErrorKind::vocabulary,
                        "the byte " + shown({&c, 1}) + " (" + std::to_string(byte) +
                            ") is not a token; a byte-level vocabulary needs all 256 bytes",
                        byte);
        symbol_of_byte_[byte] = symbol.value_or(kNoSymbol);
    }
}

void Vocabulary::save(SectionWriter& out) const {
    const std::uint64_t meta[] = {index_seed_, may_miss_bytes_};
    std::vector<std::uint8_t> special_bytes, special_kinds;
    std::vector<std::uint32_t> special_offsets{0}, special_ids;
    for (const SpecialToken& special : specials_) {
        special_bytes.insert(special_bytes.end(), special.text.begin(), special.text.end());
        special_offsets.push_back(static_cast<std::uint32_t>(special_bytes.size()));
        special_ids.push_back(special.id);
        special_kinds.push_back(static_cast<std::uint8_t>(special.kind));
    }
    out.add<std::uint64_t>("vocab.meta", meta);
    out.add_bytes("vocab.name", name_.data(), name_.size());
    out.add_bytes("vocab.pattern", pattern_.data(), pattern_.size());
    out.add("vocab.bytes", bytes_.view());
    out.add("vocab.offsets", offsets_.view());
    out.add("vocab.ids", ids_.view());
    out.add("vocab.index", index_.view());
    out.add("vocab.symbol_of_id", symbol_of_id_.view());
    out.add<std::uint8_t>("vocab.special_bytes", special_bytes);
    out.add<std::uint32_t>("vocab.special_offsets", special_offsets);
    out.add<std::uint32_t>("vocab.special_ids", special_ids);
    out.add<std::uint8_t>("vocab.special_kinds", special_kinds);
}

namespace {

// Rising from 0 to `end` in steps of 1 to kMaxTokenBytes; returns the largest step. One pass without branches.
std::uint32_t check_offsets(std::span<const std::uint32_t> offsets, std::size_t end, const char* section, std::uint32_t least = 1) {
    if (offsets.empty() || offsets.front() != 0 || offsets.back() != end) refuse_damaged(std::string(section) + " does not fit its bytes");
    std::uint32_t longest = 0, bad = 0;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
        const std::uint32_t step = offsets[i + 1] - offsets[i];
        longest = std::max(longest, step);
        bad |= std::uint32_t(step - least > kMaxTokenBytes - least);  // less than `least` wraps around; so does a step back
    }
    if (bad != 0) refuse_damaged(std::string(section) + " does not rise as offsets must");
    return longest;
}

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

Vocabulary Vocabulary::map(const SectionReader& in) {
    Vocabulary vocabulary;
    vocabulary.name_ = text_of(in.get_bytes("vocab.name"));
    vocabulary.pattern_ = text_of(in.get_bytes("vocab.pattern"));
    const auto meta = in.get<std::uint64_t>("vocab.meta", 2);
    vocabulary.index_seed_ = meta[0];
    vocabulary.may_miss_bytes_ = meta[1] != 0;

    const auto ids = in.get<std::uint32_t>("vocab.ids");
    if (ids.empty() || ids.size() > kMaxSymbols) refuse_damaged("vocab.ids has an impossible size");
    if (greatest(ids) >= kIdLimit) refuse_damaged("vocab.ids holds an id that is too large");
    vocabulary.ids_ = Column<std::uint32_t>::borrow(ids);
    vocabulary.ids_are_symbols_ = is_identity(ids);
    vocabulary.id_end_ = greatest(ids) + 1;

    const auto bytes = in.get<std::uint8_t>("vocab.bytes");
    const auto offsets = in.get<std::uint32_t>("vocab.offsets", ids.size() + 1);
    vocabulary.max_token_bytes_ = check_offsets(offsets, bytes.size(), "vocab.offsets");
    vocabulary.bytes_ = Column<std::uint8_t>::borrow(bytes);
    vocabulary.offsets_ = Column<std::uint32_t>::borrow(offsets);

    const auto index = in.get<std::uint32_t>("vocab.index");
    if (!std::has_single_bit(index.size())) refuse_damaged("vocab.index has an impossible size");
    std::uint32_t bad = 0;
    for (const std::uint32_t slot : index) bad |= std::uint32_t(slot != kEmptySlot) & std::uint32_t((slot & kNoSymbol) >= ids.size());
    if (bad != 0) refuse_damaged("vocab.index names a token that does not exist");
    vocabulary.index_ = Column<std::uint32_t>::borrow(index);

    const auto symbols = in.get<Symbol>("vocab.symbol_of_id", vocabulary.ids_are_symbols_ ? 0 : vocabulary.id_end_);
    for (const Symbol symbol : symbols) bad |= std::uint32_t(symbol != kNoSymbol) & std::uint32_t(symbol >= ids.size());
    if (bad != 0) refuse_damaged("vocab.symbol_of_id names a token that does not exist");
    vocabulary.symbol_of_id_ = Column<Symbol>::borrow(symbols);

    const auto special_bytes = in.get<std::uint8_t>("vocab.special_bytes");
    const auto special_ids = in.get<std::uint32_t>("vocab.special_ids");
    const auto special_kinds = in.get<std::uint8_t>("vocab.special_kinds", special_ids.size());
    const auto special_offsets = in.get<std::uint32_t>("vocab.special_offsets", special_ids.size() + 1);
    check_offsets(special_offsets, special_bytes.size(), "vocab.special_offsets", 0);
    vocabulary.specials_.reserve(special_ids.size());
    for (std::size_t i = 0; i < special_ids.size(); ++i) {
        if (special_ids[i] >= kIdLimit || (i != 0 && special_ids[i] < special_ids[i - 1]))
            refuse_damaged("vocab.special_ids does not rise");
        vocabulary.id_end_ = std::max(vocabulary.id_end_, special_ids[i] + 1);
        const auto text = special_bytes.subspan(special_offsets[i], special_offsets[i + 1] - special_offsets[i]);
        if (special_kinds[i] > static_cast<std::uint8_t>(SpecialToken::Kind::name))
            refuse_damaged("vocab.special_kinds holds an unknown kind");
        vocabulary.specials_.push_back({text_of(text), special_ids[i], static_cast<SpecialToken::Kind>(special_kinds[i])});
    }
    try {
        vocabulary.number_bytes();
    } catch (const Error& error) {
        refuse_damaged(error.what());
    }
    return vocabulary;
}

std::optional<Symbol> Vocabulary::find(std::string_view token) const noexcept {
    const std::uint64_t hash = hash_bytes(token, index_seed_);
    const std::uint32_t tag = static_cast<std::uint32_t>(hash >> 53);
    const std::size_t mask = index_.size() - 1;
    for (std::uint32_t probe = 0; probe < kMaxProbes; ++probe) {
        const std::uint32_t slot = index_[(hash + probe) & mask];
        if (slot == kEmptySlot) break;
        if (slot >> kTagShift == tag && bytes(slot & kNoSymbol) == token) return slot & kNoSymbol;
    }
    return std::nullopt;
}

std::optional<std::string_view> Vocabulary::bytes_of_id(std::uint32_t id) const noexcept {
    if (ids_are_symbols_) {
        if (id < symbol_count()) return bytes(id);
    } else if (id < symbol_of_id_.size() && symbol_of_id_[id] != kNoSymbol) {
        return bytes(symbol_of_id_[id]);
    }
    const auto special = std::lower_bound(specials_.begin(), specials_.end(), id,
                                          [](const SpecialToken& token, std::uint32_t wanted) { return token.id < wanted; });
    if (special != specials_.end() && special->id == id) return special->text;
    return std::nullopt;
}

bool Vocabulary::is_special_id(std::uint32_t id) const noexcept {
    const auto special = std::lower_bound(specials_.begin(), specials_.end(), id,
                                          [](const SpecialToken& token, std::uint32_t wanted) { return token.id < wanted; });
    return special != specials_.end() && special->id == id && special->kind == SpecialToken::Kind::control;
}

}  // namespace tokmill::vocab
