#include <algorithm>
#include <cstring>
#include <string>

#include "bindings/python.hpp"
#include "pool/pool.hpp"

namespace tokmill::bindings {

namespace {

[[noreturn]] void type_error(const std::string& message) { throw Error(ErrorKind::type, message); }

}  // namespace

void sort_arguments(const char* function, PyObject* const* args, Py_ssize_t positional_count, PyObject* keyword_names,
                    std::initializer_list<const char*> names, std::size_t positional, std::size_t required, PyObject** slots) {
    const auto count = static_cast<std::size_t>(positional_count);
    if (keyword_names == nullptr && count == required && count <= positional) [[likely]] {
        std::copy_n(args, count, slots);
        std::fill(slots + count, slots + names.size(), nullptr);
        return;
    }
    if (count > positional)
        type_error(std::string(function) + "() takes at most " + std::to_string(positional) + " positional arguments, " +
                   std::to_string(count) + " were given");
    for (std::size_t i = 0; i < names.size(); ++i) slots[i] = i < count ? args[i] : nullptr;
    const Py_ssize_t keyword_count = keyword_names == nullptr ? 0 : PyTuple_GET_SIZE(keyword_names);
    for (Py_ssize_t k = 0; k < keyword_count; ++k) {
        PyObject* keyword = PyTuple_GET_ITEM(keyword_names, k);
        std::size_t slot = 0;
        for (const char* name : names) {
            if (PyUnicode_CompareWithASCIIString(keyword, name) == 0) break;
            ++slot;
        }
        if (slot == names.size()) {
            std::string known;
            for (const char* name : names) known += (known.empty() ? "" : ", ") + std::string(name);
            type_error(std::string(function) + "() has no argument '" + py::cast<std::string>(keyword) + "'; it takes " + known);
        }
        if (slots[slot] != nullptr) type_error(std::string(function) + "() got '" + py::cast<std::string>(keyword) + "' twice");
        slots[slot] = args[positional_count + k];
    }
    for (std::size_t i = 0; i < required; ++i)
        if (slots[i] == nullptr) type_error(std::string(function) + "() needs '" + names.begin()[i] + "'");
}

std::string_view string_argument(PyObject* argument, const char* name) {
    if (!PyUnicode_Check(argument)) type_error(std::string(name) + "= takes a str, not " + Py_TYPE(argument)->tp_name);
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(argument, &size);
    if (text == nullptr) throw PythonErrorIsSet{};
    return {text, static_cast<std::size_t>(size)};
}

std::size_t size_argument(PyObject* argument, const char* name, std::size_t least) {
    if (!PyIndex_Check(argument) || PyBool_Check(argument))
        type_error(std::string(name) + " takes an int, not " + Py_TYPE(argument)->tp_name);
    const Py_ssize_t value = PyNumber_AsSsize_t(argument, nullptr);
    if (value == -1 && PyErr_Occurred() != nullptr) throw PythonErrorIsSet{};
    if (value < 0 || static_cast<std::size_t>(value) < least)
        throw Error(ErrorKind::value,
                    std::string(name) + " is at least " + std::to_string(least) + ", " + std::to_string(value) + " was given");
    return static_cast<std::size_t>(value);
}

bool bool_argument(PyObject* argument, bool otherwise) {
    if (!given(argument)) return otherwise;
    const int value = PyObject_IsTrue(argument);
    if (value < 0) throw PythonErrorIsSet{};
    return value != 0;
}

std::size_t threads_argument(PyObject* argument) {
    if (!given(argument)) return pool::default_thread_count();
    constexpr std::size_t kMostThreads = 256;
    return std::min(size_argument(argument, "threads", 1), kMostThreads);
}

std::vector<std::size_t> rewind_argument(PyObject* argument, const char* what, std::size_t sequences) {
    const std::string name = std::string("the number of ") + what + " to take back";
    if (PyIndex_Check(argument) != 0 && !py::isinstance<py::array>(py::handle(argument)))
        return std::vector<std::size_t>(sequences, size_argument(argument, name.c_str(), 0));
    std::vector<std::size_t> each;
    for (const std::int64_t count : Ids(argument).to_int64()) {
        if (count < 0) throw Error(ErrorKind::value, name + " is negative: " + std::to_string(count));
        each.push_back(static_cast<std::size_t>(count));
    }
    if (each.size() != sequences)
        throw Error(ErrorKind::value,
                    "rewind() takes one number a sequence: " + std::to_string(sequences) + ", not " + std::to_string(each.size()));
    return each;
}

tokens::IdType dtype_argument(PyObject* argument, std::uint32_t id_end) {
    if (!given(argument)) return tokens::IdType::int32;
    const py::dtype type = py::dtype::from_args(py::reinterpret_borrow<py::object>(argument));
    const char kind = type.kind();
    if (type.byteorder() == '>')
        throw Error(ErrorKind::value, "ids are in native byte order, not in that of dtype " + py::cast<std::string>(py::str(type)));
    if (kind == 'i' && type.itemsize() == 4) return tokens::IdType::int32;
    if (kind == 'u' && type.itemsize() == 4) return tokens::IdType::uint32;
    if (kind == 'i' && type.itemsize() == 8) return tokens::IdType::int64;
    if (kind == 'u' && type.itemsize() == 2) {
        if (id_end > 65536)
            throw Error(ErrorKind::value,
                        "dtype uint16 holds ids below 65,536, this vocabulary has ids up to " + std::to_string(id_end - 1));
        return tokens::IdType::uint16;
    }
    throw Error(ErrorKind::value, "dtype= takes uint16, int32, uint32 or int64, not " + py::cast<std::string>(py::str(type)));
}

std::function<void(std::size_t, std::size_t)> report_to(const py::object& progress) {
    if (progress.is_none()) return {};
    return [&progress](std::size_t done, std::size_t all) {
        const py::gil_scoped_acquire locked;
        progress(done, all);
    };
}

documents::Invalid invalid_argument(PyObject* argument) {
    if (!given(argument)) return documents::Invalid::standard;
    const std::string_view value = string_argument(argument, "invalid");
    if (value == "error") return documents::Invalid::error;
    if (value == "replace") return documents::Invalid::replace;
    throw Error(ErrorKind::value, "invalid= takes \"error\" or \"replace\", not \"" + std::string(value) + "\"");
}

tokens::UnknownId unknown_argument(PyObject* argument) {
    if (!given(argument)) return tokens::UnknownId::error;
    const std::string_view value = string_argument(argument, "unknown");
    if (value == "error") return tokens::UnknownId::error;
    if (value == "replace") return tokens::UnknownId::replace;
    if (value == "skip") return tokens::UnknownId::skip;
    throw Error(ErrorKind::value, "unknown= takes \"error\", \"replace\" or \"skip\", not \"" + std::string(value) + "\"");
}

}  // namespace tokmill::bindings
