// Ids to text: str or bytes, one row of ids or many.
#include <string>

#include "bindings/core_tokenizer.hpp"
#include "pool/pool.hpp"

namespace tokmill::bindings::core {

namespace {

// ids[begin, end) as bytes, appended to `out`.
std::size_t decode_into(const tokens::Tokenizer& tokenizer, const Ids& ids, std::size_t begin, std::size_t end, tokens::UnknownId unknown,
                        bool skip, Buffer<std::uint8_t>& out, std::size_t size, Cancel* cancel = nullptr) {
    ids.visit([&](const auto* data, std::size_t) {
        if (tokenizer.has_chain()) {
            size = tokenizer.decode_chain().decode(data + begin, end - begin, unknown, skip, out, size, cancel);
            return;
        }
        size = tokenizer.decode_table().decode(data + begin, end - begin, unknown, skip, out, size, cancel);
    });
    return size;
}

struct DecodedBytes {
    Buffer<std::uint8_t> bytes;
    std::size_t size = 0;

    DecodedBytes(PyObject* self, PyObject* ids_object, PyObject* unknown_object, PyObject* skip_object) {
        const Ids ids(ids_object);
        const tokens::UnknownId unknown = unknown_argument(unknown_object);
        const bool skip = bool_argument(skip_object, false);
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        if (ids.size() <= kKeepLockBytes / 4) {
            size = decode_into(tokenizer, ids, 0, ids.size(), unknown, skip, bytes, 0);
        } else {
            WithoutInterpreterLock unlocked;
            size = decode_into(tokenizer, ids, 0, ids.size(), unknown, skip, bytes, 0, &unlocked.cancel());
        }
    }
    const char* data() const { return size == 0 ? "" : reinterpret_cast<const char*>(bytes.data()); }
};

const char* errors_argument(PyObject* argument) {
    if (!given(argument)) return "replace";
    const std::string_view name = string_argument(argument, "errors");
    for (const char* known : {"strict", "replace", "ignore", "backslashreplace", "surrogateescape"})
        if (name == known) return known;
    throw Error(ErrorKind::value, "errors= takes \"replace\", \"strict\", \"ignore\", \"backslashreplace\" or \"surrogateescape\", not \"" +
                                      std::string(name) + "\"");
}

}  // namespace

PyObject* decode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("decode", args, count, keywords, {"ids", "unknown", "errors", "skip_special_tokens"}, 1, 1, slots);
        const char* errors = errors_argument(slots[2]);
        const DecodedBytes decoded(self, slots[0], slots[1], slots[3]);
        return PyUnicode_DecodeUTF8(decoded.data(), static_cast<Py_ssize_t>(decoded.size), errors);
    });
}

PyObject* decode_bytes(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[3];
        sort_arguments("decode_bytes", args, count, keywords, {"ids", "unknown", "skip_special_tokens"}, 1, 1, slots);
        const DecodedBytes decoded(self, slots[0], slots[1], slots[2]);
        return PyBytes_FromStringAndSize(decoded.data(), static_cast<Py_ssize_t>(decoded.size));
    });
}

PyObject* decode_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments("_decode_batch", args, count, keywords, {"ids", "offsets", "unknown", "errors", "skip_special_tokens"}, 2, 2, slots);
        const Ids ids(slots[0]);
        const std::vector<std::int64_t> offsets = Ids(slots[1]).to_int64();
        const tokens::UnknownId unknown = unknown_argument(slots[2]);
        const char* errors = errors_argument(slots[3]);
        const bool skip = bool_argument(slots[4], false);
        if (offsets.empty()) throw Error(ErrorKind::value, "offsets has one element more than there are rows; it is empty");
        for (std::size_t i = 0; i < offsets.size(); ++i)
            if (offsets[i] < (i == 0 ? 0 : offsets[i - 1]) || offsets[i] > static_cast<std::int64_t>(ids.size()))
                throw Error(ErrorKind::value,
                            "offsets[" + std::to_string(i) + "] = " + std::to_string(offsets[i]) + " is out of order or beyond the ids",
                            static_cast<std::int64_t>(i));
        py::object list = py::reinterpret_steal<py::object>(checked(PyList_New(static_cast<Py_ssize_t>(offsets.size() - 1))));
        Buffer<std::uint8_t> bytes;
        for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
            const std::size_t size = decode_into(*core_of(self).tokenizer, ids, static_cast<std::size_t>(offsets[i]),
                                                 static_cast<std::size_t>(offsets[i + 1]), unknown, skip, bytes, 0);
            PyObject* text =
                PyUnicode_DecodeUTF8(size == 0 ? "" : reinterpret_cast<const char*>(bytes.data()), static_cast<Py_ssize_t>(size), errors);
            PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), checked(text));
        }
        return list.release().ptr();
    });
}

}  // namespace tokmill::bindings::core
