// Text of a regex -> syntax tree, in either dialect. Where Oniguruma (Ruby syntax) and fancy-regex read the same text
// differently, the difference stands here and nowhere else. What neither the tree nor the automaton can say exactly is
// refused, with the byte where it stands.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "cpu/isa.hpp"
#include "pretokens/engine/syntax.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::pretokens::engine {

namespace {

constexpr int kMostNesting = 200;
constexpr int kMostRepeats = 1000;
constexpr std::size_t kMostRegexBytes = 1u << 20;
constexpr char32_t kEnd = 0xFFFFFFFF;

struct Flags {
    bool any_case = false;
    bool dot_all = false;
    bool lines = false;  // ^ and $ at line ends, in tiktoken's dialect; the other one always has them there
};

// Characters whose full case folding is several characters: Oniguruma matches those, too, fancy-regex never does.
const CodePointSet& folds_to_several() {
    static const CodePointSet set{{0xDF, 0xDF},     {0x130, 0x130},   {0x149, 0x149},   {0x1F0, 0x1F0},   {0x390, 0x390},
                                  {0x3B0, 0x3B0},   {0x587, 0x587},   {0x1E96, 0x1E9A}, {0x1E9E, 0x1E9E}, {0x1F50, 0x1F50},
                                  {0x1F52, 0x1F52}, {0x1F54, 0x1F54}, {0x1F56, 0x1F56}, {0x1F80, 0x1FAF}, {0x1FB2, 0x1FB4},
                                  {0x1FB6, 0x1FB7}, {0x1FBC, 0x1FBC}, {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FC7}, {0x1FCC, 0x1FCC},
                                  {0x1FD2, 0x1FD3}, {0x1FD6, 0x1FD7}, {0x1FE2, 0x1FE4}, {0x1FE6, 0x1FE7}, {0x1FF2, 0x1FF4},
                                  {0x1FF6, 0x1FF7}, {0x1FFC, 0x1FFC}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17}};
    return set;
}

// Could these two letters stand side by side in such a folding? Beyond ASCII the second one decides.
bool may_fold_together(const Node& left, const Node& right) {
    static const CodePointSet second{{0x2BE, 0x2BE}, {0x300, 0x301}, {0x307, 0x308}, {0x30A, 0x30A}, {0x30C, 0x30C},  {0x313, 0x313},
                                     {0x331, 0x331}, {0x342, 0x342}, {0x345, 0x345}, {0x399, 0x399}, {0x3B9, 0x3B9},  {0x565, 0x565},
                                     {0x56B, 0x56B}, {0x56D, 0x56D}, {0x576, 0x576}, {0x582, 0x582}, {0x1FBE, 0x1FBE}};
    static constexpr std::array<std::string_view, 5> kPairs{"ss", "ff", "fi", "fl", "st"};
    for (const std::string_view pair : kPairs) {
        if (left.set.contains(static_cast<std::uint8_t>(pair[0])) && right.set.contains(static_cast<std::uint8_t>(pair[1]))) return true;
    }
    return !(right.set & second).empty() || (left.set.contains(0x2BC) && right.set.contains('n'));
}

class Parser {
public:
    Parser(std::string_view regex, Dialect dialect) : regex_(regex), dialect_(dialect) {
        if (regex.size() > kMostRegexBytes) throw Error(ErrorKind::pattern, "a split pattern of more than 1 MiB");
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(regex.data());
        const std::size_t valid = unicode::kernels(cpu::Isa::scalar).valid_utf8(bytes, regex.size());
        if (valid != regex.size()) refuse("bytes that are not UTF-8", static_cast<std::uint32_t>(valid));
        for (std::size_t at = 0; at < regex.size(); at += unicode::utf8_length(bytes[at])) {
            codes_.push_back(unicode::decode_utf8(bytes + at));
            positions_.push_back(static_cast<std::uint32_t>(at));
        }
        positions_.push_back(static_cast<std::uint32_t>(regex.size()));
    }

    Tree parse_all() {
        Tree tree = parse_alternation({}, 0);
        if (!done()) refuse_here("a ) without its (");
        return tree;
    }

private:
    bool oniguruma() const noexcept { return dialect_ == Dialect::tokenizers; }
    bool done() const noexcept { return next_ == codes_.size(); }
    char32_t peek(std::size_t ahead = 0) const noexcept { return next_ + ahead < codes_.size() ? codes_[next_ + ahead] : kEnd; }
    bool take(char32_t code) noexcept {
        if (peek() != code) return false;
        ++next_;
        return true;
    }
    bool take(std::string_view ascii) noexcept {
        for (std::size_t i = 0; i < ascii.size(); ++i) {
            if (peek(i) != static_cast<char32_t>(ascii[i])) return false;
        }
        next_ += ascii.size();
        return true;
    }
    std::uint32_t position() const noexcept { return positions_[next_]; }
    [[noreturn]] void refuse_here(const std::string& what) const { refuse(what, position()); }
    // Names the text from a code on, for messages.
    std::string text_from(std::size_t from) const {
        return std::string(regex_.substr(positions_[from], positions_[next_] - positions_[from]));
    }

    // ---- alternations, sequences, quantifiers

    Tree parse_alternation(Flags flags, int depth) {
        if (depth > kMostNesting) refuse_here("groups nested more than 200 deep");
        std::vector<Tree> branches, sequence;
        const auto end_branch = [&] {
            if (oniguruma()) refuse_multiple_folds(sequence);
            branches.push_back(make_sequence(std::exchange(sequence, {})));
        };
        while (!done() && peek() != ')') {
            if (take('|')) {
                end_branch();
                continue;
            }
            if (take_comment()) continue;
            if (take_inline_flags(flags)) {
                // a(?i)b|c: for Oniguruma the rest of the group is one group of its own, with all its branches.
                if (oniguruma()) sequence.push_back(parse_alternation(flags, depth + 1));
                continue;
            }
            sequence.push_back(parse_quantified(flags, depth));
        }
        end_branch();
        return make_alternation(std::move(branches));
    }

    void refuse_multiple_folds(const std::vector<Tree>& sequence) const {
        for (std::size_t i = 0; i < sequence.size(); ++i) {
            const Node& here = *sequence[i];
            if (here.kind != Node::Kind::set || !here.any_case) continue;
            const bool alone = !(here.set & folds_to_several()).empty();
            const bool pair = i + 1 < sequence.size() && sequence[i + 1]->kind == Node::Kind::set && sequence[i + 1]->any_case &&
                              may_fold_together(here, *sequence[i + 1]);
            if (alone || pair) refuse("case-insensitive letters that fold to several characters", here.position);
        }
    }

    Tree parse_quantified(Flags flags, int depth) {
        const std::uint32_t begin = position();
        Tree atom = parse_atom(flags, depth);
        const std::uint32_t at = position();
        int least = 0, most = kUnbounded;
        bool counted = false;
        if (take('*')) {
        } else if (take('+')) {
            least = 1;
        } else if (take('?')) {
            most = 1;
        } else if (peek() == '{' && take_counts(least, most)) {
            counted = true;
        } else {
            return atom;
        }
        if (atom->kind == Node::Kind::look || atom->kind == Node::Kind::search_start || atom->kind == Node::Kind::empty)
            refuse("a quantifier on something that consumes no character", at);
        Tree repeat;
        if (counted && oniguruma()) {
            if (least == most && take('?')) {  // X{n}? is (X{n})?
                repeat = make_repeat(make_repeat(atom, least, most, Node::Greed::greedy, begin), 0, 1, Node::Greed::greedy, begin);
            } else if (take('?')) {
                repeat = make_repeat(atom, least, most, Node::Greed::lazy, begin);
            } else if (take('+')) {  // X{n,m}+ is (X{n,m})+
                repeat = make_repeat(make_repeat(atom, least, most, Node::Greed::greedy, begin), 1, kUnbounded, Node::Greed::greedy, begin);
            } else {
                repeat = make_repeat(atom, least, most, Node::Greed::greedy, begin);
            }
        } else {
            const Node::Greed greed = take('?') ? Node::Greed::lazy : take('+') ? Node::Greed::possessive : Node::Greed::greedy;
            repeat = make_repeat(atom, least, most, greed, begin);
        }
        if (peek() == '*' || peek() == '+' || peek() == '?') refuse_here("a quantifier on a quantifier");
        if (peek() == '{') {
            const std::size_t from = next_;
            int more_least = 0, more_most = 0;
            if (take_counts(more_least, more_most)) refuse("a quantifier on a quantifier", positions_[from]);
        }
        return repeat;
    }

    // {n}, {n,}, {n,m}; for Oniguruma {,m} too, and anything else is literal text (false, nothing taken).
    bool take_counts(int& least, int& most) {
        const std::size_t from = next_;
        ++next_;
        const auto number = [&]() -> int {
            int value = -1;
            while (peek() >= '0' && peek() <= '9') {
                value = std::max(value, 0) * 10 + static_cast<int>(codes_[next_++] - '0');
                if (value > kMostRepeats) refuse("a repeat of more than " + std::to_string(kMostRepeats) + " times", positions_[from]);
            }
            return value;
        };
        least = number();
        most = least;
        const bool comma = take(',');
        if (comma) most = number();
        if (!take('}') || (least < 0 && (most < 0 || !oniguruma()))) {
            if (!oniguruma()) refuse("a { that begins no repeat count", positions_[from]);
            next_ = from;
            return false;
        }
        least = std::max(least, 0);
        if (most >= 0 && most < least) refuse("a repeat whose bounds are out of order", positions_[from]);
        if (comma && most < 0) most = kUnbounded;
        return true;
    }

    // ---- atoms

    bool take_comment() {
        const std::uint32_t begin = position();
        if (!take("(?#")) return false;
        while (!done() && peek() != ')') ++next_;
        if (!take(')')) refuse("a comment without its )", begin);
        if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') refuse_here("a quantifier behind a comment");
        return true;
    }

    // (?i) and the like; a group with flags, (?i:...), is left alone.
    bool take_inline_flags(Flags& flags) {
        if (peek() != '(' || peek(1) != '?') return false;
        std::size_t end = next_ + 2;
        while (end < codes_.size() && (codes_[end] == '-' || (codes_[end] >= 'a' && codes_[end] <= 'z'))) ++end;
        if (end == next_ + 2 || end == codes_.size() || codes_[end] != ')') return false;
        next_ += 2;
        read_flags(flags);
        ++next_;
        return true;
    }

    void read_flags(Flags& flags) {
        bool on = true;
        for (; peek() != ')' && peek() != ':'; ++next_) {
            switch (peek()) {
                case '-': on = false; break;
                case 'i': flags.any_case = on; break;
                case 'm': (oniguruma() ? flags.dot_all : flags.lines) = on; break;
                case 's':
                    if (oniguruma()) refuse_here("the flag s");
                    flags.dot_all = on;
                    break;
                default: refuse_here("a kind of group or a flag that is not known");
            }
        }
    }

    Tree parse_group(Flags flags, int depth) {
        const std::uint32_t begin = position();
        ++next_;
        Tree tree;
        const auto inside = [&] { return parse_alternation(flags, depth + 1); };
        if (take("?:")) {
            tree = inside();
        } else if (take("?=")) {
            tree = make_look(inside(), false, false, begin);
        } else if (take("?!")) {
            tree = make_look(inside(), true, false, begin);
        } else if (take("?<=")) {
            tree = make_look(inside(), false, true, begin);
        } else if (take("?<!")) {
            tree = make_look(inside(), true, true, begin);
        } else if (take("?>")) {
            tree = make_atomic(inside(), begin);
        } else if (peek() == '?' &&
                   (peek(1) == '<' || (peek(1) == '\'' && oniguruma()) || (peek(1) == 'P' && peek(2) == '<' && !oniguruma()))) {
            next_ += peek(1) == 'P' ? 3 : 2;
            const char32_t closing = codes_[next_ - 1] == '\'' ? '\'' : '>';
            const std::size_t from = next_;
            while (!done() && peek() != closing && peek() != ')') ++next_;
            if (next_ == from || !take(closing)) refuse("a group whose name has no end", begin);
            named_groups_ = true;
            tree = parse_capture(flags, depth, begin);
        } else if (take('?')) {
            Flags changed = flags;
            read_flags(changed);
            if (!take(':')) refuse_here("flags");
            tree = parse_alternation(changed, depth + 1);
        } else {
            tree = parse_capture(flags, depth, begin);
        }
        if (!take(')')) refuse("a ( without its )", begin);
        return tree;
    }

    Tree parse_capture(Flags flags, int depth, std::uint32_t begin) {
        auto group = std::make_shared<Node>();
        group->kind = Node::Kind::group;
        group->number = ++group_count_;
        group->position = begin;
        group->kids = {parse_alternation(flags, depth + 1)};
        return seal(std::move(group));
    }

    Tree parse_atom(Flags flags, int depth) {
        const std::uint32_t begin = position();
        const char32_t code = peek();
        switch (code) {
            case '(': return parse_group(flags, depth);
            case '[': {
                ++next_;
                return make_set(parse_class(flags, 0), begin);
            }
            case '.': ++next_; return make_set(flags.dot_all ? CodePointSet::all() : ~CodePointSet::one('\n'), begin);
            case '^': ++next_; return line_begin(oniguruma() || flags.lines, begin);
            case '$': ++next_; return line_end(oniguruma() || flags.lines, begin);
            case '*':
            case '+':
            case '?': refuse_here("a quantifier with nothing before it");
            case '\\': return parse_escape(flags);
            default: ++next_; return literal(code, flags, begin);
        }
    }

    Tree literal(char32_t code, Flags flags, std::uint32_t begin) {
        auto node = std::make_shared<Node>();
        node->kind = Node::Kind::set;
        node->set = CodePointSet::one(code);
        if (flags.any_case) node->set = with_other_cases(node->set);
        node->any_case = flags.any_case;
        node->position = begin;
        return seal(std::move(node));
    }

    Tree text_begin(std::uint32_t at) { return make_look(make_set(CodePointSet::all()), true, true, at); }
    Tree text_end(std::uint32_t at) { return make_look(make_set(CodePointSet::all()), true, false, at); }

    Tree line_begin(bool lines, std::uint32_t at) {
        if (!lines) return text_begin(at);
        Tree after = make_look(make_set(CodePointSet::one('\n')), false, true, at);
        // Oniguruma sees no line behind a newline that ends the text.
        if (oniguruma()) after = make_sequence({after, make_look(make_set(CodePointSet::all()), false, false, at)});
        return make_alternation({text_begin(at), after});
    }

    Tree line_end(bool lines, std::uint32_t at) {
        if (!lines) return text_end(at);
        return make_alternation({text_end(at), make_look(make_set(CodePointSet::one('\n')), false, false, at)});
    }

    Tree word_border(bool negated, std::uint32_t at) {
        const Tree word = make_set(word_characters(false));
        const auto look = [&](bool not_word, bool behind) { return make_look(word, not_word, behind, at); };
        return make_alternation(
            {make_sequence({look(false, true), look(!negated, false)}), make_sequence({look(true, true), look(negated, false)})});
    }

    Tree parse_escape(Flags flags) {
        const std::size_t from = next_;
        const std::uint32_t begin = position();
        ++next_;
        if (done()) refuse("a \\ with nothing behind it", begin);
        const char32_t code = peek();
        if (code >= '1' && code <= '9') {
            ++next_;
            if ((peek() >= '0' && peek() <= '9') || (named_groups_ && oniguruma())) refuse("a back reference", begin);
            auto node = std::make_shared<Node>();
            node->kind = Node::Kind::back_reference;
            node->number = static_cast<int>(code - '0');
            node->position = begin;
            return seal(std::move(node));
        }
        switch (code) {
            case 'A': ++next_; return text_begin(begin);
            case 'z': ++next_; return text_end(begin);
            case 'Z': {
                ++next_;
                const int most = oniguruma() ? 1 : kUnbounded;
                const Tree newlines = make_repeat(make_set(CodePointSet::one('\n')), 0, most, Node::Greed::greedy, begin);
                return make_look(make_sequence({newlines, text_end(begin)}), false, false, begin);
            }
            case 'G': {
                ++next_;
                auto node = std::make_shared<Node>();
                node->kind = Node::Kind::search_start;
                node->position = begin;
                return seal(std::move(node));
            }
            case 'b':
            case 'B': ++next_; return word_border(code == 'B', begin);
            default: break;
        }
        if (std::optional<SetEscape> escape = take_set_escape(false)) {
            // fancy-regex folds first and negates then; Oniguruma folds no set outside of brackets.
            CodePointSet set = std::move(escape->set);
            if (flags.any_case && !oniguruma()) set = with_other_cases(set);
            return make_set(escape->negated ? ~set : set, begin);
        }
        const char32_t literal_code = take_character_escape(from);
        return literal(literal_code, flags, begin);
    }

    // ---- escapes

    struct SetEscape {
        CodePointSet set;
        bool negated;
    };

    // Oniguruma's \w has six number characters more outside of brackets than inside.
    CodePointSet word_characters(bool in_brackets) const {
        CodePointSet set = *find_binary_property("Alphabetic") | *find_category("M") | *find_category("Nd") | *find_category("Pc");
        if (!oniguruma()) return set | CodePointSet{{0x200C, 0x200D}};
        return in_brackets ? set : set | CodePointSet{{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}};
    }

    // At the letter behind a backslash; takes it if the escape names a set.
    std::optional<SetEscape> take_set_escape(bool in_brackets) {
        const char32_t code = peek();
        switch (code) {
            case 'd':
            case 'D': ++next_; return SetEscape{*find_category("Nd"), code == 'D'};
            case 's':
            case 'S': ++next_; return SetEscape{white_space(), code == 'S'};
            case 'w':
            case 'W': ++next_; return SetEscape{word_characters(in_brackets), code == 'W'};
            case 'h':
            case 'H': ++next_; return SetEscape{{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, code == 'H'};
            case 'p':
            case 'P': return take_property();
            default: return std::nullopt;
        }
    }

    SetEscape take_property() {
        const std::size_t from = next_ - 1;
        bool negated = codes_[next_++] == 'P';
        std::string name;
        if (take('{')) {
            if (oniguruma() && take('^')) negated = !negated;
            while (!done() && peek() != '}') name += peek() < 0x80 ? static_cast<char>(codes_[next_++]) : (++next_, '?');
            if (!take('}')) refuse("a property without its }", positions_[from]);
        } else if (!oniguruma() && !done() && peek() < 0x80) {
            name = static_cast<char>(codes_[next_++]);
        } else {
            refuse("a property without its {", positions_[from]);
        }
        return {property(name, from), negated};
    }

    CodePointSet property(const std::string& name, std::size_t from) const {
        std::optional<CodePointSet> set;
        const std::size_t equals = name.find('=');
        if (equals == std::string::npos) {
            set = find_category(name);
            if (!set) set = find_binary_property(name);
            if (!set) set = find_script(name);
        } else if (!oniguruma()) {
            const std::string key = name.substr(0, equals), value = name.substr(equals + 1);
            if (key == "gc" || key == "General_Category") set = find_category(value);
            if (key == "sc" || key == "Script" || key == "script") set = find_script(value);
        }
        if (!set) refuse("the property " + text_from(from), positions_[from]);
        return *set;
    }

    std::uint32_t take_hexadecimal(std::size_t digits, std::size_t from) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const char32_t code = peek();
            const bool digit = code >= '0' && code <= '9', letter = (code | 32) >= 'a' && (code | 32) <= 'f';
            if ((!digit && !letter) || code > 0x7F || value > kLastCodePoint) refuse("a hexadecimal escape that is none", positions_[from]);
            value = value << 4 | (digit ? code - '0' : (code | 32) - 'a' + 10);
            ++next_;
        }
        if (value > kLastCodePoint) refuse("a code point above U+10FFFF", positions_[from]);
        return value;
    }

    // At the letter behind a backslash (which stands at `from`): the one character that the escape means.
    char32_t take_character_escape(std::size_t from) {
        const char32_t code = codes_[next_++];
        switch (code) {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case '0':
                if (!oniguruma() || (peek() >= '0' && peek() <= '9')) refuse("an octal escape", positions_[from]);
                return 0;
            case 'x':
            case 'u': {
                if ((code == 'x' || !oniguruma()) && take('{')) {
                    std::size_t end = next_;
                    while (end < codes_.size() && codes_[end] != '}') ++end;
                    if (end == codes_.size() || end == next_) refuse("a hexadecimal escape that is none", positions_[from]);
                    const std::uint32_t value = take_hexadecimal(end - next_, from);
                    ++next_;
                    return value;
                }
                const std::uint32_t value = take_hexadecimal(code == 'x' ? 2 : 4, from);
                if (code == 'x' && value > 0x7F && oniguruma()) refuse("an escape of a byte that is not ASCII", positions_[from]);
                return value;
            }
            case '<':
            case '>':
                if (!oniguruma()) refuse("a border of words", positions_[from]);
                return code;
            default: break;
        }
        const bool letter = ((code | 32) >= 'a' && (code | 32) <= 'z' && code < 0x80) || (code >= '0' && code <= '9');
        if (letter) refuse("the escape " + text_from(from), positions_[from]);
        return code;
    }

    // ---- classes in brackets

    // After the '['. Under "any case" fancy-regex folds each operand of && and each nested class; Oniguruma the outermost only.
    CodePointSet parse_class(Flags flags, int depth) {
        const std::uint32_t begin = positions_[next_ - 1];
        if (depth > kMostNesting) refuse("classes nested more than 200 deep", begin);
        const bool negated = take('^');
        const bool fold_here = flags.any_case && (!oniguruma() || depth == 0);
        CodePointSet so_far;
        bool intersecting = false;
        std::vector<CodePointSet::Range> items;
        const auto add = [&](const CodePointSet& set) { items.insert(items.end(), set.ranges().begin(), set.ranges().end()); };
        const auto end_operand = [&] {
            CodePointSet operand(std::exchange(items, {}));
            if (flags.any_case && !oniguruma()) operand = with_other_cases(operand);
            so_far = intersecting ? so_far & operand : operand;
            intersecting = true;
        };
        for (bool first = true;; first = false) {
            if (done()) refuse("a [ without its ]", begin);
            const std::uint32_t at = position();
            const char32_t code = peek();
            if (code == ']') {
                if (first) refuse("a ] that stands first in its class", at);
                ++next_;
                break;
            }
            if (code == '[') {
                if (peek(1) == ':' && is_posix_bracket()) {
                    add(take_posix_bracket());
                } else {
                    ++next_;
                    add(parse_class(flags, depth + 1));
                }
                continue;
            }
            if (code == '&' && peek(1) == '&') {
                next_ += 2;
                end_operand();
                continue;
            }
            if (!oniguruma() && (code == '-' || code == '~') && peek(1) == code) refuse("a difference of classes", at);
            if (code == '\\' && peek(1) != 'b') {
                ++next_;
                if (done()) refuse("a [ without its ]", begin);
                if (std::optional<SetEscape> escape = take_set_escape(true)) {
                    CodePointSet set = std::move(escape->set);
                    if (flags.any_case && !oniguruma()) set = with_other_cases(set);
                    add(escape->negated ? ~set : set);
                    if (peek() == '-' && peek(1) != ']') refuse_here("a range that begins with a class");
                    continue;
                }
                --next_;
            }
            const char32_t low = take_class_character();
            char32_t high = low;
            if (peek() == '-' && peek(1) != ']' && peek(1) != kEnd) {
                if (!oniguruma() && peek(1) == '-') refuse_here("a difference of classes");
                if (peek(1) == '[' || (peek(1) == '&' && peek(2) == '&')) refuse_here("a - before a class or &&");
                ++next_;
                if (peek() == '\\' && peek(1) != 'b') {
                    ++next_;
                    if (done()) refuse("a [ without its ]", begin);
                    if (take_set_escape(true)) refuse("a range that ends with a class", at);
                    --next_;
                }
                high = take_class_character();
                if (high < low) refuse("a range out of order", at);
            }
            items.push_back({low, high});
        }
        end_operand();
        if (fold_here && oniguruma() && !negated && !(with_other_cases(so_far) & folds_to_several()).empty())
            refuse("a case-insensitive class with a character that folds to several", begin);
        if (fold_here) so_far = with_other_cases(so_far);
        return negated ? ~so_far : so_far;
    }

    char32_t take_class_character() {
        const std::size_t from = next_;
        if (!take('\\')) return codes_[next_++];
        if (take('b')) return '\b';
        return take_character_escape(from);
    }

    bool is_posix_bracket() const {
        for (std::size_t i = next_ + 2; i + 1 < codes_.size(); ++i) {
            if (codes_[i] == ':' && codes_[i + 1] == ']') return true;
            if (codes_[i] == ']') return false;
        }
        return false;
    }

    // [:name:] inside of brackets: ASCII sets for fancy-regex, sets of Unicode for Oniguruma.
    CodePointSet take_posix_bracket() {
        const std::size_t from = next_;
        next_ += 2;
        const bool negated = take('^');
        std::string name;
        while (peek() != ':') name += peek() < 0x80 ? static_cast<char>(codes_[next_++]) : (++next_, '?');
        next_ += 2;
        const std::optional<CodePointSet> set = posix_set(name);
        if (!set) refuse("the bracket " + text_from(from), positions_[from]);
        return negated ? ~*set : *set;
    }

    std::optional<CodePointSet> posix_set(const std::string& name) const {
        const auto category = [](std::string_view one) { return *find_category(one); };
        if (name == "xdigit") return CodePointSet{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
        if (name == "ascii") return CodePointSet{{0, 0x7F}};
        if (oniguruma()) {
            if (name == "alpha") return *find_binary_property("Alphabetic");
            if (name == "alnum") return *find_binary_property("Alphabetic") | category("Nd");
            if (name == "digit") return category("Nd");
            if (name == "space") return white_space();
            if (name == "blank") return category("Zs") | CodePointSet::one('\t');
            if (name == "cntrl") return category("Cc");
            if (name == "word") return word_characters(true);
            return std::nullopt;
        }
        if (name == "alpha") return CodePointSet{{'A', 'Z'}, {'a', 'z'}};
        if (name == "alnum") return CodePointSet{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
        if (name == "digit") return CodePointSet{{'0', '9'}};
        if (name == "lower") return CodePointSet{{'a', 'z'}};
        if (name == "upper") return CodePointSet{{'A', 'Z'}};
        if (name == "space") return CodePointSet{{'\t', '\r'}, {' ', ' '}};
        if (name == "blank") return CodePointSet{{'\t', '\t'}, {' ', ' '}};
        if (name == "cntrl") return CodePointSet{{0, 0x1F}, {0x7F, 0x7F}};
        if (name == "graph") return CodePointSet{{'!', '~'}};
        if (name == "print") return CodePointSet{{' ', '~'}};
        if (name == "punct") return CodePointSet{{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
        if (name == "word") return CodePointSet{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
        return std::nullopt;
    }

    std::string_view regex_;
    Dialect dialect_;
    std::vector<char32_t> codes_;
    std::vector<std::uint32_t> positions_;  // of each code, in bytes; one more for the end
    std::size_t next_ = 0;
    int group_count_ = 0;
    bool named_groups_ = false;
};

}  // namespace

Tree parse(std::string_view regex, Dialect dialect) { return Parser(regex, dialect).parse_all(); }

}  // namespace tokmill::pretokens::engine
