// Text in: where a str, a buffer, a NumPy array or an Arrow array keeps its characters.
#include <cstring>
#include <string>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

documents::Document constant(documents::Document document) {
    document.constant = true;
    return document;
}

documents::Document document_of_bytes(PyObject* bytes) {
    return constant({PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes)), documents::Encoding::utf8});
}

documents::Document document_of_str(PyObject* str) {
    const auto length = static_cast<std::size_t>(PyUnicode_GET_LENGTH(str));
    const void* data = PyUnicode_DATA(str);
    if (PyUnicode_IS_ASCII(str)) return constant({data, length, documents::Encoding::ascii});
    switch (PyUnicode_KIND(str)) {
        case PyUnicode_1BYTE_KIND: return {data, length, documents::Encoding::latin1};
        case PyUnicode_2BYTE_KIND: return {data, length, documents::Encoding::ucs2};
        default: return {data, length, documents::Encoding::ucs4};
    }
}

}  // namespace

Text::Text(PyObject* object) {
    if (PyUnicode_Check(object)) {
        is_str_ = true;
        document_ = document_of_str(object);
    } else if (PyBytes_Check(object)) {
        document_ = document_of_bytes(object);
    } else if (PyObject_CheckBuffer(object)) {
        if (PyObject_GetBuffer(object, &view_, PyBUF_SIMPLE) != 0) throw PythonErrorIsSet{};
        has_view_ = true;
        if (view_.itemsize != 1) {
            PyBuffer_Release(&view_);
            throw Error(ErrorKind::type,
                        std::string("text is a str or holds bytes; the items of this ") + Py_TYPE(object)->tp_name + " are no bytes");
        }
        document_ = {view_.buf, static_cast<std::size_t>(view_.len), documents::Encoding::utf8};
    } else {
        throw Error(ErrorKind::type,
                    std::string("text is a str or holds bytes (bytes, bytearray, memoryview), not ") + Py_TYPE(object)->tp_name);
    }
}

Text::~Text() {
    if (has_view_) PyBuffer_Release(&view_);
}

// The Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), so that no Arrow library is needed.
struct ArrowSchema {
    const char* format;
    const char* name;
    const char* metadata;
    std::int64_t flags;
    std::int64_t n_children;
    ArrowSchema** children;
    ArrowSchema* dictionary;
    void (*release)(ArrowSchema*);
    void* private_data;
};

struct ArrowArray {
    std::int64_t length;
    std::int64_t null_count;
    std::int64_t offset;
    std::int64_t n_buffers;
    std::int64_t n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
    int (*get_next)(ArrowArrayStream*, ArrowArray*);
    const char* (*get_last_error)(ArrowArrayStream*);
    void (*release)(ArrowArrayStream*);
    void* private_data;
};

struct Texts::Arrow {
    std::vector<std::unique_ptr<ArrowArray>> arrays;  // those of a stream, to be released
    ~Arrow() {
        for (auto& array : arrays)
            if (array->release != nullptr) array->release(array.get());
    }
};

namespace {

template <class Offset>
void append_offsets(const ArrowArray& array, std::vector<documents::Document>& out) {
    const auto* offsets = static_cast<const Offset*>(array.buffers[1]) + array.offset;
    const auto* bytes = static_cast<const std::uint8_t*>(array.buffers[2]);
    for (std::int64_t i = 0; i < array.length; ++i)
        out.push_back({bytes + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i]), documents::Encoding::utf8});
}

// A string view is 16 bytes: i32 length, then the bytes themselves if they are at most 12, else 4 of them, i32 buffer, i32 offset.
void append_views(const ArrowArray& array, std::vector<documents::Document>& out) {
    const auto* views = static_cast<const std::uint8_t*>(array.buffers[1]) + array.offset * 16;
    for (std::int64_t i = 0; i < array.length; ++i) {
        const std::uint8_t* view = views + i * 16;
        std::int32_t length = 0;
        std::memcpy(&length, view, 4);
        const std::uint8_t* bytes = view + 4;
        if (length > 12) {
            std::int32_t buffer = 0;
            std::int32_t offset = 0;
            std::memcpy(&buffer, view + 8, 4);
            std::memcpy(&offset, view + 12, 4);
            bytes = static_cast<const std::uint8_t*>(array.buffers[2 + buffer]) + offset;
        }
        out.push_back({bytes, static_cast<std::size_t>(length), documents::Encoding::utf8});
    }
}

void append_arrow(const std::string& format, const ArrowArray& array, std::vector<documents::Document>& out) {
    if (array.length == 0) return;
    if (array.null_count != 0 && array.buffers[0] != nullptr) {
        const auto* valid = static_cast<const std::uint8_t*>(array.buffers[0]);
        for (std::int64_t i = 0; i < array.length; ++i) {
            const std::int64_t bit = array.offset + i;
            if ((valid[bit / 8] >> (bit % 8) & 1) == 0)
                throw Error(
                    ErrorKind::value,
                    "text " + std::to_string(out.size() + static_cast<std::size_t>(i)) + " of the Arrow array is null; fill nulls first",
                    static_cast<std::int64_t>(out.size()) + i);
        }
    }
    if (format == "u" || format == "z") {
        append_offsets<std::int32_t>(array, out);
    } else if (format == "U" || format == "Z") {
        append_offsets<std::int64_t>(array, out);
    } else if (format == "vu" || format == "vz") {
        append_views(array, out);
    } else {
        throw Error(ErrorKind::type,
                    "an Arrow array of texts is of type string, large_string, string_view or their binary kin, not '" + format + "'");
    }
}

template <class T>
T* from_capsule(const py::handle& capsule, const char* name) {
    void* pointer = PyCapsule_GetPointer(capsule.ptr(), name);
    if (pointer == nullptr) throw PythonErrorIsSet{};
    return static_cast<T*>(pointer);
}

}  // namespace

void Texts::read_arrow(PyObject* object) {
    arrow_ = std::make_unique<Arrow>();
    const py::handle source(object);
    if (py::hasattr(source, "__arrow_c_array__")) {
        py::tuple capsules = source.attr("__arrow_c_array__")();
        kept_.push_back(capsules);
        append_arrow(from_capsule<ArrowSchema>(capsules[0], "arrow_schema")->format, *from_capsule<ArrowArray>(capsules[1], "arrow_array"),
                     documents_);
        return;
    }
    py::object capsule = source.attr("__arrow_c_stream__")();
    kept_.push_back(capsule);
    auto* stream = from_capsule<ArrowArrayStream>(capsule, "arrow_array_stream");
    const auto failed = [&] {
        const char* why = stream->get_last_error(stream);
        throw Error(ErrorKind::value, std::string("the Arrow stream broke off: ") + (why == nullptr ? "no reason given" : why));
    };
    ArrowSchema schema{};
    if (stream->get_schema(stream, &schema) != 0) failed();
    const std::string format = schema.format;
    if (schema.release != nullptr) schema.release(&schema);
    for (;;) {
        auto array = std::make_unique<ArrowArray>();
        array->release = nullptr;
        if (stream->get_next(stream, array.get()) != 0) failed();
        if (array->release == nullptr) break;
        arrow_->arrays.push_back(std::move(array));
        append_arrow(format, *arrow_->arrays.back(), documents_);
    }
}

void Texts::read_numpy_bytes(PyObject* object) {
    const py::array array = py::array::ensure(py::reinterpret_borrow<py::object>(object), py::array::c_style);
    if (!array || array.ndim() != 1) throw Error(ErrorKind::value, "a NumPy array of texts has one dimension");
    kept_.push_back(array);
    const auto width = static_cast<std::size_t>(array.itemsize());
    const auto* bytes = static_cast<const std::uint8_t*>(array.data());
    for (py::ssize_t i = 0; i < array.shape(0); ++i, bytes += width) {
        // NumPy pads with NUL at the end and takes it off again.
        std::size_t length = width;
        while (length != 0 && bytes[length - 1] == 0) --length;
        documents_.push_back({bytes, length, documents::Encoding::utf8});
    }
}

void Texts::read_sequence(PyObject* object) {
    const py::object sequence = py::reinterpret_steal<py::object>(PySequence_Tuple(object));
    if (!sequence) throw PythonErrorIsSet{};
    kept_.push_back(sequence);
    const Py_ssize_t count = PyTuple_GET_SIZE(sequence.ptr());
    documents_.reserve(static_cast<std::size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* item = PyTuple_GET_ITEM(sequence.ptr(), i);
        if (PyUnicode_Check(item)) {
            documents_.push_back(document_of_str(item));
        } else if (PyBytes_Check(item)) {
            documents_.push_back(document_of_bytes(item));
        } else if (PyObject_CheckBuffer(item)) {
            texts_.push_back(std::make_unique<Text>(item));
            documents_.push_back(texts_.back()->document());
        } else {
            throw Error(ErrorKind::type, "text " + std::to_string(i) + " is a " + Py_TYPE(item)->tp_name + ", not a str or bytes", i);
        }
    }
}

Texts::Texts(PyObject* object) {
    if (PyUnicode_Check(object) || PyBytes_Check(object) || PyByteArray_Check(object))
        throw Error(ErrorKind::type, "a batch is a sequence of texts; put a single text into a list");
    if (py::isinstance<py::array>(py::handle(object)) && py::reinterpret_borrow<py::array>(object).dtype().kind() == 'S') {
        read_numpy_bytes(object);
    } else if (py::hasattr(py::handle(object), "__arrow_c_array__") || py::hasattr(py::handle(object), "__arrow_c_stream__")) {
        read_arrow(object);
    } else {
        read_sequence(object);
    }
    for (std::size_t row = 0; row < documents_.size(); ++row) {
        documents_[row].row = row;
        byte_size_ += documents_[row].byte_size();
    }
}

Texts::~Texts() = default;

}  // namespace tokmill::bindings
