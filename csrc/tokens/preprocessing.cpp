#include "tokens/preprocessing.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/errors.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::tokens {

namespace {

namespace engine = pretokens::engine;
using engine::Behaviour;
using engine::Program;
using engine::SplitStep;
using formats::NormalizerStep;
using formats::PretokenStep;
using unicode::CharacterSet;

// What ByteLevel with use_regex splits by.
constexpr std::string_view kByteLevelRegex = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Program compile(const formats::Needle& needle, const std::string& component) {
    if (!needle.is_regex) return Program::literal(needle.text);
    try {
        return Program::compile(needle.text, engine::Dialect::tokenizers);
    } catch (const Error& error) {
        throw Error(error.kind(), component + ": " + error.what(), error.where());
    }
}

Program one_of(CharacterSet set, bool runs) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    for (const unicode::CodePointRange& range : unicode::ranges(set)) ranges.emplace_back(range.first, range.last);
    return Program::one_of(ranges, runs);
}

Behaviour behaviour_of(formats::SplitBehavior behavior) noexcept {
    switch (behavior) {
        case formats::SplitBehavior::removed: return Behaviour::removed;
        case formats::SplitBehavior::isolated: return Behaviour::isolated;
        case formats::SplitBehavior::merged_with_previous: return Behaviour::merged_with_previous;
        case formats::SplitBehavior::merged_with_next: return Behaviour::merged_with_next;
        case formats::SplitBehavior::contiguous: return Behaviour::contiguous;
    }
    return Behaviour::isolated;
}

void append_step(const PretokenStep& step, std::vector<SplitStep>& steps) {
    switch (step.kind) {
        case PretokenStep::Kind::byte_level:
            if (step.use_regex)
                steps.push_back({compile({std::string(kByteLevelRegex), true}, "pre_tokenizer ByteLevel"), Behaviour::isolated});
            break;
        case PretokenStep::Kind::split:
            steps.push_back({compile(step.needle, "pre_tokenizer Split"), behaviour_of(step.behavior), step.invert});
            break;
        case PretokenStep::Kind::digits:
            steps.push_back({one_of(CharacterSet::numeric, !step.individual_digits), Behaviour::isolated});
            break;
        case PretokenStep::Kind::punctuation:
            steps.push_back({one_of(CharacterSet::punctuation, false), behaviour_of(step.behavior)});
            break;
        case PretokenStep::Kind::whitespace:  // \w+|[^\w\s]+
            steps.push_back({one_of(CharacterSet::white_space, true), Behaviour::removed});
            steps.push_back({one_of(CharacterSet::word, true), Behaviour::isolated});
            break;
        case PretokenStep::Kind::whitespace_split: steps.push_back({one_of(CharacterSet::white_space, true), Behaviour::removed}); break;
    }
}

// The one scanner that does what all the steps do, if there is one.
std::optional<pretokens::Pattern> known_pattern(const std::vector<PretokenStep>& steps) {
    std::vector<std::string_view> regexes;
    for (const PretokenStep& step : steps) {
        if (step.kind == PretokenStep::Kind::byte_level) {
            if (step.use_regex) regexes.push_back(kByteLevelRegex);
            if (&step != &steps.back() || (step.add_prefix_space && steps.size() > 1)) return std::nullopt;
            continue;
        }
        const bool isolates = step.behavior == formats::SplitBehavior::isolated && !step.invert;
        const bool keeps_matches =
            step.behavior == formats::SplitBehavior::removed && step.invert && steps.size() == 2 && !steps.back().use_regex;
        if (step.kind != PretokenStep::Kind::split || !step.needle.is_regex || (!isolates && !keeps_matches)) return std::nullopt;
        regexes.push_back(step.needle.text);
    }
    return pretokens::find_pattern(regexes);
}

// A Split by a regex, with nothing behind it but the byte-level alphabet.
bool is_one_isolated_split(const std::vector<PretokenStep>& steps) noexcept {
    if (steps.empty() || steps.size() > 2 || steps[0].kind != PretokenStep::Kind::split || !steps[0].needle.is_regex) return false;
    if (steps[0].behavior != formats::SplitBehavior::isolated || steps[0].invert) return false;
    if (steps.size() == 1) return true;
    return steps[1].kind == PretokenStep::Kind::byte_level && !steps[1].use_regex && !steps[1].add_prefix_space;
}

bool removes(const std::vector<SplitStep>& steps) noexcept {
    return std::ranges::any_of(steps, [](const SplitStep& step) { return step.behaviour == Behaviour::removed; });
}

bool in_utf8(std::uint32_t byte) noexcept { return byte < 0xF5 && byte != 0xC0 && byte != 0xC1; }

}  // namespace

Preprocessing::Preprocessing(formats::Components components, const vocab::Vocabulary& vocabulary, const vocab::Merges& merges)
    : components_(std::move(components)) {
    make_normalizer();
    judge_bytes(vocabulary, merges);
    make_steps();
    make_decoder();
}

void Preprocessing::make_normalizer() {
    normalized::Steps steps;
    for (const NormalizerStep& step : components_.normalizer) {
        using Kind = NormalizerStep::Kind;
        is_local_ &= step.kind != Kind::strip && step.kind != Kind::prepend && step.kind != Kind::replace;
        switch (step.kind) {
            case NormalizerStep::Kind::nfc: steps.form(unicode::Form::nfc); break;
            case NormalizerStep::Kind::nfd: steps.form(unicode::Form::nfd); break;
            case NormalizerStep::Kind::nfkc: steps.form(unicode::Form::nfkc); break;
            case NormalizerStep::Kind::nfkd: steps.form(unicode::Form::nfkd); break;
            case NormalizerStep::Kind::lowercase: steps.lowercase(); break;
            case NormalizerStep::Kind::strip_accents: steps.strip_accents(); break;
            case NormalizerStep::Kind::strip: steps.strip(step.strip_left, step.strip_right); break;
            case NormalizerStep::Kind::prepend: steps.prepend(step.content); break;
            case NormalizerStep::Kind::replace:
                if (!step.needle.is_regex) {
                    steps.replace(step.needle.text, step.content);
                } else {
                    steps.replace_matches(
                        [program = compile(step.needle, "normalizer Replace")](std::string_view text,
                                                                               std::vector<normalized::Span>& matches, Cancel& cancel) {
                            engine::Pieces memory;
                            const auto take = [&](std::span<const engine::Piece> pieces) {
                                for (const engine::Piece& piece : pieces)
                                    if (piece.is_match)
                                        matches.push_back({static_cast<std::uint32_t>(piece.begin), static_cast<std::uint32_t>(piece.end)});
                            };
                            engine::find_pieces(program, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), memory, take,
                                                cancel);
                        },
                        step.content);
                }
                break;
        }
    }
    normalizer_ = normalized::Normalizer(std::move(steps).take(), unicode::NormalizationData::tokenizers);
    if (normalizer_.is_identity()) return;
    normalized::Workspace workspace;
    Cancel never;
    for (formats::AddedToken& token : components_.added_tokens)
        if (token.normalized) token.normalized_content = std::string(normalizer_.normalize(token.content, workspace, false, never).text);
}

void Preprocessing::make_steps() {
    for (const PretokenStep& step : components_.pretokens) adds_space_ |= step.add_prefix_space;
    if (!is_marked()) pattern_ = known_pattern(components_.pretokens);
    if (pattern_ && !changes_bytes_) return;
    std::vector<SplitStep>* steps = &steps_;
    for (const PretokenStep& step : components_.pretokens) {
        const bool byte_level = step.kind == PretokenStep::Kind::byte_level;
        append_step(step, byte_level && step.add_prefix_space ? byte_level_step_ : *steps);
        if (byte_level) steps = &steps_behind_;
    }
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        std::string character;
        formats::append_spelling({&c, 1}, character);
        const std::uint32_t code = unicode::decode_utf8(reinterpret_cast<const std::uint8_t*>(character.data()));
        const auto may_cut = [&](const SplitStep& step) {
            return step.invert || step.program.has_empty_matches() || step.program.may_match(code);
        };
        if (std::any_of(steps_behind_.begin(), steps_behind_.end(), may_cut)) matters_behind_.insert(static_cast<std::uint8_t>(byte));
    }
    const bool removes_behind = removes(steps_behind_);
    removes_ = removes_behind || (!pattern_ && removes(steps_));
    if (pattern_ || is_marked()) return;
    is_one_split_ =
        is_one_isolated_split(components_.pretokens) ? !steps_.front().program.is_tabulated() : !removes_behind && compose_steps();
}

// One program in the place of several steps, if it can be. Steps behind it may cut its pieces further, but have to keep all of them.
bool Preprocessing::compose_steps() {
    if (adds_space_) return false;
    std::optional<Program> composed = Program::compose(steps_);
    if (!composed || composed->is_tabulated()) return false;
    steps_.clear();
    steps_.push_back({*std::move(composed), Behaviour::isolated});
    return true;
}

// At load, though decoding may come later or never: a file that cannot be done is refused whole.
void Preprocessing::make_decoder() {
    for (const formats::DecoderStep& step : components_.decoder)
        if (step.kind == formats::DecoderStep::Kind::replace) decoder_programs_.push_back(compile(step.needle, "decoder Replace"));
}

// With a mark the byte beside it needs a token of its own, without one it is like any other.
void Preprocessing::judge_bytes(const vocab::Vocabulary& vocabulary, const vocab::Merges& merges) {
    const ByteUse use_of_missing = components_.unknown_token ? ByteUse::unknown : ByteUse::drop;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const vocab::Symbol symbol = vocabulary.symbol_of_byte()[byte];
        const std::uint32_t mark = formats::kWordMark;
        const std::uint32_t pair = marks_end() ? byte | mark << 8 : mark | byte << 8;
        const bool inside = symbol != vocab::kNoSymbol && vocabulary.id(symbol) != vocab::kNoId;
        const bool at_mark =
            is_marked() ? symbol != vocab::kNoSymbol && merges.merged_bytes(static_cast<std::uint16_t>(pair)) != vocab::kNoSymbol : inside;
        inside_[byte] = inside ? ByteUse::keep : use_of_missing;
        at_mark_[byte] = at_mark ? ByteUse::keep : use_of_missing;
        if (!in_utf8(byte) || (inside && at_mark)) continue;
        missing_bytes_.push_back(static_cast<std::uint8_t>(byte));
        missing_.insert(static_cast<std::uint8_t>(byte));
    }
    changes_bytes_ = is_marked() || !missing_bytes_.empty();
    // What is left of a pretoken may be such a token by its bytes, though the pretoken as it stood was none; tokenizers merges it then.
    if (components_.ignore_merges && !missing_bytes_.empty() && !merges.unreachable().empty())
        throw Error(
            ErrorKind::unsupported,
            "model.ignore_merges in a vocabulary without tokens for some bytes, and with tokens that no merge makes, is not supported");
}

}  // namespace tokmill::tokens
