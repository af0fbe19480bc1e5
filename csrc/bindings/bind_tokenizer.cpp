// CoreTokenizer: a heap type of the C API, since calls on short strings must not pay for argument conversion (a vectorcall
// method costs 15-40 ns, pybind11's dispatch some 300). tokmill.Tokenizer derives from it in Python.
#include <algorithm>
#include <memory>
#include <string>

#include "bindings/core_tokenizer.hpp"

namespace tokmill::bindings {

using core::Core;
using core::core_of;
using core::CoreObject;

namespace {

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    delete reinterpret_cast<CoreObject*>(self)->core;
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* stream(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        const py::object module = py::module_::import("tokmill._core");
        const py::object kwargs = py::dict();
        const Py_ssize_t keyword_count = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
        for (Py_ssize_t i = 0; i < keyword_count; ++i) kwargs[py::handle(PyTuple_GET_ITEM(keywords, i))] = py::handle(args[count + i]);
        return module.attr("StreamEncoder")(py::handle(self), **py::dict(kwargs)).release().ptr();
    });
}

PyObject* decoder(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("decoder", args, count, keywords, {"sequences", "unknown", "skip_special_tokens", "max_rewind"}, 1, 0, slots);
        const py::object module = py::module_::import("tokmill._core");
        const std::size_t sequences = given(slots[0]) ? size_argument(slots[0], "sequences", 0) : 1;
        return module
            .attr("StreamDecoder")(py::handle(self), sequences, given(slots[1]) ? py::handle(slots[1]) : py::handle(Py_None),
                                   bool_argument(slots[2], false), given(slots[3]) ? size_argument(slots[3], "max_rewind", 0) : 0)
            .release()
            .ptr();
    });
}

template <class Function>
PyCFunction as_method(Function function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

constexpr int kFast = METH_FASTCALL | METH_KEYWORDS;

PyMethodDef methods[] = {
    {"_from_ranks", as_method(core::from_ranks), kFast | METH_CLASS, "From the bytes of a tiktoken rank file."},
    {"_from_merges", as_method(core::from_merges), kFast | METH_CLASS, "From the compact list of merges of the embedded vocabulary."},
    {"_from_tokenizer_json", as_method(core::from_tokenizer_json), kFast | METH_CLASS, "From the bytes of a tokenizer.json."},
    {"_from_snapshot", as_method(core::from_snapshot), kFast | METH_CLASS, "From the container of a snapshot, used in place."},
    {"_snapshot", core::snapshot, METH_NOARGS, "The container of a snapshot."},
    {"_rank_file", core::rank_file, METH_NOARGS, "The text of a tiktoken rank file."},
    {"_merge_list", core::merge_list, METH_NOARGS, "The compact list of merges that _from_merges reads."},
    {"_components", core::components, METH_NOARGS,
     "What a tokenizer.json has around its vocabulary, as JSON; None for other vocabularies."},
    {"_frame", core::frame, METH_NOARGS, "The ids that a post-processor puts before and behind one text: two lists of int."},
    {"_canonical", core::canonical, METH_NOARGS, "What the digest is taken of."},
    {"_with_isa", core::with_isa, METH_O, "The same tokenizer with the kernels of another instruction set."},
    {"_with_word_tables", core::with_word_tables, METH_O,
     "The same tokenizer with tables of so many bytes for words and of two entries for longer pieces; 0: nothing is remembered."},
    {"encode", as_method(core::encode), kFast,
     "encode(text, *, special='text', invalid=None, add_special_tokens=False, dtype=None, out=None, threads=None, "
     "max_pretoken_bytes=None, pair=None, spans=None)\n"
     "--\n\n"
     "The ids of a text: an int32 array [tokens], or of `dtype` (uint16, int32, uint32, int64); with `out`, a view of it.\n"
     "With `spans` 'byte' or 'char', (ids, spans): int64 [tokens, 2], where each token begins and ends in the text.\n\n"
     "`text` is a str or holds UTF-8 (bytes, bytearray, memoryview). `special` says what special tokens in the text are:\n"
     "'text' (the default: text), 'parse' (their ids), 'error', or a set of those to parse. `invalid='replace'` reads bytes that\n"
     "are not UTF-8 as U+FFFD; lone surrogates of a str become U+FFFD unless `invalid='error'`. `threads` is the most to use.\n"
     "`add_special_tokens` adds what the post-processor of a tokenizer.json adds, also between the text and a second one, `pair`.\n\n"
     "Raises InvalidUtf8Error, SpecialTokenError, PretokenTooLongError, ArgumentError, ArgumentTypeError."},
    {"encode_list", as_method(core::encode_list), kFast,
     "encode_list(text, *, special='text', invalid=None, add_special_tokens=False, pair=None)\n--\n\nThe ids of a text as a list of int. "
     "See "
     "encode()."},
    {"count", as_method(core::count), kFast,
     "count(text, *, special='text', invalid=None, add_special_tokens=False, threads=None)\n--\n\nThe number of ids of a text, without "
     "making them."},
    {"count_until", as_method(core::count_until), kFast,
     "count_until(text, limit, *, special='text', invalid=None)\n--\n\n"
     "The number of ids if it is at most `limit`, else `limit + 1`; the rest of the text is not encoded."},
    {"truncate", as_method(core::truncate), kFast,
     "truncate(text, max_tokens, *, special='text', invalid=None)\n--\n\n"
     "The longest prefix that the first `max_tokens` ids stand for, whole characters only; str gives str, bytes give bytes."},
    {"_encode_batch", as_method(core::encode_batch), kFast,
     "Many texts: (ids [tokens], offsets int64 [texts + 1], spans int64 [tokens, 2] or None)."},
    {"_align", as_method(align), kFast, "One text or a pair: (ids [tokens], spans int64 [tokens, 2], words int32, texts int32)."},
    {"_encode_batch_lists", as_method(core::encode_batch_lists), kFast, "Many texts: a list of int for each."},
    {"_encode_piece", as_method(core::encode_piece), kFast, "The ids of bytes that are merged as one piece, not split, as a list of int."},
    {"_last_pretoken_bytes", core::last_pretoken_bytes, METH_O, "The length of the last pretoken of a text."},
    {"count_batch", as_method(core::count_batch), kFast,
     "count_batch(texts, *, special='text', invalid=None, add_special_tokens=False, threads=None)\n--\n\nThe number of ids of each text: "
     "int64 [texts]."},
    {"pretoken_count", as_method(core::pretoken_count), kFast,
     "pretoken_count(text, *, invalid=None)\n--\n\nThe number of pretokens that the split pattern cuts a text into."},
    {"decode", as_method(core::decode), kFast,
     "decode(ids, *, unknown='error', errors='replace', skip_special_tokens=False)\n--\n\n"
     "The text of ids: an integer array or a sequence of ints. `unknown` ids are an 'error' (UnknownIdError with the index), U+FFFD\n"
     "('replace') or nothing ('skip'); `errors` is for bytes that are not UTF-8, as in bytes.decode()."},
    {"decode_bytes", as_method(core::decode_bytes), kFast,
     "decode_bytes(ids, *, unknown='error', skip_special_tokens=False)\n--\n\nThe bytes of ids. See decode()."},
    {"_decode_batch", as_method(core::decode_batch), kFast, "The texts of rows of ids."},
    {"_table_statistics", core::table_statistics, METH_NOARGS, "How well the word tables serve: table_bytes, lookups, misses, merges."},
    {"_stream", as_method(stream), kFast, "A StreamEncoder."},
    {"decoder", as_method(decoder), kFast,
     "decoder(sequences=1, *, unknown='error', skip_special_tokens=False, max_rewind=0)\n"
     "--\n\nA StreamDecoder: text of ids that arrive step by step, of which the last max_rewind can be taken back."},
    {"id_of", core::id_of, METH_O,
     "id_of(token)\n--\n\nThe id of a token given by its bytes or text, special tokens included. UnknownTokenError if it is none."},
    {"bytes_of", core::bytes_of, METH_O, "bytes_of(id)\n--\n\nThe bytes of an id. UnknownIdError if it is not used."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"vocab_size", core::vocab_size, nullptr, "One more than the greatest id, special tokens included.", nullptr},
    {"name", core::name, nullptr, "The name of the vocabulary, or ''.", nullptr},
    {"pattern", core::pattern, nullptr, "The split pattern, as a regex; '' if a tokenizer.json cuts in steps that no single pattern does.",
     nullptr},
    {"missing_bytes", core::missing_bytes, nullptr,
     "The bytes of UTF-8 that are no tokens, ascending: text loses them on the way to ids, unless there is a token for the unknown or "
     "missing_bytes='error' was given to load.",
     nullptr},
    {"isa", core::isa, nullptr, "The instruction set that this tokenizer's kernels use.", nullptr},
    {"special_tokens", core::special_tokens, nullptr, "The special tokens and their ids.", nullptr},
    {"token_bytes", core::token_bytes, nullptr, "The bytes of every id, None for those not used; made anew at each access.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, const_cast<char*>("The native tokenizer; made by tokmill.load().")},
    {0, nullptr},
};

PyType_Spec spec = {
    "tokmill._core.CoreTokenizer",
    sizeof(CoreObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    slots,
};

}  // namespace

const tokens::Tokenizer& tokenizer_of(PyObject* object) { return *core_of(object).tokenizer; }

const tokens::AddedTokens& all_added_tokens_of(PyObject* object) { return core_of(object).all; }

void special_argument(PyObject* argument, PyObject* tokenizer, tokens::EncodeOptions& options, std::unique_ptr<tokens::AddedTokens>& own) {
    const Core& core = core_of(tokenizer);
    const auto look_for = [&options](const tokens::AddedTokens& tokens) {
        options.added = &tokens;
        if (!tokens.all().empty()) options.specials = &tokens.all();
    };
    if (!given(argument)) {
        look_for(core.always);
        return;
    }
    if (PyUnicode_Check(argument)) {
        const std::string_view policy = string_argument(argument, "special");
        if (policy == "text") {
            look_for(core.always);
            return;
        }
        if (policy != "parse" && policy != "error")
            throw Error(ErrorKind::value,
                        "special= takes \"text\", \"parse\", \"error\" or a set of special tokens, not \"" + std::string(policy) + "\"");
        look_for(core.all);
        options.specials_are_errors = policy == "error";
        return;
    }
    const py::object chosen = py::reinterpret_steal<py::object>(PySequence_Tuple(argument));
    if (!chosen) {
        PyErr_Clear();
        throw Error(ErrorKind::type, std::string("special= takes \"text\", \"parse\", \"error\" or a set of special tokens, not ") +
                                         Py_TYPE(argument)->tp_name);
    }
    std::vector<std::string> allowed;
    for (const py::handle item : py::reinterpret_borrow<py::tuple>(chosen)) {
        const std::string_view text = string_argument(item.ptr(), "special");
        const auto& specials = core.tokenizer->vocabulary().specials();
        const bool found = std::any_of(specials.begin(), specials.end(), [&](const vocab::SpecialToken& special) {
            return special.text == text && special.kind == vocab::SpecialToken::Kind::control;
        });
        if (!found) throw Error(ErrorKind::value, "'" + std::string(text) + "' is no special token of this vocabulary");
        allowed.emplace_back(text);
    }
    own = std::make_unique<tokens::AddedTokens>(core::added_tokens(
        *core.tokenizer, [&](const std::string& text) { return std::find(allowed.begin(), allowed.end(), text) != allowed.end(); }));
    look_for(*own);
}

void bind_tokenizer(py::module_& module) {
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    module.attr("CoreTokenizer") = py::reinterpret_steal<py::object>(type);
}

}  // namespace tokmill::bindings
