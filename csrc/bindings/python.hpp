// What all binding files share: owning references, errors into exceptions and back, arguments of vectorcall methods, text
// and ids in and out. The rest of the core knows nothing of Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/errors.hpp"
#include "documents/documents.hpp"
#include "tokens/tokens.hpp"
#include "vocab/vocab.hpp"

namespace tokmill::bindings {

namespace py = pybind11;

// ---- errors ------------------------------------------------------------------------------------------------------

// Thrown when a Python exception is already set.
struct PythonErrorIsSet {};

// Sets the Python exception for the C++ exception in flight; returns null. Call from a catch block.
PyObject* set_python_error() noexcept;
// pybind11's own functions and classes raise through this.
void register_exception_translator();

// Runs a function that returns a PyObject*, turning C++ exceptions into Python ones.
template <class Function>
PyObject* guarded(Function&& function) noexcept {
    try {
        return function();
    } catch (...) {
        return set_python_error();
    }
}

inline PyObject* checked(PyObject* object) {
    if (object == nullptr) throw PythonErrorIsSet{};
    return object;
}

// ---- long calls --------------------------------------------------------------------------------------------------

// Releases the interpreter lock for its lifetime. Its Cancel takes the lock back now and then to look for Ctrl-C.
class WithoutInterpreterLock {
public:
    WithoutInterpreterLock() : cancel_(&look_for_signals, this), state_(PyEval_SaveThread()) {}
    ~WithoutInterpreterLock() { PyEval_RestoreThread(state_); }
    WithoutInterpreterLock(const WithoutInterpreterLock&) = delete;
    WithoutInterpreterLock& operator=(const WithoutInterpreterLock&) = delete;
    Cancel& cancel() noexcept { return cancel_; }

private:
    static bool look_for_signals(void* self) {
        auto* const without = static_cast<WithoutInterpreterLock*>(self);
        PyEval_RestoreThread(without->state_);
        const bool stop = PyErr_CheckSignals() != 0;
        without->state_ = PyEval_SaveThread();
        return stop;
    }

    Cancel cancel_;
    PyThreadState* state_;
};

// Inputs up to this size keep the lock: releasing and taking it costs more than they do.
inline constexpr std::size_t kKeepLockBytes = 4096;

// ---- arguments of vectorcall methods -----------------------------------------------------------------------------

// Sorts positional and keyword arguments into `slots` by `names`; the first `positional` names may be given by position.
// Missing ones are null. TypeError as Python words it.
void sort_arguments(const char* function, PyObject* const* args, Py_ssize_t positional_count, PyObject* keyword_names,
                    std::initializer_list<const char*> names, std::size_t positional, std::size_t required, PyObject** slots);

inline bool given(PyObject* argument) noexcept { return argument != nullptr && argument != Py_None; }

std::string_view string_argument(PyObject* argument, const char* name);
std::size_t size_argument(PyObject* argument, const char* name, std::size_t least);
bool bool_argument(PyObject* argument, bool otherwise);
// None: the default count of threads.
std::size_t threads_argument(PyObject* argument);
// For rewind(): one number for all sequences, or one each.
std::vector<std::size_t> rewind_argument(PyObject* argument, const char* what, std::size_t sequences);
tokens::IdType dtype_argument(PyObject* argument, std::uint32_t id_end);
documents::Invalid invalid_argument(PyObject* argument);
// Calls a Python function, with the interpreter lock taken; nothing for None. `progress` has to outlive it.
std::function<void(std::size_t done, std::size_t all)> report_to(const py::object& progress);

// ---- text in -----------------------------------------------------------------------------------------------------

// One text argument: a str is read where Python keeps it, anything else through the buffer protocol.
class Text {
public:
    explicit Text(PyObject* object);
    ~Text();
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;

    const documents::Document& document() const noexcept { return document_; }
    bool is_str() const noexcept { return is_str_; }

private:
    documents::Document document_;
    Py_buffer view_{};
    bool has_view_ = false;
    bool is_str_ = false;
};

// Many texts: a sequence of str and bytes-like objects, a NumPy array of bytes, or an Arrow array of strings. Keeps alive
// what it points to.
class Texts {
public:
    explicit Texts(PyObject* object);
    ~Texts();
    Texts(const Texts&) = delete;
    Texts& operator=(const Texts&) = delete;

    std::span<const documents::Document> documents() const noexcept { return documents_; }
    std::size_t byte_size() const noexcept { return byte_size_; }

private:
    void read_sequence(PyObject* object);
    void read_numpy_bytes(PyObject* object);
    void read_arrow(PyObject* object);

    std::vector<documents::Document> documents_;
    std::size_t byte_size_ = 0;
    std::vector<std::unique_ptr<Text>> texts_;
    std::vector<py::object> kept_;
    struct Arrow;
    std::unique_ptr<Arrow> arrow_;
};

// ---- ids in and out ----------------------------------------------------------------------------------------------

// A NumPy array that owns the ids; a copy if there are few, or if their memory is the caller's.
py::object to_numpy(tokens::IdArray&& ids, bool copy = false);
py::object to_numpy(const std::vector<std::uint64_t>& values, bool leading_zero);
template <class T>
py::array_t<T> to_array(const std::vector<T>& values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// Ids given by the caller: an integer array of any width, or a sequence of ints.
class Ids {
public:
    explicit Ids(PyObject* object);
    std::size_t size() const noexcept { return size_; }
    // Calls function(const T* data, size) with the type that the ids have.
    template <class Function>
    void visit(Function&& function) const {
        switch (kind_) {
            case Kind::int32: function(static_cast<const std::int32_t*>(data_), size_); break;
            case Kind::uint32: function(static_cast<const std::uint32_t*>(data_), size_); break;
            case Kind::uint16: function(static_cast<const std::uint16_t*>(data_), size_); break;
            case Kind::int64: function(static_cast<const std::int64_t*>(data_), size_); break;
            case Kind::uint64: function(static_cast<const std::uint64_t*>(data_), size_); break;
        }
    }
    // As int64, for the step-by-step interfaces.
    std::vector<std::int64_t> to_int64() const;

private:
    enum class Kind { int32, uint32, uint16, int64, uint64 };
    Kind kind_ = Kind::int64;
    const void* data_ = nullptr;
    std::size_t size_ = 0;
    py::object kept_;
    std::vector<std::int64_t> numbers_;
};

// Ids of any integer type as int32, without a copy if they are. Error(unknown_id) with the index of one that does not fit: it is
// outside of every vocabulary.
class Int32Ids {
public:
    explicit Int32Ids(PyObject* object);
    std::span<const std::int32_t> view() const noexcept { return view_; }

private:
    Ids ids_;
    std::vector<std::int32_t> copy_;
    std::span<const std::int32_t> view_;
};

// Places in a stream of `size` ids that never run backwards. Error(value) with the index.
std::vector<std::int64_t> rising(const py::object& object, const char* name, std::size_t size);
// The bounds of documents: they rise from 0 to `size`.
std::vector<std::int64_t> offsets_argument(const py::object& object, std::size_t size);

tokens::UnknownId unknown_argument(PyObject* argument);

// ---- encoding ----------------------------------------------------------------------------------------------------

// A short text keeps the interpreter lock and takes a slot only if one is free; all else runs without the lock.
template <class Short, class Long>
void run_encode(const documents::Document& document, Short&& with_lock, Long&& without_lock) {
    if (document.byte_size() <= kKeepLockBytes) {
        Cancel never;
        if (with_lock(never)) return;
    }
    WithoutInterpreterLock unlocked;
    without_lock(unlocked.cancel());
}

// What `special=` lets in. The matcher that it points to belongs to the tokenizer or to `own`.
void special_argument(PyObject* argument, PyObject* tokenizer, tokens::EncodeOptions& options, std::unique_ptr<tokens::AddedTokens>& own);

struct EncodeArguments {
    tokens::EncodeOptions options;
    std::unique_ptr<tokens::AddedTokens> own_specials;

    EncodeArguments(PyObject* self, PyObject* special, PyObject* invalid, PyObject* max_pretoken_bytes = nullptr) {
        special_argument(special, self, options, own_specials);
        options.invalid = invalid_argument(invalid);
        if (given(max_pretoken_bytes)) options.max_pretoken_bytes = size_argument(max_pretoken_bytes, "max_pretoken_bytes", 1);
    }
};

documents::PlaceUnit span_unit_argument(PyObject* argument);

// Ids and where they stand, in the making: encode() or encode_batch(), then each array once.
class PlacedIds {
public:
    PlacedIds(const tokens::Tokenizer& tokenizer, tokens::IdType type, documents::PlaceUnit unit, bool adds_special_tokens,
              bool with_words = false);

    // One text, or two if `pair` is given, with what the post-processor adds if it is to.
    void encode(const Text& text, PyObject* pair, const tokens::EncodeOptions& options, std::size_t threads);
    void encode_batch(const Texts& texts, const tokens::EncodeOptions& options, std::size_t threads, std::vector<std::uint64_t>& ends);

    py::object ids() { return to_numpy(std::move(ids_)); }
    py::object spans();
    py::object words() { return to_numpy(std::move(request_.words)); }
    // Which text each token is of; -1 for those added.
    py::object texts() { return to_numpy(std::move(texts_)); }

private:
    void encode_one(const documents::Document& document, const tokens::EncodeOptions& options, std::size_t threads, tokens::IdArray& ids,
                    tokens::SpanRequest& request) const;
    tokens::SpanRequest new_request() const;

    const tokens::Tokenizer& tokenizer_;
    bool adds_special_tokens_;
    tokens::IdArray ids_;
    tokens::SpanRequest request_;
    tokens::IdArray texts_{tokens::IdType::int32};
};

// CoreTokenizer._align.
PyObject* align(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);

// ---- the parts of the module -------------------------------------------------------------------------------------

void bind_tokenizer(py::module_& module);
void bind_streams(py::module_& module);
void bind_training(py::module_& module);
void bind_splitter(py::module_& module);
void bind_normalizer(py::module_& module);
void bind_tiktoken(py::module_& module);
void bind_ngram_counts(py::module_& module);
void bind_ngrams(py::module_& module);
void bind_pipeline(py::module_& module);
void bind_condensed(py::module_& module);
void bind_opcodes(py::module_& module);
void bind_supertokens(py::module_& module);

// The C++ tokenizer inside of a Python CoreTokenizer. `object` has to be one.
const tokens::Tokenizer& tokenizer_of(PyObject* object);
// All tokens that its texts may hold.
const tokens::AddedTokens& all_added_tokens_of(PyObject* object);
// The ids of a text as a list of int.
PyObject* encode_to_list(PyObject* tokenizer, const Text& text, const tokens::EncodeOptions& options, PyObject* pair = nullptr,
                         bool adds_special_tokens = false);

}  // namespace tokmill::bindings
