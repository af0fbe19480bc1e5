// Ids in and out.
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

// Below this a copy into memory of NumPy's own is cheaper than handing over ours.
constexpr std::size_t kCopyBytes = 2048;

py::dtype dtype_of(tokens::IdType type) {
    switch (type) {
        case tokens::IdType::int32: return py::dtype::of<std::int32_t>();
        case tokens::IdType::uint32: return py::dtype::of<std::uint32_t>();
        case tokens::IdType::uint16: return py::dtype::of<std::uint16_t>();
        case tokens::IdType::int64: return py::dtype::of<std::int64_t>();
    }
    return py::dtype::of<std::int32_t>();
}

[[noreturn]] void refuse_place(const char* name, std::size_t index, std::int64_t value, const std::string& what) {
    throw Error(ErrorKind::value, std::string(name) + "[" + std::to_string(index) + "] = " + std::to_string(value) + " " + what,
                static_cast<std::int64_t>(index));
}

}  // namespace

py::object to_numpy(tokens::IdArray&& ids, bool copy) {
    const auto size = static_cast<py::ssize_t>(ids.size());
    const std::size_t bytes = ids.size() * tokens::id_bytes(ids.type());
    const py::dtype dtype = dtype_of(ids.type());
    if (copy || bytes <= kCopyBytes) {
        py::array array(dtype, size);
        if (bytes != 0) std::memcpy(array.mutable_data(), ids.data(), bytes);
        return array;
    }
    auto memory = std::make_unique<tokens::OutputMemory>(ids.release());
    void* data = memory->data();
    py::capsule owner(memory.get(), [](void* p) { delete static_cast<tokens::OutputMemory*>(p); });
    memory.release();
    return py::array(dtype, size, data, owner);
}

py::object to_numpy(const std::vector<std::uint64_t>& values, bool leading_zero) {
    py::array_t<std::int64_t> array(static_cast<py::ssize_t>(values.size() + (leading_zero ? 1 : 0)));
    std::int64_t* out = array.mutable_data();
    if (leading_zero) *out++ = 0;
    for (const std::uint64_t value : values) *out++ = static_cast<std::int64_t>(value);
    return array;
}

Ids::Ids(PyObject* object) {
    if (py::isinstance<py::array>(py::handle(object))) {
        py::array array = py::array::ensure(py::reinterpret_borrow<py::object>(object), py::array::c_style);
        const char kind = array.dtype().kind();
        if (kind != 'i' && kind != 'u')
            throw Error(ErrorKind::type, "ids are integers, not an array of " + py::cast<std::string>(py::str(array.dtype())));
        if (array.ndim() != 1)
            throw Error(ErrorKind::value, "ids are one-dimensional, not an array of " + std::to_string(array.ndim()) + " dimensions");
        const py::ssize_t width = array.itemsize();
        if (width == 4) {
            kind_ = kind == 'i' ? Kind::int32 : Kind::uint32;
        } else if (width == 8) {
            kind_ = kind == 'i' ? Kind::int64 : Kind::uint64;
        } else if (width == 2 && kind == 'u') {
            kind_ = Kind::uint16;
        } else {
            array = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>::ensure(array);
            kind_ = Kind::int64;
        }
        if (!array.dtype().attr("isnative").cast<bool>()) array = array.attr("astype")(array.dtype().attr("newbyteorder")("="));
        kept_ = array;
        data_ = array.data();
        size_ = static_cast<std::size_t>(array.size());
        return;
    }
    if (PyUnicode_Check(object) || PyBytes_Check(object)) throw Error(ErrorKind::type, "ids are integers, not text");
    if (PyDict_Check(object) || PyAnySet_Check(object))
        throw Error(ErrorKind::type, std::string("ids have an order; a ") + Py_TYPE(object)->tp_name + " has none");
    const py::object sequence = py::reinterpret_steal<py::object>(PySequence_Fast(object, "ids are an array or a sequence of integers"));
    if (!sequence) {
        PyErr_Clear();
        throw Error(ErrorKind::type, std::string("ids are an array or a sequence of integers, not ") + Py_TYPE(object)->tp_name);
    }
    size_ = static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence.ptr()));
    numbers_.resize(size_);
    PyObject** items = PySequence_Fast_ITEMS(sequence.ptr());
    for (std::size_t i = 0; i < size_; ++i) {
        PyObject* item = items[i];
        if (!PyLong_Check(item) || PyBool_Check(item)) {
            if (!PyIndex_Check(item) || PyBool_Check(item))
                throw Error(ErrorKind::type, "id " + std::to_string(i) + " is a " + Py_TYPE(item)->tp_name + ", not an int",
                            static_cast<std::int64_t>(i));
        }
        int overflow = 0;
        const py::object number =
            PyLong_Check(item) ? py::reinterpret_borrow<py::object>(item) : py::reinterpret_steal<py::object>(PyNumber_Index(item));
        if (!number) throw PythonErrorIsSet{};
        numbers_[i] = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
        // Out of int64 is out of every vocabulary: let decode report it with its index.
        if (overflow != 0) numbers_[i] = -1;
        if (numbers_[i] == -1 && PyErr_Occurred() != nullptr) throw PythonErrorIsSet{};
    }
    data_ = numbers_.data();
    kind_ = Kind::int64;
}

std::vector<std::int64_t> Ids::to_int64() const {
    std::vector<std::int64_t> out;
    visit([&](const auto* data, std::size_t size) {
        out.reserve(size);
        for (std::size_t i = 0; i < size; ++i) {
            // An id beyond int64 is beyond every vocabulary.
            const auto value = static_cast<std::int64_t>(data[i]);
            out.push_back(data[i] > 0 && value < 0 ? std::int64_t(1) << 62 : value);
        }
    });
    return out;
}

Int32Ids::Int32Ids(PyObject* object) : ids_(object) {
    ids_.visit([&](const auto* data, std::size_t size) {
        using Id = std::remove_cv_t<std::remove_pointer_t<decltype(data)>>;
        if constexpr (std::is_same_v<Id, std::int32_t>) {
            view_ = {data, size};
        } else {
            copy_.resize(size);
            for (std::size_t i = 0; i < size; ++i) {
                if (!std::in_range<std::int32_t>(data[i]))
                    throw Error(ErrorKind::unknown_id,
                                "id " + std::to_string(data[i]) + " at " + std::to_string(i) + " does not fit into int32",
                                static_cast<std::int64_t>(i));
                copy_[i] = static_cast<std::int32_t>(data[i]);
            }
            view_ = copy_;
        }
    });
}

std::vector<std::int64_t> rising(const py::object& object, const char* name, std::size_t size) {
    std::vector<std::int64_t> places = Ids(object.ptr()).to_int64();
    std::int64_t before = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (places[i] < before) refuse_place(name, i, places[i], i == 0 ? "is negative" : "runs backwards");
        if (places[i] > static_cast<std::int64_t>(size)) refuse_place(name, i, places[i], "is beyond the " + std::to_string(size) + " ids");
        before = places[i];
    }
    return places;
}

std::vector<std::int64_t> offsets_argument(const py::object& object, std::size_t size) {
    std::vector<std::int64_t> offsets = rising(object, "offsets", size);
    if (offsets.empty()) throw Error(ErrorKind::value, "offsets has one element more than there are documents; it is empty");
    if (offsets.front() != 0) refuse_place("offsets", 0, offsets.front(), "is not 0");
    if (offsets.back() != static_cast<std::int64_t>(size))
        refuse_place("offsets", offsets.size() - 1, offsets.back(), "is not the number of ids, " + std::to_string(size));
    return offsets;
}

}  // namespace tokmill::bindings
