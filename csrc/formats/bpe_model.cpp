// From the merges of a file to one pair a token.
//
// A file ranks *pairs*: each has the rank of its line, and several may make the same token (llama3 lists 280,147 pairs for
// 127,744 tokens). The core knows one pair a token, ranked as the token is. That loses nothing. While a text is merged, the span of a token
// evolves as it does alone as long as no merge crosses its borders; so a pair that makes the token in a text is the pair that makes it when
// its own bytes are merged, and that is one pair. All others are dead: they never meet. So for every token the last merge of its bytes is
// found, with all pairs of the file at their ranks: that is the token's pair, its line the token's rank. A token that its bytes do not
// merge into is made by no text; it is a name for its id, unless whole pretokens are looked up (ignore_merges).
//
// A pair that stands twice has the rank of its last line, as in tokenizers.
//
// Word suffix: the last symbol of a word is another token than the same byte elsewhere ("a</w>", not "a"). The core gets
// words with the byte kWordMark behind them, and for each byte a first merge with the mark: before any merge of the file has its turn the
// last byte has become its token. Word prefix: the same in front, where the bytes themselves are the tokens with the prefix ("##a"), and
// mark and byte merge into the one without it.
#include "formats/bpe_model.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "base/errors.hpp"
#include "base/memory.hpp"
#include "formats/json.hpp"
#include "formats/tokenizer_json.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::formats {

namespace {

using vocab::kNoSymbol;
using vocab::Symbol;

constexpr std::uint32_t kNoEntry = BpeModel::kNoEntry;
constexpr std::uint64_t kEmpty = ~std::uint64_t(0);

__extension__ using Product = unsigned __int128;
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    const Product product = Product(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// A secret seed: nobody can make a file whose entries collide.
std::uint64_t fresh_seed() {
    std::random_device device;
    return (std::uint64_t(device()) << 32 | device()) | 1;
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept {
    std::uint64_t state = seed ^ text.size();
    const char* at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; left -= 8, at += 8) state = fold(state ^ load<std::uint64_t>(at), 0x9e3779b97f4a7c15);
    std::uint64_t last = 0;
    if (left != 0) std::memcpy(&last, at, left);
    return fold(state ^ last, 0xd6e8feb86659fd93 ^ seed);
}

std::string shown(std::string_view token) {
    constexpr std::size_t kShownBytes = 48;
    std::string text = "'";
    for (const char c : token.substr(0, kShownBytes)) {
        if (static_cast<std::uint8_t>(c) < 0x20) {
            text += '?';
        } else {
            text += c;
        }
    }
    return text + (token.size() > kShownBytes ? "'..." : "'");
}

constexpr std::uint32_t kAlphabetEnd = 0x144;  // one more than its greatest character
constexpr std::int16_t kNoByte = -1;

// The characters by byte, as UTF-8 of one or two bytes, and back.
struct Alphabet {
    struct Character {
        char bytes[2];
        std::uint8_t count;
    };
    std::array<Character, 256> characters{};
    std::array<std::int16_t, kAlphabetEnd> bytes{};
};
constexpr Alphabet kAlphabet = [] {
    Alphabet alphabet;
    alphabet.bytes.fill(kNoByte);
    std::uint32_t next = 0x100;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const bool stands_for_itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        const std::uint32_t code = stands_for_itself ? byte : next++;
        alphabet.bytes[code] = static_cast<std::int16_t>(byte);
        if (code < 0x80) {
            alphabet.characters[byte] = {{static_cast<char>(code), 0}, 1};
        } else {
            alphabet.characters[byte] = {{static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))}, 2};
        }
    }
    return alphabet;
}();

// All pairs of the file: (left entry, right entry) -> its line. Open addressing, at most half full.
class FilePairs {
public:
    explicit FilePairs(std::size_t count) : slots_(std::bit_ceil(2 * count + 2), Slot{kEmpty, 0}) {}

    void add(std::uint32_t left, std::uint32_t right, std::uint32_t line) {
        Slot& slot = slots_[place(key(left, right))];
        slot = {key(left, right), line};
    }
    std::uint32_t line(std::uint32_t left, std::uint32_t right) const noexcept {
        const Slot& slot = slots_[place(key(left, right))];
        return slot.key == kEmpty ? kNoEntry : slot.line;
    }

private:
    struct Slot {
        std::uint64_t key;
        std::uint32_t line;
    };
    static std::uint64_t key(std::uint32_t left, std::uint32_t right) noexcept { return std::uint64_t(left) << 32 | right; }
    std::size_t place(std::uint64_t wanted) const noexcept {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = fold(wanted ^ seed_, 0x9e3779b97f4a7c15 ^ seed_) & mask;
        while (slots_[at].key != wanted && slots_[at].key != kEmpty) at = (at + 1) & mask;
        return at;
    }

    std::vector<Slot> slots_;
    std::uint64_t seed_ = fresh_seed();
};

class SpecMaker {
public:
    SpecMaker(const BpeModel& model, vocab::Spec& spec, Cancel& cancel)
        : model_(model),
          spec_(spec),
          cancel_(cancel),
          pairs_(model.merges.size()),
          marks_end_(!model.word_suffix.empty()),
          marks_begin_(!model.word_prefix.empty()) {}

    void run() {
        find_bytes();
        read_merges();
        spell_tokens();
        find_pairs();
        lay_out();
    }

private:
    // While pairs are being found, symbols are numbered by what made them, so that the house's mergers, for which a symbol is its own
    // rank, take them as they are: bytes by value, then the bytes with a word mark, then the lines of the file.
    static constexpr Symbol kMarkedBytes = 256, kLines = 512;
    static constexpr std::size_t kMaxMerges = kNoSymbol - kLines;

    bool marked() const noexcept { return marks_end_ || marks_begin_; }
    void find_bytes() {
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const char value = static_cast<char>(byte);
            std::string content;
            append_spelling({&value, 1}, content);
            const bool reserved = (marked() && byte == kWordMark) || (model_.unknown_token && byte == kUnknownByte);
            if (reserved) continue;  // not in UTF-8: no text misses them
            entry_of_byte_[byte] = model_.find(model_.word_prefix + content);
            if (marks_end_) entry_of_marked_[byte] = model_.find(content + model_.word_suffix);
            if (marks_begin_) entry_of_marked_[byte] = model_.find(content);
        }
    }

    void read_merges() {
        if (model_.merges.size() > kMaxMerges)
            refuse_json("the model has " + std::to_string(model_.merges.size()) + " merges; at most " + std::to_string(kMaxMerges) +
                            " are supported, one too many",
                        model_.merges[kMaxMerges].position);
        lines_.reserve(model_.merges.size());
        std::string whole;
        for (const BpeModel::Merge& merge : model_.merges) {
            cancel_.poll_at(lines_.size());
            const auto part = [&](std::string_view content) {
                const std::uint32_t entry = model_.find(content);
                if (entry == kNoEntry) refuse_json("a merge of " + shown(content) + ", which is no token,", merge.position);
                return entry;
            };
            const std::uint32_t left = part(merge.left), right = part(merge.right);
            std::string_view rest = merge.right;
            if (marks_begin_) {
                if (!rest.starts_with(model_.word_prefix) || rest.size() == model_.word_prefix.size())
                    refuse_json("a merge whose right part " + shown(rest) + " does not begin with the prefix of continuing subwords",
                                merge.position);
                rest.remove_prefix(model_.word_prefix.size());
            }
            whole.assign(merge.left).append(rest);
            const std::uint32_t result = model_.find(whole);
            if (result == kNoEntry) refuse_json("a merge into " + shown(whole) + ", which is no token,", merge.position);
            pairs_.add(left, right, static_cast<std::uint32_t>(lines_.size()));
            lines_.push_back({left, right, result});
        }
    }

    // The bytes of every token, marks included; empty for what is not spelt in the alphabet.
    void spell_tokens() {
        begins_.reserve(model_.entries.size() + 1);
        for (const BpeModel::Entry& entry : model_.entries) {
            cancel_.poll_at(begins_.size());
            begins_.push_back(spelt_.size());
            std::string_view content = entry.content;
            const bool has_suffix = marks_end_ && content.ends_with(model_.word_suffix) && content.size() > model_.word_suffix.size();
            const bool has_prefix = marks_begin_ && content.starts_with(model_.word_prefix) && content.size() > model_.word_prefix.size();
            if (has_suffix) content.remove_suffix(model_.word_suffix.size());
            if (has_prefix) content.remove_prefix(model_.word_prefix.size());
            if (marks_begin_ && !has_prefix) spelt_ += static_cast<char>(kWordMark);
            const std::size_t first = spelt_.size();
            const bool known = append_byte_level(content, spelt_);
            const std::string_view bytes(spelt_.data() + first, spelt_.size() - first);
            // Bytes that are in no UTF-8 and mean something else here.
            const bool reserved = (marked() && bytes.find(static_cast<char>(kWordMark)) != std::string_view::npos) ||
                                  (model_.unknown_token && bytes.find(static_cast<char>(kUnknownByte)) != std::string_view::npos);
            if (!known || reserved) {
                spelt_.resize(begins_.back());
            } else if (has_suffix) {
                spelt_ += static_cast<char>(kWordMark);
            }
        }
        begins_.push_back(spelt_.size());
    }
    std::string_view spelling(std::uint32_t entry) const noexcept {
        return std::string_view(spelt_).substr(begins_[entry], begins_[entry + 1] - begins_[entry]);
    }

    std::uint32_t entry_of(Symbol symbol) const noexcept {
        if (symbol >= kLines) return lines_[symbol - kLines].result;
        return symbol >= kMarkedBytes ? entry_of_marked_[symbol - kMarkedBytes] : entry_of_byte_[symbol];
    }
    Symbol merged(Symbol left, Symbol right) const noexcept {
        if (marks_end_ && right == kWordMark)
            return left < kMarkedBytes && entry_of_marked_[left] != kNoEntry ? kMarkedBytes + left : kNoSymbol;
        if (marks_begin_ && left == kWordMark)
            return right < kMarkedBytes && entry_of_marked_[right] != kNoEntry ? kMarkedBytes + right : kNoSymbol;
        const std::uint32_t a = entry_of(left), b = entry_of(right);
        if (a == kNoEntry || b == kNoEntry) return kNoSymbol;
        const std::uint32_t line = pairs_.line(a, b);
        return line == kNoEntry ? kNoSymbol : kLines + line;
    }

    // The same; those of bytes are remembered.
    Symbol pair_of(Symbol left, Symbol right) {
        if (left >= kMarkedBytes || right >= kMarkedBytes) return merged(left, right);
        Symbol& known = byte_pairs_[std::size_t(left) << 8 | right];
        if (known == kNotAsked) known = merged(left, right);
        return known;
    }

    // What the bytes merge into, if it is one symbol.
    Symbol merge_whole(std::string_view bytes) {
        const auto pairs = [this](Symbol left, Symbol right) { return merged(left, right); };
        symbols_.grow(bytes.size(), 0);
        for (std::size_t i = 0; i < bytes.size(); ++i) symbols_[i] = static_cast<std::uint8_t>(bytes[i]);
        std::size_t count = bytes.size();
        if (count <= vocab::kMaxPlainMerge) {
            Symbol ranks[vocab::kMaxPlainMerge];
            for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = pair_of(symbols_[i], symbols_[i + 1]);
            count = vocab::merge_plain(pairs, symbols_.data(), ranks, static_cast<std::uint32_t>(count));
        } else {
            count = tree_.merge(pairs, symbols_.data(), count, [this] { cancel_.poll(); });
        }
        return count == 1 ? symbols_[0] : kNoSymbol;
    }

    void find_pairs() {
        byte_pairs_.assign(std::size_t(1) << 16, kNotAsked);
        maker_.assign(model_.entries.size(), kNoSymbol);
        std::vector<bool> open(model_.entries.size(), marked());
        if (!marked()) find_pairs_by_lines(open);
        for (std::uint32_t entry = 0; entry < model_.entries.size(); ++entry) {
            cancel_.poll_at(entry);
            const std::string_view bytes = spelling(entry);
            if (bytes.empty() || !open[entry] || maker_[entry] != kNoSymbol) continue;
            const Symbol symbol = merge_whole(bytes);
            if (symbol != kNoSymbol && entry_of(symbol) == entry) maker_[entry] = symbol;
            // With a suffix that is spelt in the alphabet, a token could also be made of that spelling.
            if (marked() && maker_[entry] != kNoSymbol && is_spelt_twice(entry))
                throw Error(ErrorKind::unsupported, "model: the token " + shown(model_.entries[entry].content) +
                                                        " is made in two ways, with the word suffix or prefix and by its letters");
        }
    }

    // Most lines come after those of their parts. Then it shows without merging bytes whether a line makes its token. Other tokens are left
    // open, to be merged whole.
    void find_pairs_by_lines(std::vector<bool>& open) {
        for (std::uint32_t byte = 0; byte < 256; ++byte)
            if (entry_of_byte_[byte] != kNoEntry) maker_[entry_of_byte_[byte]] = byte;
        for (std::uint32_t line = 0; line < lines_.size(); ++line) {
            cancel_.poll_at(line);
            const auto [left, right, result] = lines_[line];
            if (spelling(result).empty() || pairs_.line(left, right) != line) continue;
            if (maker_[left] == kNoSymbol || maker_[right] == kNoSymbol) {
                open[result] = true;
            } else if (meet(maker_[left], maker_[right])) {
                maker_[result] = kLines + line;
            }
        }
    }

    // Do two symbols come to stand side by side when the bytes of both are merged in one? Each is made as it is alone, by steps of rising
    // rank, unless a pair across the border has its turn first. Only the last symbol of the left bytes and the first of the right ones meet
    // there. Both change as their steps come; of equal ranks the leftmost has its turn: left bytes, border, right bytes.
    // Example: with the lines (b, c), (a, b), (ab, c), the last one makes nothing: for (ab, c) the border has b and c first, which merge by
    // line 0, before line 1 makes ab.
    bool meet(Symbol left, Symbol right) {
        lasts_.assign(1, left);
        firsts_.assign(1, right);
        while (lasts_.back() >= kLines) lasts_.push_back(maker_[lines_[lasts_.back() - kLines].right]);
        while (firsts_.back() >= kLines) firsts_.push_back(maker_[lines_[firsts_.back() - kLines].left]);
        while (lasts_.size() > 1 || firsts_.size() > 1) {
            const Symbol next_last = lasts_.size() > 1 ? lasts_[lasts_.size() - 2] : kNoSymbol;
            const Symbol next_first = firsts_.size() > 1 ? firsts_[firsts_.size() - 2] : kNoSymbol;
            const Symbol across = pair_of(lasts_.back(), firsts_.back());
            if (across < next_last && across <= next_first) return false;
            (next_last <= next_first ? lasts_ : firsts_).pop_back();
        }
        return true;
    }

    bool is_spelt_twice(std::uint32_t entry) {
        std::string letters;
        if (marks_begin_) letters += static_cast<char>(kWordMark);
        const std::string_view content = model_.entries[entry].content;
        const bool has_mark = marks_end_ ? content.ends_with(model_.word_suffix) : content.starts_with(model_.word_prefix);
        if (!has_mark || !append_byte_level(content, letters)) return false;
        const Symbol symbol = merge_whole(letters);
        return symbol != kNoSymbol && entry_of(symbol) == entry;
    }

    void add_symbol(std::string_view bytes, std::uint32_t id, Symbol left, Symbol right) {
        spec_.bytes.insert(spec_.bytes.end(), bytes.begin(), bytes.end());
        spec_.offsets.push_back(spec_.bytes.size());
        spec_.ids.push_back(id);
        spec_.parts.emplace_back(left, right);
    }
    Symbol next_symbol() const noexcept { return static_cast<Symbol>(spec_.ids.size()); }

    void lay_out() {
        const std::size_t count = model_.entries.size();
        spec_.may_miss_bytes = true;
        spec_.offsets.assign(1, 0);
        spec_.ids.reserve(count + 2);
        spec_.parts.reserve(count + 2);
        spec_.bytes.reserve(spelt_.size() + 2);
        std::vector<Symbol> symbol_of_entry(count, kNoSymbol);
        Symbol mark = kNoSymbol;
        std::array<Symbol, 256> symbol_of_byte{};
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const char c = static_cast<char>(byte);
            symbol_of_byte[byte] = kNoSymbol;
            if (marked() && byte == kWordMark) {
                mark = next_symbol();
                add_symbol({&c, 1}, vocab::kNoId, kNoSymbol, kNoSymbol);
            } else if (model_.unknown_token && byte == kUnknownByte) {
                add_unknown(c);
            } else if (const std::uint32_t entry = entry_of_byte_[byte]; entry != kNoEntry) {
                symbol_of_byte[byte] = symbol_of_entry[entry] = next_symbol();
                add_symbol({&c, 1}, model_.entries[entry].id, kNoSymbol, kNoSymbol);
            } else if (entry_of_marked_[byte] != kNoEntry) {
                // Only at the border of a word; elsewhere it is left out of the words before they are merged.
                symbol_of_byte[byte] = next_symbol();
                add_symbol({&c, 1}, vocab::kNoId, kNoSymbol, kNoSymbol);
            }
        }
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t entry = entry_of_marked_[byte];
            if (entry == kNoEntry) continue;
            symbol_of_entry[entry] = next_symbol();
            add_symbol(spelling(entry), model_.entries[entry].id, marks_end_ ? symbol_of_byte[byte] : mark,
                       marks_end_ ? mark : symbol_of_byte[byte]);
        }
        std::vector<std::uint32_t> entry_of_line(lines_.size(), kNoEntry);
        for (std::uint32_t entry = 0; entry < count; ++entry)
            if (maker_[entry] != kNoSymbol && maker_[entry] >= kLines) entry_of_line[maker_[entry] - kLines] = entry;
        // Numbered before they are laid out: a part may have a later line than the whole.
        Symbol next = next_symbol();
        for (const std::uint32_t entry : entry_of_line)
            if (entry != kNoEntry) symbol_of_entry[entry] = next++;
        for (std::size_t line = 0; line < lines_.size(); ++line) {
            cancel_.poll_at(line);
            const std::uint32_t entry = entry_of_line[line];
            if (entry != kNoEntry)
                add_symbol(spelling(entry), model_.entries[entry].id, symbol_of_entry[lines_[line].left],
                           symbol_of_entry[lines_[line].right]);
        }
        for (std::uint32_t entry = 0; entry < count; ++entry) {
            if (symbol_of_entry[entry] != kNoSymbol) continue;
            const BpeModel::Entry& token = model_.entries[entry];
            if (model_.ignore_merges && !spelling(entry).empty()) {
                add_symbol(spelling(entry), token.id, kNoSymbol, kNoSymbol);
            } else if (!unknown_is_symbol_ || token.content != *model_.unknown_token) {
                spec_.specials.push_back({std::string(token.content), token.id, vocab::SpecialToken::Kind::name});
            }
        }
    }

    void add_unknown(char byte) {
        const std::uint32_t entry = model_.find(*model_.unknown_token);
        bool misses = false;
        for (std::uint32_t value = 0; value < 0xF5; ++value)
            misses |=
                value != 0xC0 && value != 0xC1 && (entry_of_byte_[value] == kNoEntry || (marked() && entry_of_marked_[value] == kNoEntry));
        if (!misses) return;
        if (entry == kNoEntry)
            throw Error(ErrorKind::vocabulary,
                        "model: bytes are missing and the unk_token " + shown(*model_.unknown_token) + " is no token");
        const bool is_part =
            std::any_of(lines_.begin(), lines_.end(), [&](const Line& line) { return line.left == entry || line.right == entry; });
        if (is_part || maker_[entry] != kNoSymbol)
            throw Error(ErrorKind::unsupported,
                        "model: merges make the unk_token " + shown(*model_.unknown_token) + ", or make something of it");
        add_symbol({&byte, 1}, model_.entries[entry].id, kNoSymbol, kNoSymbol);
        unknown_is_symbol_ = true;
    }

    struct Line {
        std::uint32_t left, right, result;  // entries
    };
    static constexpr Symbol kNotAsked = ~Symbol(0);

    const BpeModel& model_;
    vocab::Spec& spec_;
    Cancel& cancel_;
    FilePairs pairs_;
    const bool marks_end_, marks_begin_;
    std::vector<Line> lines_;
    std::array<std::uint32_t, 256> entry_of_byte_ = all_absent();
    std::array<std::uint32_t, 256> entry_of_marked_ = all_absent();  // the byte with the word mark
    std::string spelt_;
    std::vector<std::size_t> begins_;
    std::vector<Symbol> maker_;  // of an entry: what its bytes merge into, if that is the entry
    std::vector<Symbol> byte_pairs_;
    std::vector<Symbol> lasts_, firsts_;  // of meet(), the earliest behind
    Buffer<Symbol> symbols_;
    vocab::TreeMerger tree_;
    bool unknown_is_symbol_ = false;

    static std::array<std::uint32_t, 256> all_absent() {
        std::array<std::uint32_t, 256> entries{};
        entries.fill(kNoEntry);
        return entries;
    }
};

}  // namespace

bool append_byte_level(std::string_view text, std::string& bytes) {
    const std::size_t before = bytes.size();
    const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto* const end = at + text.size();
    while (at < end) {
        const std::uint32_t code = unicode::decode_utf8(at);
        if (code >= kAlphabetEnd || kAlphabet.bytes[code] == kNoByte) {
            bytes.resize(before);
            return false;
        }
        bytes += static_cast<char>(kAlphabet.bytes[code]);
        at += unicode::utf8_length(*at);
    }
    return true;
}

void append_spelling(std::string_view bytes, std::string& text) {
    for (const char c : bytes) {
        const Alphabet::Character& character = kAlphabet.characters[static_cast<std::uint8_t>(c)];
        text.append(character.bytes, character.count);
    }
}

void BpeModel::index(Cancel& cancel) {
    slots_.assign(std::bit_ceil(2 * entries.size() + 2), kNoEntry);
    const std::size_t mask = slots_.size() - 1;
    seed_ = fresh_seed();
    std::uint32_t greatest = 0;
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
        cancel.poll_at(i);
        std::size_t at = hash_of(entries[i].content, seed_) & mask;
        for (; slots_[at] != kNoEntry; at = (at + 1) & mask)
            if (entries[slots_[at]].content == entries[i].content)
                refuse_json("the token " + shown(entries[i].content) + " stands twice in the vocabulary, again", entries[i].position);
        slots_[at] = i;
        greatest = std::max(greatest, entries[i].id);
    }
    std::vector<bool> used(std::size_t(greatest) + 1);
    for (const Entry& entry : entries) {
        if (used[entry.id]) refuse_json("the id " + std::to_string(entry.id) + " stands for two tokens, the second", entry.position);
        used[entry.id] = true;
    }
}

std::uint32_t BpeModel::find(std::string_view content) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash_of(content, seed_) & mask; slots_[at] != kNoEntry; at = (at + 1) & mask)
        if (entries[slots_[at]].content == content) return slots_[at];
    return kNoEntry;
}

std::optional<std::uint32_t> BpeModel::id_of(std::string_view content) const noexcept {
    const std::uint32_t entry = find(content);
    if (entry == kNoEntry) return std::nullopt;
    return entries[entry].id;
}

void make_spec(const BpeModel& model, vocab::Spec& spec, Cancel& cancel) { SpecMaker(model, spec, cancel).run(); }

}  // namespace tokmill::formats
