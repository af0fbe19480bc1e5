// A CoreTokenizer from files and snapshots, and back.
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "bindings/core_tokenizer.hpp"
#include "cpu/isa.hpp"
#include "formats/formats.hpp"

namespace tokmill::bindings::core {

PyObject* new_object(PyTypeObject* type, std::unique_ptr<Core> core) {
    auto* self = reinterpret_cast<CoreObject*>(checked(type->tp_alloc(type, 0)));
    self->core = core.release();
    return reinterpret_cast<PyObject*>(self);
}

namespace {

void finish_core(Core& core) {
    core.always = added_tokens(*core.tokenizer, [](const std::string&) { return false; });
    core.all = added_tokens(*core.tokenizer, [](const std::string&) { return true; });
    const std::size_t count = core.tokenizer->vocabulary().id_end();
    core.ints = static_cast<std::atomic<PyObject*>*>(std::calloc(count, sizeof(std::atomic<PyObject*>)));
    if (core.ints == nullptr) throw std::bad_alloc();
}

cpu::Isa isa_argument(PyObject* argument) { return given(argument) ? cpu::by_name(string_argument(argument, "isa")) : cpu::active(); }

std::string regex_argument(PyObject* argument) {
    const std::string_view pattern = string_argument(argument, "pattern");
    const auto known = pretokens::find_pattern(pattern);
    return known ? std::string(pretokens::regex(*known)) : std::string(pattern);
}

std::vector<vocab::SpecialToken> specials_argument(PyObject* argument) {
    std::vector<vocab::SpecialToken> specials;
    if (!given(argument)) return specials;
    if (!PyDict_Check(argument))
        throw Error(ErrorKind::type, std::string("special_tokens= takes a dict of text to id, not ") + Py_TYPE(argument)->tp_name);
    PyObject* text = nullptr;
    PyObject* id = nullptr;
    for (Py_ssize_t position = 0; PyDict_Next(argument, &position, &text, &id) != 0;) {
        const std::size_t value = size_argument(id, "the id of a special token", 0);
        if (value >= vocab::kIdLimit)
            throw Error(ErrorKind::vocabulary,
                        "the id of special token '" + std::string(string_argument(text, "a special token")) + "' is not below 2^24");
        specials.push_back({std::string(string_argument(text, "a special token")), static_cast<std::uint32_t>(value)});
    }
    return specials;
}

PyObject* from_spec(PyObject* type, const char* function, PyObject* const* args, Py_ssize_t count, PyObject* keywords,
                    vocab::Spec (*read)(std::span<const std::uint8_t>, Cancel&)) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments(function, args, count, keywords, {"data", "name", "pattern", "special_tokens", "isa"}, 1, 3, slots);
        const Text data(slots[0]);
        if (data.is_str()) throw Error(ErrorKind::type, "data is bytes-like, not a str");
        const std::string name(string_argument(slots[1], "name"));
        const std::string regex = regex_argument(slots[2]);
        std::vector<vocab::SpecialToken> specials = specials_argument(slots[3]);
        const cpu::Isa isa = isa_argument(slots[4]);
        auto core = std::make_unique<Core>();
        {
            WithoutInterpreterLock unlocked;
            vocab::Spec spec =
                read({static_cast<const std::uint8_t*>(data.document().data), data.document().unit_count}, unlocked.cancel());
            spec.name = name;
            spec.pattern = regex;
            spec.specials = std::move(specials);
            core->tokenizer = std::make_unique<tokens::Tokenizer>(std::move(spec), isa, unlocked.cancel());
        }
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

}  // namespace

PyObject* from_ranks(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return from_spec(type, "_from_ranks", args, count, keywords, formats::read_tiktoken_ranks);
}

PyObject* from_tokenizer_json(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("_from_tokenizer_json", args, count, keywords, {"data", "name", "isa", "refuse_missing_bytes"}, 1, 2, slots);
        const bool refuses_missing_bytes = bool_argument(slots[3], false);
        const Text data(slots[0]);
        if (data.is_str()) throw Error(ErrorKind::type, "data is bytes-like, not a str");
        const std::string name(string_argument(slots[1], "name"));
        const cpu::Isa isa = isa_argument(slots[2]);
        auto core = std::make_unique<Core>();
        {
            WithoutInterpreterLock unlocked;
            formats::TokenizerJson file =
                formats::read_tokenizer_json({static_cast<const std::uint8_t*>(data.document().data), data.document().unit_count},
                                             refuses_missing_bytes, unlocked.cancel());
            file.spec.name = name;
            core->tokenizer = std::make_unique<tokens::Tokenizer>(std::move(file), isa, unlocked.cancel());
        }
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

PyObject* from_merges(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return from_spec(type, "_from_merges", args, count, keywords, formats::read_merge_list);
}

namespace {

std::unique_ptr<Core> core_from_snapshot(PyObject* data, cpu::Isa isa, std::optional<tokens::TableSizes> table_sizes = std::nullopt) {
    auto core = std::make_unique<Core>();
    if (PyObject_GetBuffer(data, &core->snapshot_view, PyBUF_SIMPLE) != 0) throw PythonErrorIsSet{};
    const auto size = static_cast<std::size_t>(core->snapshot_view.len);
    const auto* bytes = static_cast<const std::uint8_t*>(core->snapshot_view.buf);
    if (reinterpret_cast<std::uintptr_t>(bytes) % kCacheLineBytes != 0) {
        const std::size_t rounded = (size / kCacheLineBytes + 1) * kCacheLineBytes;
        core->snapshot_copy.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kCacheLineBytes, rounded)));
        if (core->snapshot_copy == nullptr) throw std::bad_alloc();
        std::memcpy(core->snapshot_copy.get(), bytes, size);
        bytes = core->snapshot_copy.get();
    }
    const WithoutInterpreterLock unlocked;
    core->tokenizer = std::make_unique<tokens::Tokenizer>(SectionReader({bytes, size}), isa, table_sizes);
    return core;
}

}  // namespace

PyObject* from_snapshot(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[2];
        sort_arguments("_from_snapshot", args, count, keywords, {"data", "isa"}, 1, 1, slots);
        std::unique_ptr<Core> core = core_from_snapshot(slots[0], isa_argument(slots[1]));
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

namespace {

std::vector<std::uint8_t> snapshot_bytes(const tokens::Tokenizer& tokenizer) {
    SectionWriter writer;
    tokenizer.save(writer);
    return writer.finish();
}

}  // namespace

PyObject* snapshot(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const std::vector<std::uint8_t> file = snapshot_bytes(*core_of(self).tokenizer);
        return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(file.data()), static_cast<Py_ssize_t>(file.size()));
    });
}

namespace {

// The same tokenizer made again by way of a snapshot.
PyObject* remade(PyObject* self, cpu::Isa isa, std::optional<tokens::TableSizes> table_sizes) {
    const py::object file = py::reinterpret_steal<py::object>(checked(snapshot(self, nullptr)));
    std::unique_ptr<Core> core = core_from_snapshot(file.ptr(), isa, table_sizes);
    finish_core(*core);
    return new_object(Py_TYPE(self), std::move(core));
}

}  // namespace

PyObject* with_isa(PyObject* self, PyObject* isa) {
    return guarded([&] { return remade(self, isa_argument(isa), std::nullopt); });
}

PyObject* with_word_tables(PyObject* self, PyObject* word_bytes) {
    return guarded([&] {
        constexpr std::size_t kMostBytes = std::size_t(1) << 30;
        const std::size_t bytes = size_argument(word_bytes, "the size of word tables", 0);
        if (bytes != 0 && (!std::has_single_bit(bytes) || bytes < sizeof(tokens::Bucket) || bytes > kMostBytes))
            throw Error(ErrorKind::value, "the size of word tables is 0 or a power of two from 64 to 2^30, not " + std::to_string(bytes));
        const tokens::TableSizes sizes{std::max(bytes, sizeof(tokens::Bucket)), 1, 1, bytes != 0};
        return remade(self, core_of(self).tokenizer->isa(), sizes);
    });
}

// Pattern, special tokens and every token with its id: what two equal tokenizers agree on. The name is not part of it.
PyObject* canonical(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const vocab::Vocabulary& vocabulary = core_of(self).tokenizer->vocabulary();
        std::string out = "tokmill digest 1\n";
        const auto append = [&out](std::string_view text, std::uint32_t id) {
            out += std::to_string(id) + ' ' + std::to_string(text.size()) + ' ';
            out += text;
            out += '\n';
        };
        append(vocabulary.pattern(), vocabulary.symbol_count());
        for (const vocab::SpecialToken& special : vocabulary.specials()) append(special.text, special.id);
        if (const tokens::Preprocessing* preprocessing = core_of(self).tokenizer->preprocessing())
            append(preprocessing->components().json, 0);
        out += "tokens by rank\n";
        for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
            append(vocabulary.bytes(symbol), vocabulary.id(symbol));
        return PyBytes_FromStringAndSize(out.data(), static_cast<Py_ssize_t>(out.size()));
    });
}

// Everything of a tokenizer.json but vocabulary and merges, as compact JSON.
PyObject* components(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const tokens::Preprocessing* preprocessing = core_of(self).tokenizer->preprocessing();
        if (preprocessing == nullptr) return Py_NewRef(Py_None);
        const std::string& json = preprocessing->components().json;
        return PyUnicode_DecodeUTF8(json.data(), static_cast<Py_ssize_t>(json.size()), nullptr);
    });
}

PyObject* rank_file(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const std::string file = formats::write_tiktoken_ranks(core_of(self).tokenizer->vocabulary());
        return PyBytes_FromStringAndSize(file.data(), static_cast<Py_ssize_t>(file.size()));
    });
}

PyObject* merge_list(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const std::string file = formats::write_merge_list(tokenizer.vocabulary(), tokenizer.merges());
        return PyBytes_FromStringAndSize(file.data(), static_cast<Py_ssize_t>(file.size()));
    });
}

}  // namespace tokmill::bindings::core
