// EncodingBase: the calls of tokmill.compat.tiktoken.Encoding that hurt when slow. A Python frame around a vectorcall method would
// cost a tenth of encoding a short message. Encoding derives from it in Python, where everything else of it is written; what is
// asked for rarely (special tokens chosen one by one) and every error goes on to the Python method _encode_with.
#include <string>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

struct EncodingObject {
    PyObject_HEAD PyObject* tokenizer;  // a CoreTokenizer, once bound
};

PyObject*& tokenizer_slot(PyObject* self) { return reinterpret_cast<EncodingObject*>(self)->tokenizer; }

PyObject* bound_tokenizer(PyObject* self) {
    PyObject* const tokenizer = tokenizer_slot(self);
    if (tokenizer == nullptr) throw Error(ErrorKind::value, "this Encoding was not initialised: Encoding.__init__ has to be called");
    return tokenizer;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    Py_CLEAR(tokenizer_slot(self));
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* bind(PyObject* self, PyObject* tokenizer) {
    return guarded([&]() -> PyObject* {
        const py::object core_type = py::module_::import("tokmill._core").attr("CoreTokenizer");
        if (!py::isinstance(py::handle(tokenizer), core_type))
            throw Error(ErrorKind::type, std::string("an Encoding is bound to a tokmill.Tokenizer, not to ") + Py_TYPE(tokenizer)->tp_name);
        Py_INCREF(tokenizer);
        Py_XSETREF(tokenizer_slot(self), tokenizer);
        Py_RETURN_NONE;
    });
}

PyObject* get_tokenizer(PyObject* self, void*) {
    return guarded([&]() -> PyObject* { return Py_NewRef(bound_tokenizer(self)); });
}

void require_str(PyObject* text) {
    if (!PyUnicode_Check(text)) throw Error(ErrorKind::type, std::string("text is a str, not ") + Py_TYPE(text)->tp_name);
}

bool is_all(PyObject* argument) { return PyUnicode_Check(argument) && PyUnicode_CompareWithASCIIString(argument, "all") == 0; }

bool is_empty_set(PyObject* argument) { return PyAnySet_Check(argument) && PySet_GET_SIZE(argument) == 0; }

// As people write "nothing": () or set() or frozenset() or [].
bool is_empty(PyObject* argument) {
    return is_empty_set(argument) || (PyTuple_CheckExact(argument) && PyTuple_GET_SIZE(argument) == 0) ||
           (PyList_CheckExact(argument) && PyList_GET_SIZE(argument) == 0);
}

// What special tokens in a text become, if that needs no list of them.
enum class Specials : std::uint8_t { text, parsed, refused, listed };

Specials specials_of(PyObject* allowed, PyObject* disallowed) {
    const bool nothing_allowed = allowed == nullptr || is_empty_set(allowed);
    if (disallowed == nullptr || is_all(disallowed)) {
        if (nothing_allowed) return Specials::refused;
        return is_all(allowed) ? Specials::parsed : Specials::listed;
    }
    if (!is_empty(disallowed)) return Specials::listed;
    if (nothing_allowed) return Specials::text;
    return is_all(allowed) ? Specials::parsed : Specials::listed;
}

PyObject* encode_with(PyObject* self, PyObject* text, PyObject* allowed, PyObject* disallowed) {
    const py::object method = py::reinterpret_borrow<py::object>(self).attr("_encode_with");
    const py::object nothing = py::frozenset(py::set());
    return method(py::handle(text), allowed != nullptr ? py::handle(allowed) : py::handle(nothing),
                  disallowed != nullptr ? py::object(py::reinterpret_borrow<py::object>(disallowed)) : py::object(py::str("all")))
        .release()
        .ptr();
}

PyObject* encode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[3];
        sort_arguments("encode", args, count, keywords, {"text", "allowed_special", "disallowed_special"}, 1, 1, slots);
        PyObject* const tokenizer = bound_tokenizer(self);
        require_str(slots[0]);
        const Specials specials = specials_of(slots[1], slots[2]);
        if (specials == Specials::listed) return encode_with(self, slots[0], slots[1], slots[2]);
        const Text text(slots[0]);
        tokens::EncodeOptions options;
        const tokens::AddedTokens& all = all_added_tokens_of(tokenizer);
        if (specials != Specials::text && !all.all().empty()) {
            options.added = &all;
            options.specials = &all.all();
            options.specials_are_errors = specials == Specials::refused;
        }
        try {
            return encode_to_list(tokenizer, text, options);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::special_token) throw;
        }
        return encode_with(self, slots[0], slots[1], slots[2]);
    });
}

PyObject* encode_ordinary(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[1];
        sort_arguments("encode_ordinary", args, count, keywords, {"text"}, 1, 1, slots);
        PyObject* const tokenizer = bound_tokenizer(self);
        require_str(slots[0]);
        return encode_to_list(tokenizer, Text(slots[0]), tokens::EncodeOptions());
    });
}

template <class Function>
PyCFunction as_method(Function function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"_bind", bind, METH_O, "Sets the tokenizer that does the work."},
    {"encode", as_method(encode), METH_FASTCALL | METH_KEYWORDS,
     "encode($self, text, *, allowed_special=(), disallowed_special='all')\n--\n\n"
     "The ids of a str. Special tokens in `allowed_special` (a set, or 'all') become their ids; those in `disallowed_special` (a\n"
     "collection of any texts, or 'all' others) raise ValueError; what is in neither is text. Surrogate pairs count as the\n"
     "character that they stand for, lone surrogates as U+FFFD."},
    {"encode_ordinary", as_method(encode_ordinary), METH_FASTCALL | METH_KEYWORDS,
     "encode_ordinary($self, text)\n--\n\nThe ids of a str in which special tokens are text."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"tokenizer", get_tokenizer, nullptr, "The tokmill.Tokenizer that does the work.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
    {Py_tp_doc, const_cast<char*>("What tokmill.compat.tiktoken.Encoding derives from.")},
    {0, nullptr},
};

PyType_Spec spec = {"tokmill._core.EncodingBase", sizeof(EncodingObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

void bind_tiktoken(py::module_& module) {
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    module.attr("EncodingBase") = py::reinterpret_steal<py::object>(type);
}

}  // namespace tokmill::bindings
