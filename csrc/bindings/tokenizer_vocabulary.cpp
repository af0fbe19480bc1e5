// What a CoreTokenizer says of its vocabulary and of itself.
#include <pybind11/stl.h>

#include <string>

#include "bindings/core_tokenizer.hpp"
#include "cpu/isa.hpp"

namespace tokmill::bindings::core {

PyObject* id_of(PyObject* self, PyObject* token) {
    return guarded([&]() -> PyObject* {
        const Text text(token);
        if (text.is_str() && text.document().encoding != documents::Encoding::ascii) {
            const py::object bytes = py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(token));
            if (!bytes) throw PythonErrorIsSet{};
            return id_of(self, bytes.ptr());
        }
        const std::string_view wanted(static_cast<const char*>(text.document().data), text.document().unit_count);
        const vocab::Vocabulary& vocabulary = core_of(self).tokenizer->vocabulary();
        if (const auto symbol = vocabulary.find(wanted)) return PyLong_FromUnsignedLong(vocabulary.id(*symbol));
        for (const vocab::SpecialToken& special : vocabulary.specials())
            if (special.text == wanted) return PyLong_FromUnsignedLong(special.id);
        throw Error(ErrorKind::unknown_token, py::cast<std::string>(py::repr(py::handle(token))) +
                                                  " is no token of this vocabulary; encode() gives the ids of any text");
    });
}

PyObject* bytes_of(PyObject* self, PyObject* id) {
    return guarded([&]() -> PyObject* {
        if (!PyIndex_Check(id) || PyBool_Check(id))
            throw Error(ErrorKind::type, std::string("an id is an int, not ") + Py_TYPE(id)->tp_name);
        const py::object number = py::reinterpret_steal<py::object>(checked(PyNumber_Index(id)));
        int overflow = 0;
        const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
        const vocab::Vocabulary& vocabulary = core_of(self).tokenizer->vocabulary();
        if (overflow == 0 && value >= 0 && value < static_cast<long long>(vocabulary.id_end()))
            if (const auto bytes = vocabulary.bytes_of_id(static_cast<std::uint32_t>(value)))
                return PyBytes_FromStringAndSize(bytes->data(), static_cast<Py_ssize_t>(bytes->size()));
        throw Error(ErrorKind::unknown_id, "id " + py::cast<std::string>(py::str(number)) +
                                               " is not used by this vocabulary, whose ids are below " +
                                               std::to_string(vocabulary.id_end()));
    });
}

PyObject* token_bytes(PyObject* self, void*) {
    return guarded([&]() -> PyObject* {
        const vocab::Vocabulary& vocabulary = core_of(self).tokenizer->vocabulary();
        PyObject* list = checked(PyList_New(static_cast<Py_ssize_t>(vocabulary.id_end())));
        for (std::uint32_t id = 0; id < vocabulary.id_end(); ++id) {
            const auto bytes = vocabulary.bytes_of_id(id);
            PyObject* item =
                bytes ? checked(PyBytes_FromStringAndSize(bytes->data(), static_cast<Py_ssize_t>(bytes->size()))) : Py_NewRef(Py_None);
            PyList_SET_ITEM(list, static_cast<Py_ssize_t>(id), item);
        }
        return list;
    });
}

PyObject* vocab_size(PyObject* self, void*) { return PyLong_FromUnsignedLong(core_of(self).tokenizer->vocabulary().id_end()); }

PyObject* string_object(std::string_view text) {
    return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}
PyObject* name(PyObject* self, void*) { return string_object(core_of(self).tokenizer->vocabulary().name()); }
PyObject* missing_bytes(PyObject* self, void*) {
    return guarded([&]() -> PyObject* {
        const tokens::Preprocessing* preprocessing = core_of(self).tokenizer->preprocessing();
        if (preprocessing == nullptr) return PyBytes_FromStringAndSize("", 0);
        const std::vector<std::uint8_t>& missing = preprocessing->missing_bytes();
        return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(missing.data()), static_cast<Py_ssize_t>(missing.size()));
    });
}
// A tokenizer.json that takes steps of several kinds has no pattern.
PyObject* pattern(PyObject* self, void*) {
    const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
    const tokens::Preprocessing* const preprocessing = tokenizer.preprocessing();
    if (preprocessing == nullptr) return string_object(tokenizer.vocabulary().pattern());
    const bool is_all = preprocessing->pattern() && !preprocessing->changes_bytes();
    return string_object(is_all ? pretokens::regex(*preprocessing->pattern()) : "");
}
PyObject* isa(PyObject* self, void*) { return string_object(cpu::name(core_of(self).tokenizer->isa())); }

PyObject* frame(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const formats::Frame* const around = tokens::frame_of(core_of(self).tokenizer->preprocessing(), false, true);
        const formats::Frame ids = around == nullptr ? formats::Frame() : *around;
        return py::make_tuple(ids.before, ids.after).release().ptr();
    });
}

PyObject* special_tokens(PyObject* self, void*) {
    return guarded([&]() -> PyObject* {
        py::dict specials;
        for (const vocab::SpecialToken& special : core_of(self).tokenizer->vocabulary().specials())
            if (special.kind == vocab::SpecialToken::Kind::control)
                specials[py::reinterpret_steal<py::object>(string_object(special.text))] = special.id;
        return specials.release().ptr();
    });
}

PyObject* table_statistics(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const tokens::TableStatistics statistics = core_of(self).tokenizer->statistics();
        py::dict out;
        out["table_bytes"] = statistics.table_bytes;
        out["lookups"] = statistics.lookups;
        out["misses"] = statistics.misses;
        out["missing_bytes"] = statistics.missing_bytes;
        out["merges"] = statistics.merges;
        return out.release().ptr();
    });
}

}  // namespace tokmill::bindings::core
