// Tokens and merges in, their part of a tokenizer.json out: what takes longest of writing one, since a vocabulary of 200,000 names every
// token three times.
#include "formats/formats.hpp"

namespace tokmill::formats {

std::string write_bpe_members(std::span<const std::string> quoted, std::span<const std::uint8_t> has_entry,
                              std::span<const std::int32_t> lefts, std::span<const std::int32_t> rights) {
    std::string text = "\"vocab\":{";
    for (std::size_t id = 0; id < quoted.size(); ++id) {
        if (has_entry[id] == 0) continue;
        if (text.back() != '{') text += ',';
        text += quoted[id];
        text += ':';
        text += std::to_string(id);
    }
    text += "},\"merges\":[";
    for (std::size_t i = 0; i < lefts.size(); ++i) {
        text += i == 0 ? "[" : ",[";
        text += quoted[static_cast<std::size_t>(lefts[i])];
        text += ',';
        text += quoted[static_cast<std::size_t>(rights[i])];
        text += ']';
    }
    text += ']';
    return text;
}

std::string quoted_spelling(std::string_view bytes) {
    std::string spelled, quoted = "\"";
    append_spelling(bytes, spelled);
    for (const char c : spelled) {  // of what JSON escapes that alphabet has these two
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

}  // namespace tokmill::formats
