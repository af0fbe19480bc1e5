// Text to ids: arrays, lists, counts; one text or many.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "bindings/core_tokenizer.hpp"
#include "pool/pool.hpp"

namespace tokmill::bindings::core {

namespace {

// Encodes one document into `ids`.
void encode_one(const tokens::Tokenizer& tokenizer, const documents::Document& document, const tokens::EncodeOptions& options,
                std::size_t threads, tokens::IdArray& ids) {
    run_encode(
        document,
        [&](Cancel& cancel) {
            tokens::Sink sink{&ids, nullptr, 0};
            return tokenizer.try_encode(document, options, sink, cancel);
        },
        [&](Cancel& cancel) {
            tokenizer.encode({&document, 1}, options, threads, ids, nullptr, cancel);
        });
}

// Ids of a short text need no memory from anywhere: malloc and free would be a tenth of such a call.
class ShortIds {
public:
    explicit ShortIds(tokens::IdType type) : type_(type) {}
    static bool enough_for(const tokens::Tokenizer& tokenizer, const documents::Document& document, const tokens::EncodeOptions& options) {
        return document.most_utf8_bytes(options.invalid) <= kMostIds && tokenizer.keeps_text();
    }
    tokens::IdArray array() { return tokens::IdArray::with_slack(type_, memory_, kMostIds); }

private:
    static constexpr std::size_t kMostIds = 512;

    tokens::IdType type_;
    std::int64_t memory_[kMostIds + tokens::kIdArraySlack];
};

// Encodes one text, or two, into `ids` as add_special_tokens= and pair= say.
void encode_framed(const tokens::Tokenizer& tokenizer, const documents::Document& document, PyObject* pair, bool adds_special_tokens,
                   const tokens::EncodeOptions& options, std::size_t threads, tokens::IdArray& ids) {
    encode_one(tokenizer, document, options, threads, ids);
    const formats::Frame* const frame = tokens::frame_of(tokenizer.preprocessing(), given(pair), adds_special_tokens);
    if (frame == nullptr) return;
    tokens::IdArray second(ids.type());
    if (given(pair)) {
        const Text text(pair);
        encode_one(tokenizer, text.document(), options, threads, second);
    }
    ids = tokens::framed(ids, given(pair) ? &second : nullptr, *frame, adds_special_tokens);
}

std::size_t added_count(const formats::Frame& frame) { return frame.before.size() + frame.between.size() + frame.after.size(); }

}  // namespace

PyObject* encode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[10];
        sort_arguments(
            "encode", args, count, keywords,
            {"text", "special", "invalid", "add_special_tokens", "dtype", "out", "threads", "max_pretoken_bytes", "pair", "spans"}, 1, 1,
            slots);
        const bool adds = bool_argument(slots[3], false);
        Core& core = core_of(self);
        const Text text(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2], slots[7]);
        const std::size_t threads = text.document().byte_size() <= kKeepLockBytes && !given(slots[6]) ? 1 : threads_argument(slots[6]);
        if (given(slots[5])) {
            if (!py::isinstance<py::array>(py::handle(slots[5]))) throw Error(ErrorKind::type, "out= is a NumPy array");
            py::array out = py::reinterpret_borrow<py::array>(slots[5]);
            if (out.ndim() != 1 || (out.flags() & py::array::c_style) == 0 || !out.writeable())
                throw Error(ErrorKind::value, "out= is a one-dimensional, contiguous, writeable array");
            if (given(slots[4]) && !py::dtype::from_args(py::reinterpret_borrow<py::object>(slots[4])).is(out.dtype()))
                throw Error(ErrorKind::value, "dtype= differs from the type of out=");
            const tokens::IdType type = dtype_argument(out.dtype().ptr(), core.tokenizer->vocabulary().id_end());
            tokens::IdArray ids(type, out.mutable_data(), static_cast<std::size_t>(out.size()));
            if (tokens::frame_of(core.tokenizer->preprocessing(), given(slots[8]), adds) != nullptr)
                throw Error(ErrorKind::value, "out= does not go with pair= or with special tokens that are added; leave out= out");
            if (given(slots[9])) throw Error(ErrorKind::value, "out= does not go with spans=; leave out= out");
            // One thread writes straight into out; parts of several threads would each need to know where they begin.
            encode_one(*core.tokenizer, text.document(), arguments.options, threads, ids);
            return py::object(out[py::slice(0, static_cast<py::ssize_t>(ids.size()), 1)]).release().ptr();
        }
        const tokens::IdType type = dtype_argument(slots[4], core.tokenizer->vocabulary().id_end());
        if (given(slots[9])) {
            PlacedIds placed(*core.tokenizer, type, span_unit_argument(slots[9]), adds);
            placed.encode(text, slots[8], arguments.options, threads);
            return py::make_tuple(placed.ids(), placed.spans()).release().ptr();
        }
        ShortIds short_ids(type);
        const bool is_short = ShortIds::enough_for(*core.tokenizer, text.document(), arguments.options);
        tokens::IdArray ids = is_short ? short_ids.array() : tokens::IdArray(type);
        encode_framed(*core.tokenizer, text.document(), slots[8], adds, arguments.options, threads, ids);
        return to_numpy(std::move(ids), is_short).release().ptr();
    });
}

namespace {

// A list that is being filled from the front. A long one gets memory that is not zeroed first, which PyList_New would do and which is a
// twentieth of the time of text to list. It never shows an item that is not set: what fails half-way leaves a shorter list to be dropped.
class ListFiller {
public:
    explicit ListFiller(std::size_t size) {
        if (size > PY_SSIZE_T_MAX / sizeof(PyObject*)) throw std::bad_alloc();
#if defined(Py_GIL_DISABLED)
        constexpr bool kOwnMemory = false;  // its lists keep more beside their items
#else
        constexpr bool kOwnMemory = true;
#endif
        constexpr std::size_t kLongList = 4096;
        const bool own = kOwnMemory && size > kLongList;
        list_ = py::reinterpret_steal<py::object>(checked(PyList_New(own ? 0 : static_cast<Py_ssize_t>(size))));
        auto* const fields = reinterpret_cast<PyListObject*>(list_.ptr());
        if (own) {
            fields->ob_item = static_cast<PyObject**>(PyMem_Malloc(size * sizeof(PyObject*)));
            if (fields->ob_item == nullptr) throw std::bad_alloc();
            fields->allocated = static_cast<Py_ssize_t>(size);
        }
        next_ = fields->ob_item;
    }
    ~ListFiller() {
        if (list_) set_size();
    }
    ListFiller(const ListFiller&) = delete;
    ListFiller& operator=(const ListFiller&) = delete;
    void add(PyObject* item) noexcept { *next_++ = item; }
    PyObject* finish() noexcept {
        set_size();
        return list_.release().ptr();
    }

private:
    void set_size() noexcept {
        PyObject** const first = reinterpret_cast<PyListObject*>(list_.ptr())->ob_item;
        Py_SET_SIZE(reinterpret_cast<PyVarObject*>(list_.ptr()), next_ - first);
    }

    py::object list_;
    PyObject** next_ = nullptr;
};

// The list of `size` ids, of which `known` stand in memory. They come at random, so their objects are fetched ahead: first the
// pointer, then the object that it points to.
PyObject* list_of_ids(Core& core, const std::uint32_t* ids, std::size_t size, std::size_t known) {
    ListFiller list(size);
    constexpr std::size_t kPointerAhead = 32;
    constexpr std::size_t kObjectAhead = 16;
    for (std::size_t i = 0; i < size; ++i) {
        if (i + kPointerAhead < known) {
            __builtin_prefetch(&core.ints[ids[i + kPointerAhead]]);
            __builtin_prefetch(core.ints[ids[i + kObjectAhead]].load(std::memory_order_relaxed), 1);
        }
        list.add(int_of(core, ids[i]));
    }
    return list.finish();
}

// Keeps the garbage collector from running. It looks at every element of every new list, some three times over, and would take
// a third of the time in which they are made; lists of int hold no garbage.
class WithoutGarbageCollection {
public:
    WithoutGarbageCollection() : was_enabled_(PyGC_Disable() != 0) {}
    ~WithoutGarbageCollection() {
        if (was_enabled_) PyGC_Enable();
    }
    WithoutGarbageCollection(const WithoutGarbageCollection&) = delete;
    WithoutGarbageCollection& operator=(const WithoutGarbageCollection&) = delete;

private:
    bool was_enabled_;
};

}  // namespace

PyObject* encode_list(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments("encode_list", args, count, keywords, {"text", "special", "invalid", "add_special_tokens", "pair"}, 1, 1, slots);
        const Text text(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2]);
        return encode_to_list(self, text, arguments.options, slots[4], bool_argument(slots[3], false));
    });
}

PyObject* count(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments("count", args, argument_count, keywords, {"text", "special", "invalid", "add_special_tokens", "threads"}, 1, 1,
                       slots);
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const Text text(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2]);
        const std::size_t threads = text.document().byte_size() <= kKeepLockBytes && !given(slots[4]) ? 1 : threads_argument(slots[4]);
        std::uint64_t ids = 0;
        run_encode(
            text.document(),
            [&](Cancel& cancel) {
                tokens::Sink sink;
                const bool done = tokenizer.try_encode(text.document(), arguments.options, sink, cancel);
                ids = sink.id_count;
                return done;
            },
            [&](Cancel& cancel) {
                ids = tokenizer.count({&text.document(), 1}, arguments.options, threads, nullptr, cancel);
            });
        if (const formats::Frame* frame = tokens::frame_of(tokenizer.preprocessing(), false, bool_argument(slots[3], false)))
            ids += added_count(*frame);
        return PyLong_FromUnsignedLongLong(ids);
    });
}

PyObject* count_until(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("count_until", args, argument_count, keywords, {"text", "limit", "special", "invalid"}, 2, 2, slots);
        const Text text(slots[0]);
        const std::size_t limit = size_argument(slots[1], "limit", 0);
        const EncodeArguments arguments(self, slots[2], slots[3]);
        tokens::IdArray ids;
        {
            WithoutInterpreterLock unlocked;
            core_of(self).tokenizer->encode_until(text.document(), arguments.options, limit + 1, ids, unlocked.cancel());
        }
        return PyLong_FromSize_t(std::min(ids.size(), limit + 1));
    });
}

// The longest prefix of the text that the first `max_tokens` ids stand for, whole characters only.
PyObject* truncate(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("truncate", args, argument_count, keywords, {"text", "max_tokens", "special", "invalid"}, 2, 2, slots);
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const Text text(slots[0]);
        const std::size_t most = size_argument(slots[1], "max_tokens", 0);
        const EncodeArguments arguments(self, slots[2], slots[3]);
        if (!tokenizer.keeps_text() || tokenizer.has_chain())
            throw Error(
                ErrorKind::value,
                "truncate() needs ids that say all of the text; this tokenizer normalises text or leaves some of it out. Encode, and cut "
                "the ids");
        tokens::IdArray ids;
        Buffer<std::uint8_t> bytes;
        std::size_t size = 0;
        bool whole = false;
        {
            WithoutInterpreterLock unlocked;
            tokenizer.encode_until(text.document(), arguments.options, most + 1, ids, unlocked.cancel());
            whole = ids.size() <= most;
            if (!whole) {
                size = tokenizer.decode_table().decode(static_cast<const std::uint32_t*>(ids.data()), most, tokens::UnknownId::error, false,
                                                       bytes, 0);
                // A token may end inside of a character: step back over its first bytes.
                std::size_t lead = size;
                while (lead > 0 && size - lead < 4 && (bytes[lead - 1] & 0xC0) == 0x80) --lead;
                if (lead > 0 && bytes[lead - 1] >= 0xC0 && lead - 1 + unicode::utf8_length(bytes[lead - 1]) > size) size = lead - 1;
            }
        }
        if (whole) {
            Py_INCREF(slots[0]);
            return slots[0];
        }
        const char* prefix = size == 0 ? "" : reinterpret_cast<const char*>(bytes.data());
        return text.is_str() ? PyUnicode_DecodeUTF8(prefix, static_cast<Py_ssize_t>(size), nullptr)
                             : PyBytes_FromStringAndSize(prefix, static_cast<Py_ssize_t>(size));
    });
}

PyObject* encode_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[8];
        sort_arguments("_encode_batch", args, count, keywords,
                       {"texts", "special", "invalid", "add_special_tokens", "dtype", "threads", "max_pretoken_bytes", "spans"}, 1, 1,
                       slots);
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const Texts texts(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2], slots[6]);
        const bool adds = bool_argument(slots[3], false);
        const std::size_t threads = threads_argument(slots[5]);
        tokens::IdArray ids(dtype_argument(slots[4], tokenizer.vocabulary().id_end()));
        std::vector<std::uint64_t> ends;
        if (given(slots[7])) {
            PlacedIds placed(tokenizer, ids.type(), span_unit_argument(slots[7]), adds);
            placed.encode_batch(texts, arguments.options, threads, ends);
            return py::make_tuple(placed.ids(), to_numpy(ends, true), placed.spans()).release().ptr();
        }
        {
            WithoutInterpreterLock unlocked;
            tokenizer.encode(texts.documents(), arguments.options, threads, ids, &ends, unlocked.cancel());
            if (const formats::Frame* frame = tokens::frame_of(tokenizer.preprocessing(), false, adds))
                ids = tokens::framed_rows(ids, ends, *frame);
        }
        return py::make_tuple(to_numpy(std::move(ids)), to_numpy(ends, true), py::none()).release().ptr();
    });
}

// Prebuilt int objects make this half as long as lists made of the arrays.
PyObject* encode_batch_lists(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("_encode_batch_lists", args, count, keywords, {"texts", "special", "invalid", "threads"}, 1, 1, slots);
        Core& core = core_of(self);
        const Texts texts(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2]);
        const std::size_t threads = threads_argument(slots[3]);
        tokens::IdArray ids;
        std::vector<std::uint64_t> ends;
        {
            WithoutInterpreterLock unlocked;
            core.tokenizer->encode(texts.documents(), arguments.options, threads, ids, &ends, unlocked.cancel());
        }
        py::object rows = py::reinterpret_steal<py::object>(checked(PyList_New(static_cast<Py_ssize_t>(ends.size()))));
        const WithoutGarbageCollection no_collection;
        std::uint64_t begin = 0;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            PyObject* row = list_of_ids(core, static_cast<const std::uint32_t*>(ids.data()) + begin, ends[i] - begin, ids.size() - begin);
            PyList_SET_ITEM(rows.ptr(), static_cast<Py_ssize_t>(i), row);
            begin = ends[i];
        }
        ids.release();
        return rows.release().ptr();
    });
}

PyObject* count_batch(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments("count_batch", args, count, keywords, {"texts", "special", "invalid", "add_special_tokens", "threads"}, 1, 1, slots);
        const Texts texts(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2]);
        const std::size_t threads = threads_argument(slots[4]);
        std::vector<std::uint64_t> ends;
        {
            WithoutInterpreterLock unlocked;
            core_of(self).tokenizer->count(texts.documents(), arguments.options, threads, &ends, unlocked.cancel());
        }
        for (std::size_t i = ends.size(); i-- > 1;) ends[i] -= ends[i - 1];
        if (const formats::Frame* frame = tokens::frame_of(core_of(self).tokenizer->preprocessing(), false, bool_argument(slots[3], false)))
            for (std::uint64_t& count : ends) count += added_count(*frame);
        return to_numpy(ends, false).release().ptr();
    });
}

PyObject* pretoken_count(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[2];
        sort_arguments("pretoken_count", args, argument_count, keywords, {"text", "invalid"}, 1, 1, slots);
        const Text text(slots[0]);
        const documents::Invalid invalid = invalid_argument(slots[1]);
        std::uint64_t pretokens = 0;
        {
            WithoutInterpreterLock unlocked;
            pretokens = core_of(self).tokenizer->count_pretokens(text.document(), invalid, unlocked.cancel());
        }
        return PyLong_FromUnsignedLongLong(pretokens);
    });
}

PyObject* encode_piece(PyObject* self, PyObject* const* args, Py_ssize_t argument_count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[2];
        sort_arguments("_encode_piece", args, argument_count, keywords, {"piece", "whole_first"}, 1, 1, slots);
        const Text piece(slots[0]);
        if (piece.is_str()) throw Error(ErrorKind::type, "a piece is bytes-like, not a str");
        const bool whole_first = bool_argument(slots[1], true);
        std::vector<std::uint32_t> ids;
        {
            WithoutInterpreterLock unlocked;
            const std::span bytes(static_cast<const std::uint8_t*>(piece.document().data), piece.document().unit_count);
            core_of(self).tokenizer->encode_piece(bytes, whole_first, ids, unlocked.cancel());
        }
        return list_of_ids(core_of(self), ids.data(), ids.size(), ids.size());
    });
}

PyObject* last_pretoken_bytes(PyObject* self, PyObject* argument) {
    return guarded([&]() -> PyObject* {
        const Text text(argument);
        std::uint64_t size = 0;
        {
            WithoutInterpreterLock unlocked;
            size = core_of(self).tokenizer->last_pretoken_bytes(text.document(), unlocked.cancel());
        }
        return PyLong_FromUnsignedLongLong(size);
    });
}

}  // namespace tokmill::bindings::core

namespace tokmill::bindings {

PyObject* encode_to_list(PyObject* tokenizer, const Text& text, const tokens::EncodeOptions& options, PyObject* pair,
                         bool adds_special_tokens) {
    using namespace core;
    Core& core = core_of(tokenizer);
    const std::size_t threads = text.document().byte_size() <= kKeepLockBytes ? 1 : pool::default_thread_count();
    ShortIds short_ids(tokens::IdType::int32);
    tokens::IdArray ids = ShortIds::enough_for(*core.tokenizer, text.document(), options) ? short_ids.array() : tokens::IdArray();
    encode_framed(*core.tokenizer, text.document(), pair, adds_special_tokens, options, threads, ids);
    PyObject* const list = list_of_ids(core, static_cast<const std::uint32_t*>(ids.data()), ids.size(), ids.size());
    ids.release();  // without what a generous guess left unused, the memory can wait for the next call
    return list;
}

}  // namespace tokmill::bindings
