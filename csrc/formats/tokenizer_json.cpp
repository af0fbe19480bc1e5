// tokenizer.json: the model is read entry by entry, everything else as trees of JSON, component by component. A component that is not
// done exactly as tokenizers does it is refused by name: ids that are nearly right help nobody.
#include "formats/tokenizer_json.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/errors.hpp"
#include "formats/bpe_model.hpp"
#include "formats/json.hpp"
#include "unicode/unicode.hpp"

namespace tokmill::formats {

namespace {

constexpr std::uint64_t kAnyId = 0xFFFFFFFF;
constexpr std::uint64_t kMostStripped = 1 << 16;
constexpr std::size_t kMaxSteps = 256;  // of one kind of component

[[noreturn]] void unsupported(const std::string& component, const std::string& why = "is not supported") {
    throw Error(ErrorKind::unsupported, component + " " + why);
}

[[noreturn]] void refuse(const JsonValue& value, const std::string& what) { refuse_json(what, value.position()); }

const JsonValue& member(const JsonValue& object, std::string_view key, const std::string& component) {
    const JsonValue* value = object.find(key);
    if (value == nullptr) refuse(object, component + " has no '" + std::string(key) + "':");
    return *value;
}

bool flag(const JsonValue& object, std::string_view key, const std::string& component) {
    return member(object, key, component).boolean(component + "." + std::string(key));
}
bool flag_or(const JsonValue& object, std::string_view key, const std::string& component, bool otherwise) {
    const JsonValue* value = object.find(key);
    return value == nullptr ? otherwise : value->boolean(component + "." + std::string(key));
}

// Calls `one(component, type)` for a component, or for each component of a Sequence, also of sequences within it.
template <class One>
void each_component(const JsonValue& value, const std::string& role, const char* list, std::size_t& count, const One& one) {
    if (value.kind() != JsonKind::object) refuse(value, role + " has to be an object or null,");
    const std::string& type = member(value, "type", role).string(role + ".type");
    if (type == "Sequence") {
        for (const JsonValue& item : member(value, list, role + " Sequence").items(role + "." + list))
            each_component(item, role, list, count, one);
        return;
    }
    if (++count > kMaxSteps) refuse(value, role + " has more than " + std::to_string(kMaxSteps) + " steps,");
    one(value, type);
}

template <class One>
void each_component(const JsonValue* value, const std::string& role, const char* list, const One& one) {
    std::size_t count = 0;
    if (value != nullptr && !value->is_null()) each_component(*value, role, list, count, one);
}

// {"String": "..."} or {"Regex": "..."}.
Needle read_needle(const JsonValue& object, const std::string& component) {
    const JsonValue& pattern = member(object, "pattern", component);
    const auto& members = pattern.members(component + ".pattern");
    if (members.size() != 1 || (members[0].first != "String" && members[0].first != "Regex"))
        refuse(pattern, component + ".pattern has to be {\"String\": ...} or {\"Regex\": ...},");
    return {members[0].second.string(component + ".pattern"), members[0].first == "Regex"};
}

std::vector<NormalizerStep> read_normalizer(const JsonValue* value) {
    std::vector<NormalizerStep> steps;
    each_component(value, "normalizer", "normalizers", [&](const JsonValue& object, const std::string& type) {
        using Kind = NormalizerStep::Kind;
        const std::string component = "normalizer " + type;
        NormalizerStep step;
        if (type == "NFC") {
            step.kind = Kind::nfc;
        } else if (type == "NFD") {
            step.kind = Kind::nfd;
        } else if (type == "NFKC") {
            step.kind = Kind::nfkc;
        } else if (type == "NFKD") {
            step.kind = Kind::nfkd;
        } else if (type == "Lowercase") {
            step.kind = Kind::lowercase;
        } else if (type == "StripAccents") {
            step.kind = Kind::strip_accents;
        } else if (type == "Strip") {
            step.kind = Kind::strip;
            step.strip_left = flag(object, "strip_left", component);
            step.strip_right = flag(object, "strip_right", component);
        } else if (type == "Replace") {
            step.kind = Kind::replace;
            step.needle = read_needle(object, component);
            step.content = member(object, "content", component).string(component + ".content");
        } else if (type == "Prepend") {
            step.kind = Kind::prepend;
            step.content = member(object, "prepend", component).string(component + ".prepend");
        } else {
            unsupported(component);
        }
        steps.push_back(std::move(step));
    });
    return steps;
}

SplitBehavior read_behavior(const JsonValue& object, const std::string& component) {
    const JsonValue& value = member(object, "behavior", component);
    const std::string& behavior = value.string(component + ".behavior");
    if (behavior == "Removed") return SplitBehavior::removed;
    if (behavior == "Isolated") return SplitBehavior::isolated;
    if (behavior == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
    if (behavior == "MergedWithNext") return SplitBehavior::merged_with_next;
    if (behavior == "Contiguous") return SplitBehavior::contiguous;
    refuse(value, component + " has the unknown behavior '" + behavior.substr(0, 64) + "'");
}

std::vector<PretokenStep> read_pretokens(const JsonValue* value) {
    std::vector<PretokenStep> steps;
    each_component(value, "pre_tokenizer", "pretokenizers", [&](const JsonValue& object, const std::string& type) {
        using Kind = PretokenStep::Kind;
        const std::string component = "pre_tokenizer " + type;
        PretokenStep step;
        if (type == "ByteLevel") {
            step.kind = Kind::byte_level;
            step.add_prefix_space = flag(object, "add_prefix_space", component);
            step.use_regex = flag_or(object, "use_regex", component, true);
        } else if (type == "Split") {
            step.kind = Kind::split;
            step.needle = read_needle(object, component);
            step.behavior = read_behavior(object, component);
            step.invert = flag(object, "invert", component);
        } else if (type == "Digits") {
            step.kind = Kind::digits;
            step.individual_digits = flag(object, "individual_digits", component);
        } else if (type == "Punctuation") {
            step.kind = Kind::punctuation;
            if (object.find("behavior") != nullptr) step.behavior = read_behavior(object, component);
        } else if (type == "Whitespace") {
            step.kind = Kind::whitespace;
        } else if (type == "WhitespaceSplit") {
            step.kind = Kind::whitespace_split;
        } else {
            unsupported(component);
        }
        steps.push_back(std::move(step));
    });
    const auto byte_levels =
        std::count_if(steps.begin(), steps.end(), [](const PretokenStep& step) { return step.kind == PretokenStep::Kind::byte_level; });
    if (byte_levels == 0)
        unsupported("pre_tokenizer without ByteLevel", "means a model of characters; only byte-level models are supported");
    if (byte_levels > 1) unsupported("pre_tokenizer with more than one ByteLevel");
    return steps;
}

// ["</s>", 2]
std::uint32_t read_pair_id(const JsonValue& object, std::string_view key, const std::string& component) {
    const JsonValue& value = member(object, key, component);
    const std::string what = component + "." + std::string(key);
    const auto& items = value.items(what);
    if (items.size() != 2) refuse(value, what + " has to be a token and its id,");
    static_cast<void>(items[0].string(what));
    return static_cast<std::uint32_t>(items[1].integer(what, vocab::kIdLimit - 1));
}

Frame read_template(const JsonValue& object, std::string_view key, const JsonValue& special_tokens) {
    const std::string component = "post_processor TemplateProcessing";
    const bool two_texts = key == "pair";
    Frame frame;
    std::size_t texts = 0;
    bool seen[2] = {false, false};
    for (const JsonValue& item : member(object, key, component).items(component + "." + std::string(key))) {
        const auto& members = item.members(component + " piece");
        if (members.size() != 1) refuse(item, component + ": a piece has to be one Sequence or one SpecialToken,");
        const JsonValue& id = member(members[0].second, "id", component);
        const std::string& text = id.string(component + " id");
        if (members[0].first == "Sequence") {
            if (text != "A" && text != "B") refuse(id, component + ": a Sequence is A or B,");
            const bool is_second = text == "B";
            if (std::exchange(seen[is_second ? 1 : 0], true) || (is_second && !two_texts))
                unsupported(component + "." + std::string(key), "with a text twice, or one that is not there, is not supported");
            if (texts++ == 0) frame.second_first = is_second;
        } else if (members[0].first == "SpecialToken") {
            const JsonValue* token = special_tokens.find(text);
            if (token == nullptr) refuse(id, component + ": special_tokens does not say what '" + text + "' is,");
            std::vector<std::uint32_t>& ids = texts == 0 ? frame.before : texts == 1 && two_texts ? frame.between : frame.after;
            for (const JsonValue& one : member(*token, "ids", component).items(component + " ids"))
                ids.push_back(static_cast<std::uint32_t>(one.integer(component + " id", vocab::kIdLimit - 1)));
        } else {
            refuse(item, component + ": a piece has to be a Sequence or a SpecialToken,");
        }
    }
    if (texts != (two_texts ? 2 : 1)) unsupported(component + "." + std::string(key), "without a text is not supported");
    return frame;
}

void read_post_processor(const JsonValue* value, Components& components) {
    bool adds = false;
    bool adds_to_row = false;  // a template leaves the text an encoding of its own, in which its first token is the first
    each_component(value, "post_processor", "processors", [&](const JsonValue& object, const std::string& type) {
        const std::string component = "post_processor " + type;
        if ((type == "ByteLevel" || type == "RobertaProcessing") && flag_or(object, "trim_offsets", component, true))
            components.trims.push_back({flag_or(object, "add_prefix_space", component, true), adds_to_row});
        if (type == "ByteLevel") return;
        if (adds) unsupported(component + " behind another one that adds tokens");
        adds = true;
        if (type == "TemplateProcessing") {
            const JsonValue& special_tokens = member(object, "special_tokens", component);
            static_cast<void>(special_tokens.members(component + ".special_tokens"));
            components.single = read_template(object, "single", special_tokens);
            components.pair = read_template(object, "pair", special_tokens);
        } else if (type == "RobertaProcessing" || type == "BertProcessing") {
            const std::uint32_t begin = read_pair_id(object, "cls", component), end = read_pair_id(object, "sep", component);
            components.single = {{begin}, {}, {end}, false};
            components.pair = {{begin}, {end}, {end}, false};
            if (type == "RobertaProcessing") components.pair.between.push_back(end);
            adds_to_row = true;
        } else {
            unsupported(component);
        }
    });
}

void read_decoder(const JsonValue* value, Components& components) {
    components.has_decoder = value != nullptr && !value->is_null();
    each_component(value, "decoder", "decoders", [&](const JsonValue& object, const std::string& type) {
        using Kind = DecoderStep::Kind;
        const std::string component = "decoder " + type;
        DecoderStep step;
        if (type == "ByteLevel") {
            step.kind = Kind::byte_level;
        } else if (type == "BPEDecoder") {
            step.kind = Kind::bpe;
            step.suffix = member(object, "suffix", component).string(component + ".suffix");
        } else if (type == "Fuse") {
            step.kind = Kind::fuse;
        } else if (type == "Replace") {
            step.kind = Kind::replace;
            step.needle = read_needle(object, component);
            step.content = member(object, "content", component).string(component + ".content");
        } else if (type == "Strip") {
            step.kind = Kind::strip;
            const JsonValue& content = member(object, "content", component);
            step.content = content.string(component + ".content");
            if (step.content.empty() || step.content.size() != unicode::utf8_length(static_cast<std::uint8_t>(step.content[0])))
                refuse(content, component + ".content has to be one character,");
            step.strip_start = member(object, "start", component).integer(component + ".start", kMostStripped);
            step.strip_stop = member(object, "stop", component).integer(component + ".stop", kMostStripped);
        } else {
            unsupported(component);
        }
        components.decoder.push_back(std::move(step));
    });
}

std::vector<AddedToken> read_added_tokens(const JsonValue* value) {
    std::vector<AddedToken> tokens;
    if (value == nullptr || value->is_null()) return tokens;
    for (const JsonValue& item : value->items("added_tokens")) {
        const std::string component = "added token";
        AddedToken token;
        const JsonValue& content = member(item, "content", component);
        token.content = content.string(component + ".content");
        if (token.content.empty()) refuse(content, "an added token is empty");
        token.id = static_cast<std::uint32_t>(member(item, "id", component).integer(component + ".id", kAnyId));
        token.special = flag(item, "special", component);
        token.normalized = flag(item, "normalized", component);
        token.lstrip = flag(item, "lstrip", component);
        token.rstrip = flag(item, "rstrip", component);
        token.single_word = flag(item, "single_word", component);
        tokens.push_back(std::move(token));
    }
    return tokens;
}

void write_added_tokens(const std::vector<AddedToken>& tokens, std::string& json) {
    json += '[';
    for (const AddedToken& token : tokens) {
        if (&token != &tokens.front()) json += ',';
        json += "{\"id\":" + std::to_string(token.id) + ",\"content\":";
        write_json_string(token.content, json);
        const std::pair<const char*, bool> flags[] = {{"single_word", token.single_word},
                                                      {"lstrip", token.lstrip},
                                                      {"rstrip", token.rstrip},
                                                      {"normalized", token.normalized},
                                                      {"special", token.special}};
        for (const auto& [key, value] : flags) json += std::string(",\"") + key + (value ? "\":true" : "\":false");
        json += '}';
    }
    json += ']';
}

// What stands around vocabulary and merges in the model.
void read_model_settings(const JsonValue* model, Components& components) {
    if (model == nullptr) return;
    const auto text = [&](std::string_view key) -> std::optional<std::string> {
        const JsonValue* value = model->find(key);
        if (value == nullptr || value->is_null()) return std::nullopt;
        return value->string("model." + std::string(key));
    };
    const auto setting = [&](std::string_view key) {
        const JsonValue* value = model->find(key);
        return value != nullptr && !value->is_null() && value->boolean("model." + std::string(key));
    };
    const JsonValue* dropout = model->find("dropout");
    if (dropout != nullptr && !dropout->is_null() && dropout->number("model.dropout") != 0)
        unsupported("model.dropout", "other than null or 0 makes ids random and is not supported");
    if (setting("byte_fallback")) unsupported("model.byte_fallback");
    components.unknown_token = text("unk_token");
    components.fuse_unknown = setting("fuse_unk");
    components.ignore_merges = setting("ignore_merges");
    components.word_prefix = text("continuing_subword_prefix").value_or("");
    components.word_suffix = text("end_of_word_suffix").value_or("");
    if (!components.word_prefix.empty() && !components.word_suffix.empty())
        unsupported("model.continuing_subword_prefix together with end_of_word_suffix");
    if (components.ignore_merges && !(components.word_prefix.empty() && components.word_suffix.empty()))
        unsupported("model.ignore_merges together with continuing_subword_prefix or end_of_word_suffix");
}

void read_parts(const JsonValue* normalizer, const JsonValue* pre_tokenizer, const JsonValue* post_processor, const JsonValue* decoder,
                Components& components) {
    components.normalizer = read_normalizer(normalizer);
    components.pretokens = read_pretokens(pre_tokenizer);
    read_post_processor(post_processor, components);
    read_decoder(decoder, components);
}

// The members of the file that are trees, in the order of `kTrees`.
constexpr std::array<std::string_view, 7> kTrees{"truncation",    "padding",        "added_tokens", "normalizer",
                                                 "pre_tokenizer", "post_processor", "decoder"};

class FileReader {
public:
    FileReader(std::span<const std::uint8_t> file, bool refuses_missing_bytes, Cancel& cancel)
        : cursor_(file, arena_), refuses_missing_bytes_(refuses_missing_bytes), cancel_(cancel) {}

    TokenizerJson read() {
        read_members();
        TokenizerJson out;
        Components& components = out.components;
        if (!has_model_) refuse_json("the file has no model; it ends", cursor_.position());
        check_model_type();
        read_model_settings(&settings_, components);
        read_parts(tree("normalizer"), tree("pre_tokenizer"), tree("post_processor"), tree("decoder"), components);
        model_.unknown_token = components.unknown_token;
        model_.word_prefix = components.word_prefix;
        model_.word_suffix = components.word_suffix;
        model_.ignore_merges = components.ignore_merges;
        model_.index(cancel_);
        components.added_tokens = read_added_tokens(tree("added_tokens"));
        number_added_tokens(components.added_tokens);
        make_spec(model_, out.spec, cancel_);
        name_added_tokens(components.added_tokens, out.spec);
        components.refuses_missing_bytes = refuses_missing_bytes_;
        components.json = compact(components);
        return out;
    }

private:
    void read_members() {
        cursor_.enter_object();
        std::string_view key;
        std::vector<std::string> seen;
        while (cursor_.next_key(key)) {
            if (std::find(seen.begin(), seen.end(), key) != seen.end())
                refuse_json("the key '" + std::string(key.substr(0, 64)) + "' stands twice, again", cursor_.position());
            if (seen.size() == kMaxSteps) refuse_json("a tokenizer.json does not have so many members,", cursor_.position());
            seen.emplace_back(key);
            const auto known = std::find(kTrees.begin(), kTrees.end(), key);
            if (known != kTrees.end()) {
                trees_[static_cast<std::size_t>(known - kTrees.begin())] = JsonValue::read(cursor_);
            } else if (key == "model") {
                read_model();
            } else if (key == "version") {
                const JsonValue version = JsonValue::read(cursor_);
                if (version.string("version") != "1.0")
                    refuse(version, "the version is '" + version.string("version").substr(0, 64) + "', not '1.0',");
            } else {
                cursor_.skip();
            }
        }
        cursor_.finish();
    }

    void read_model() {
        has_model_ = true;
        model_position_ = cursor_.position();
        std::vector<std::string> seen;
        std::string settings = "{";
        cursor_.enter_object();
        std::string_view key;
        while (cursor_.next_key(key)) {
            if (std::find(seen.begin(), seen.end(), key) != seen.end())
                refuse_json("the key '" + std::string(key.substr(0, 64)) + "' of the model stands twice, again", cursor_.position());
            if (seen.size() == kMaxSteps) refuse_json("a model does not have so many members,", cursor_.position());
            seen.emplace_back(key);
            if (key == "vocab" && cursor_.peek() == JsonKind::object) {
                has_vocabulary_ = true;
                read_vocabulary();
            } else if (key == "merges" && cursor_.peek() == JsonKind::array) {
                has_merges_ = true;
                read_merges();
            } else if (key == "vocab" || key == "merges") {
                cursor_.skip();  // another model's
            } else {
                if (settings.size() > 1) settings += ',';
                write_json_string(key, settings);
                settings += ':';
                JsonValue::read(cursor_).write(settings);
            }
        }
        settings += '}';
        settings_text_ = std::move(settings);
        JsonCursor cursor({reinterpret_cast<const std::uint8_t*>(settings_text_.data()), settings_text_.size()}, arena_);
        settings_ = JsonValue::read(cursor);
    }

    void read_vocabulary() {
        cursor_.enter_object();
        std::string_view token;
        while (cursor_.next_key(token)) {
            cancel_.poll_at(model_.entries.size());
            cursor_.peek();
            const std::size_t position = cursor_.position();
            const std::string_view digits = cursor_.number();
            std::uint64_t id = 0;
            for (const char digit : digits) {
                if (digit < '0' || digit > '9') id = vocab::kIdLimit;  // a sign, a fraction or an exponent
                id = std::min<std::uint64_t>(id * 10 + static_cast<std::uint64_t>(digit - '0'), vocab::kIdLimit);
            }
            if (id >= vocab::kIdLimit || digits.find_first_not_of("0123456789") != std::string_view::npos)
                refuse_json("the id " + std::string(digits.substr(0, 32)) + " is not a whole number below 2^24,", position);
            if (model_.entries.size() == vocab::kMaxSymbols)
                refuse_json("more than " + std::to_string(vocab::kMaxSymbols) + " tokens,", position);
            model_.entries.push_back({token, static_cast<std::uint32_t>(id), position});
        }
    }

    void read_merges() {
        cursor_.enter_array();
        while (cursor_.next_item()) {
            cancel_.poll_at(model_.merges.size());
            const JsonKind kind = cursor_.peek();
            const std::size_t position = cursor_.position();
            BpeModel::Merge merge{{}, {}, position};
            if (kind == JsonKind::string) {
                const std::string_view line = cursor_.string();
                const std::size_t blank = line.find(' ');
                // Older files may begin their merges with this line of the merges.txt that they were made of; it is passed over.
                if (model_.merges.empty() && line.starts_with("#version")) continue;
                if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos)
                    refuse_json("a merge has to be two tokens with one blank between them,", position);
                merge.left = line.substr(0, blank);
                merge.right = line.substr(blank + 1);
            } else {
                cursor_.enter_array();
                std::size_t parts = 0;
                for (; cursor_.next_item(); ++parts) {
                    const std::string_view part = cursor_.string();
                    if (parts == 0) merge.left = part;
                    if (parts == 1) merge.right = part;
                }
                if (parts != 2) refuse_json("a merge has to be two tokens,", position);
            }
            if (merge.left.empty() || merge.right.empty()) refuse_json("a merge with an empty part", position);
            model_.merges.push_back(merge);
        }
    }

    void check_model_type() const {
        const JsonValue* type = settings_.find("type");
        const std::string name = type != nullptr ? type->string("model.type") : "";
        if (type != nullptr && name != "BPE") unsupported("model " + name);
        if (type == nullptr && !has_merges_)
            unsupported(has_vocabulary_ ? "model without merges (WordPiece or WordLevel)" : "model without merges (Unigram)");
        if (!has_vocabulary_ || !has_merges_)
            refuse_json("the model has no " + std::string(has_vocabulary_ ? "merges" : "vocab") + "; it begins", model_position_);
        if (model_.entries.empty()) refuse_json("the vocabulary of the model is empty; it begins", model_position_);
    }

    // tokenizers gives an added token the id of its spelling in the vocabulary, else the next one after the vocabulary's size and the added
    // tokens so far, and pays no heed to the id that the file states. So files with a gap get other ids than they state, and so do
    // we. An id that the file gives to two tokens is refused: whatever came out, something of the file would be wrong.
    void number_added_tokens(std::vector<AddedToken>& tokens) {
        std::vector<std::pair<std::uint32_t, std::string_view>> stated;
        std::vector<std::string_view> contents;
        std::vector<std::uint32_t> model_ids;
        for (const BpeModel::Entry& entry : model_.entries) model_ids.push_back(entry.id);
        std::sort(model_ids.begin(), model_ids.end());
        std::optional<std::uint32_t> most;
        const auto size = static_cast<std::uint32_t>(model_.entries.size());
        const JsonValue& list = *tree("added_tokens");
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            AddedToken& token = tokens[i];
            const auto known = model_.id_of(token.content);
            const auto refuse_this = [&](const std::string& what) {
                refuse(list.items("added_tokens")[i],
                       "added token " + std::to_string(i) + " ('" + token.content.substr(0, 64) + "') " + what);
            };
            if (known ? *known != token.id : std::binary_search(model_ids.begin(), model_ids.end(), token.id))
                refuse_this("has id " + std::to_string(token.id) + ", which the vocabulary gives to another token; correct the file,");
            stated.emplace_back(token.id, token.content);
            contents.push_back(token.content);
            token.id = known ? *known : most && *most >= size ? *most + 1 : size;
            if (!known && std::binary_search(model_ids.begin(), model_ids.end(), token.id))
                refuse_this("would get id " + std::to_string(token.id) + ", which the vocabulary gives to another token,");
            most = std::max(most.value_or(0), token.id);
        }
        std::sort(stated.begin(), stated.end());
        const auto same_id =
            std::adjacent_find(stated.begin(), stated.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
        if (same_id != stated.end())
            refuse(list, "two added tokens have id " + std::to_string(same_id->first) + ", in the list that begins");
        std::sort(contents.begin(), contents.end());
        const auto twice = std::adjacent_find(contents.begin(), contents.end());
        if (twice != contents.end())
            refuse(list, "the added token '" + std::string(twice->substr(0, 64)) + "' stands twice in the list that begins");
    }

    static void name_added_tokens(const std::vector<AddedToken>& tokens, vocab::Spec& spec) {
        using Kind = vocab::SpecialToken::Kind;
        // Names of ids that are added tokens as well give way.
        std::vector<std::uint32_t> ids;
        for (const AddedToken& token : tokens) ids.push_back(token.id);
        std::sort(ids.begin(), ids.end());
        std::erase_if(spec.specials, [&](const vocab::SpecialToken& name) { return std::binary_search(ids.begin(), ids.end(), name.id); });
        for (const AddedToken& token : tokens)
            spec.specials.push_back({token.content, token.id, token.special ? Kind::control : Kind::added});
    }

    const JsonValue* tree(std::string_view key) const {
        return &trees_[static_cast<std::size_t>(std::find(kTrees.begin(), kTrees.end(), key) - kTrees.begin())];
    }

    std::string compact(const Components& components) const {
        std::string json = "{\"added_tokens\":";
        write_added_tokens(components.added_tokens, json);
        json += ',';
        if (components.refuses_missing_bytes) json += "\"missing_bytes\":\"error\",";
        for (std::size_t i = 0; i < kTrees.size(); ++i) {
            if (trees_[i].is_null() || kTrees[i] == "added_tokens") continue;
            write_json_string(kTrees[i], json);
            json += ':';
            trees_[i].write(json);
            json += ',';
        }
        return json + "\"model\":" + settings_text_ + "}";
    }

    StringArena arena_;
    JsonCursor cursor_;
    const bool refuses_missing_bytes_;
    Cancel& cancel_;
    std::array<JsonValue, kTrees.size()> trees_;
    BpeModel model_;
    JsonValue settings_;
    std::string settings_text_;
    std::size_t model_position_ = 0;
    bool has_model_ = false, has_vocabulary_ = false, has_merges_ = false;
};

}  // namespace

TokenizerJson read_tokenizer_json(std::span<const std::uint8_t> file, bool refuses_missing_bytes, Cancel& cancel) {
    return FileReader(file, refuses_missing_bytes, cancel).read();
}

Components read_components(std::string_view json) {
    StringArena arena;
    JsonCursor cursor({reinterpret_cast<const std::uint8_t*>(json.data()), json.size()}, arena);
    const JsonValue file = JsonValue::read(cursor);
    cursor.finish();
    Components components;
    read_model_settings(file.find("model"), components);
    read_parts(file.find("normalizer"), file.find("pre_tokenizer"), file.find("post_processor"), file.find("decoder"), components);
    components.added_tokens = read_added_tokens(file.find("added_tokens"));
    components.refuses_missing_bytes = file.find("missing_bytes") != nullptr;
    components.json = json;
    return components;
}

}  // namespace tokmill::formats
