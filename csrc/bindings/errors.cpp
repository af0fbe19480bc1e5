#include <new>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

const char* class_name(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::value: return "ArgumentError";
        case ErrorKind::type: return "ArgumentTypeError";
        case ErrorKind::pattern: return "PatternError";
        case ErrorKind::unknown_token: return "UnknownTokenError";
        case ErrorKind::invalid_utf8: return "InvalidUtf8Error";
        case ErrorKind::missing_byte: return "MissingByteError";
        case ErrorKind::pretoken_too_long: return "PretokenTooLongError";
        case ErrorKind::special_token: return "SpecialTokenError";
        case ErrorKind::unknown_id: return "UnknownIdError";
        case ErrorKind::stream: return "StreamError";
        case ErrorKind::vocabulary: return "VocabularyError";
        case ErrorKind::unsupported: return "UnsupportedModel";
        case ErrorKind::snapshot: return "SnapshotError";
        case ErrorKind::isa: return "InstructionSetError";
        case ErrorKind::input: return "InputError";
        case ErrorKind::output: return "OutputError";
        case ErrorKind::interrupted: return nullptr;
    }
    return "Error";
}

void raise(const Error& error) {
    const char* name = class_name(error.kind());
    if (name == nullptr) {
        // The signal handler has raised already, unless a worker was stopped for another reason.
        if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
        return;
    }
    const py::object type = py::module_::import("tokmill.errors").attr(name);
    // A message may quote bytes of a hostile file.
    const py::object message = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(error.what(), static_cast<Py_ssize_t>(std::char_traits<char>::length(error.what())), "replace"));
    if (!message) throw py::error_already_set();
    const py::object where = error.where() == Error::kNowhere ? py::object(py::none()) : py::object(py::int_(error.where()));
    const py::object exception = type(message, where);
    PyErr_SetObject(type.ptr(), exception.ptr());
}

}  // namespace

PyObject* set_python_error() noexcept {
    try {
        try {
            throw;
        } catch (const PythonErrorIsSet&) {
        } catch (const Error& error) {
            raise(error);
        }
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

void register_exception_translator() {
    py::register_local_exception_translator([](std::exception_ptr failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const PythonErrorIsSet&) {
        } catch (const Error& error) {
            raise(error);
        }
    });
}

}  // namespace tokmill::bindings
