// CoreTokenizer: a heap type of the C API, since calls on short strings must not pay for argument conversion (a vectorcall
// method costs 15-40 ns, pybind11's dispatch some 300). tokmill.Tokenizer derives from it in Python.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "bindings/python.hpp"
#include "cpu/isa.hpp"
#include "formats/formats.hpp"
#include "pool/pool.hpp"

namespace tokmill::bindings {

namespace {

// What a CoreTokenizer holds. The int objects belong to the interpreter that made the tokenizer.
struct Core {
    std::unique_ptr<tokens::Tokenizer> tokenizer;
    tokens::AddedTokens always;    // found in any text
    tokens::AddedTokens all;       // and those that special="parse" lets in
    PyObject* snapshot = nullptr;  // what the tokenizer's tables lie in, if they are mapped
    Py_buffer snapshot_view{};
    std::unique_ptr<std::uint8_t, void (*)(void*)> snapshot_copy{nullptr, std::free};
    std::atomic<PyObject*>* ints = nullptr;  // one per id, made when first used: 1.3 ns a token against 21 for a new int

    ~Core() {
        if (ints != nullptr) {
            for (std::size_t id = 0; id < tokenizer->vocabulary().id_end(); ++id) Py_XDECREF(ints[id].load(std::memory_order_relaxed));
            std::free(static_cast<void*>(ints));
        }
        tokenizer.reset();
        if (snapshot_view.obj != nullptr) PyBuffer_Release(&snapshot_view);
    }
};

struct CoreObject {
    PyObject_HEAD Core* core;
};

Core& core_of(PyObject* self) { return *reinterpret_cast<CoreObject*>(self)->core; }

PyObject* new_object(PyTypeObject* type, std::unique_ptr<Core> core) {
    auto* self = reinterpret_cast<CoreObject*>(checked(type->tp_alloc(type, 0)));
    self->core = core.release();
    return reinterpret_cast<PyObject*>(self);
}

// The added tokens of a tokenizer.json, else the special tokens of the vocabulary, as far as they are wanted.
template <class Wanted>
tokens::AddedTokens added_tokens(const tokens::Tokenizer& tokenizer, const Wanted& wanted) {
    std::vector<tokens::AddedTokens::Token> tokens;
    static const normalized::Normalizer kNone;
    const tokens::Preprocessing* const preprocessing = tokenizer.preprocessing();
    if (preprocessing != nullptr) {
        for (const formats::AddedToken& token : preprocessing->components().added_tokens)
            tokens.push_back({token, !token.special || wanted(token.content)});
    } else {
        for (const vocab::SpecialToken& token : tokenizer.vocabulary().specials()) {
            if (!wanted(token.text)) continue;
            tokens.emplace_back();
            tokens.back().content = token.text;
            tokens.back().id = token.id;
            tokens.back().special = true;
        }
    }
    return tokens::AddedTokens(std::move(tokens), preprocessing != nullptr ? preprocessing->normalizer() : kNone);
}

void finish_core(Core& core) {
    core.always = added_tokens(*core.tokenizer, [](const std::string&) { return false; });
    core.all = added_tokens(*core.tokenizer, [](const std::string&) { return true; });
    const std::size_t count = core.tokenizer->vocabulary().id_end();
    core.ints = static_cast<std::atomic<PyObject*>*>(std::calloc(count, sizeof(std::atomic<PyObject*>)));
    if (core.ints == nullptr) throw std::bad_alloc();
}

PyObject* int_of(Core& core, std::uint32_t id) {
    PyObject* number = core.ints[id].load(std::memory_order_acquire);
    if (number == nullptr) {
        number = checked(PyLong_FromUnsignedLong(id));
        PyObject* expected = nullptr;
        if (!core.ints[id].compare_exchange_strong(expected, number, std::memory_order_acq_rel)) {
            Py_DECREF(number);
            number = expected;
        }
    }
    Py_INCREF(number);
    return number;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    delete reinterpret_cast<CoreObject*>(self)->core;
    type->tp_free(self);
    Py_DECREF(type);
}

cpu::Isa isa_argument(PyObject* argument) { return given(argument) ? cpu::by_name(string_argument(argument, "isa")) : cpu::active(); }

std::string regex_argument(PyObject* argument) {
    const std::string_view pattern = string_argument(argument, "pattern");
    const auto known = pretokens::find_pattern(pattern);
    return known ? std::string(pretokens::regex(*known)) : std::string(pattern);
}

std::vector<vocab::SpecialToken> specials_argument(PyObject* argument) {
    std::vector<vocab::SpecialToken> specials;
    if (!given(argument)) return specials;
    if (!PyDict_Check(argument))
        throw Error(ErrorKind::type, std::string("special_tokens= takes a dict of text to id, not ") + Py_TYPE(argument)->tp_name);
    PyObject* text = nullptr;
    PyObject* id = nullptr;
    for (Py_ssize_t position = 0; PyDict_Next(argument, &position, &text, &id) != 0;) {
        const std::size_t value = size_argument(id, "the id of a special token", 0);
        if (value >= vocab::kIdLimit)
            throw Error(ErrorKind::vocabulary,
                        "the id of special token '" + std::string(string_argument(text, "a special token")) + "' is not below 2^24");
        specials.push_back({std::string(string_argument(text, "a special token")), static_cast<std::uint32_t>(value)});
    }
    return specials;
}

// ---- constructors

PyObject* from_spec(PyObject* type, const char* function, PyObject* const* args, Py_ssize_t count, PyObject* keywords,
                    vocab::Spec (*read)(std::span<const std::uint8_t>)) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[5];
        sort_arguments(function, args, count, keywords, {"data", "name", "pattern", "special_tokens", "isa"}, 1, 3, slots);
        const Text data(slots[0]);
        if (data.is_str()) throw Error(ErrorKind::type, "data is bytes-like, not a str");
        const std::string name(string_argument(slots[1], "name"));
        const std::string regex = regex_argument(slots[2]);
        std::vector<vocab::SpecialToken> specials = specials_argument(slots[3]);
        const cpu::Isa isa = isa_argument(slots[4]);
        auto core = std::make_unique<Core>();
        {
            const WithoutInterpreterLock unlocked;
            vocab::Spec spec = read({static_cast<const std::uint8_t*>(data.document().data), data.document().unit_count});
            spec.name = name;
            spec.pattern = regex;
            spec.specials = std::move(specials);
            core->tokenizer = std::make_unique<tokens::Tokenizer>(std::move(spec), isa);
        }
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

PyObject* from_ranks(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return from_spec(type, "_from_ranks", args, count, keywords, formats::read_tiktoken_ranks);
}

PyObject* from_tokenizer_json(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[4];
        sort_arguments("_from_tokenizer_json", args, count, keywords, {"data", "name", "isa", "refuse_missing_bytes"}, 1, 2, slots);
        const bool refuses_missing_bytes = bool_argument(slots[3], false);
        const Text data(slots[0]);
        if (data.is_str()) throw Error(ErrorKind::type, "data is bytes-like, not a str");
        const std::string name(string_argument(slots[1], "name"));
        const cpu::Isa isa = isa_argument(slots[2]);
        auto core = std::make_unique<Core>();
        {
            const WithoutInterpreterLock unlocked;
            formats::TokenizerJson file = formats::read_tokenizer_json(
                {static_cast<const std::uint8_t*>(data.document().data), data.document().unit_count}, refuses_missing_bytes);
            file.spec.name = name;
            core->tokenizer = std::make_unique<tokens::Tokenizer>(std::move(file), isa);
        }
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

PyObject* from_merges(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return from_spec(type, "_from_merges", args, count, keywords, formats::read_merge_list);
}

std::unique_ptr<Core> core_from_snapshot(PyObject* data, cpu::Isa isa, std::optional<tokens::TableSizes> table_sizes = std::nullopt) {
    auto core = std::make_unique<Core>();
    if (PyObject_GetBuffer(data, &core->snapshot_view, PyBUF_SIMPLE) != 0) throw PythonErrorIsSet{};
    const auto size = static_cast<std::size_t>(core->snapshot_view.len);
    const auto* bytes = static_cast<const std::uint8_t*>(core->snapshot_view.buf);
    if (reinterpret_cast<std::uintptr_t>(bytes) % kCacheLineBytes != 0) {
        const std::size_t rounded = (size / kCacheLineBytes + 1) * kCacheLineBytes;
        core->snapshot_copy.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kCacheLineBytes, rounded)));
        if (core->snapshot_copy == nullptr) throw std::bad_alloc();
        std::memcpy(core->snapshot_copy.get(), bytes, size);
        bytes = core->snapshot_copy.get();
    }
    const WithoutInterpreterLock unlocked;
    core->tokenizer = std::make_unique<tokens::Tokenizer>(SectionReader({bytes, size}), isa, table_sizes);
    return core;
}

PyObject* from_snapshot(PyObject* type, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[2];
        sort_arguments("_from_snapshot", args, count, keywords, {"data", "isa"}, 1, 1, slots);
        std::unique_ptr<Core> core = core_from_snapshot(slots[0], isa_argument(slots[1]));
        finish_core(*core);
        return new_object(reinterpret_cast<PyTypeObject*>(type), std::move(core));
    });
}

std::vector<std::uint8_t> snapshot_bytes(const tokens::Tokenizer& tokenizer) {
    SectionWriter writer;
    tokenizer.save(writer);
    return writer.finish();
}

PyObject* snapshot(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const std::vector<std::uint8_t> file = snapshot_bytes(*core_of(self).tokenizer);
        return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(file.data()), static_cast<Py_ssize_t>(file.size()));
    });
}

// The same tokenizer made again by way of a snapshot.
PyObject* remade(PyObject* self, cpu::Isa isa, std::optional<tokens::TableSizes> table_sizes) {
    const py::object file = py::reinterpret_steal<py::object>(checked(snapshot(self, nullptr)));
    std::unique_ptr<Core> core = core_from_snapshot(file.ptr(), isa, table_sizes);
    finish_core(*core);
    return new_object(Py_TYPE(self), std::move(core));
}

PyObject* with_isa(PyObject* self, PyObject* isa) {
    return guarded([&] { return remade(self, isa_argument(isa), std::nullopt); });
}

PyObject* with_word_tables(PyObject* self, PyObject* word_bytes) {
    return guarded([&] {
        constexpr std::size_t kMostBytes = std::size_t(1) << 30;
        const std::size_t bytes = size_argument(word_bytes, "the size of word tables", 0);
        if (bytes != 0 && (!std::has_single_bit(bytes) || bytes < sizeof(tokens::Bucket) || bytes > kMostBytes))
            throw Error(ErrorKind::value, "the size of word tables is 0 or a power of two from 64 to 2^30, not " + std::to_string(bytes));
        const tokens::TableSizes sizes{std::max(bytes, sizeof(tokens::Bucket)), 1, 1, bytes != 0};
        return remade(self, core_of(self).tokenizer->isa(), sizes);
    });
}

// Pattern, special tokens and every token with its id: what two equal tokenizers agree on. The name is not part of it.
PyObject* canonical(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const vocab::Vocabulary& vocabulary = core_of(self).tokenizer->vocabulary();
        std::string out = "tokmill digest 1\n";
        const auto append = [&out](std::string_view text, std::uint32_t id) {
            out += std::to_string(id) + ' ' + std::to_string(text.size()) + ' ';
            out += text;
            out += '\n';
        };
        append(vocabulary.pattern(), vocabulary.symbol_count());
        for (const vocab::SpecialToken& special : vocabulary.specials()) append(special.text, special.id);
        if (const tokens::Preprocessing* preprocessing = core_of(self).tokenizer->preprocessing())
            append(preprocessing->components().json, 0);
        out += "tokens by rank\n";
        for (vocab::Symbol symbol = 0; symbol < vocabulary.symbol_count(); ++symbol)
            append(vocabulary.bytes(symbol), vocabulary.id(symbol));
        return PyBytes_FromStringAndSize(out.data(), static_cast<Py_ssize_t>(out.size()));
    });
}

// Everything of a tokenizer.json but vocabulary and merges, as compact JSON.
PyObject* components(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const tokens::Preprocessing* preprocessing = core_of(self).tokenizer->preprocessing();
        if (preprocessing == nullptr) return Py_NewRef(Py_None);
        const std::string& json = preprocessing->components().json;
        return PyUnicode_DecodeUTF8(json.data(), static_cast<Py_ssize_t>(json.size()), nullptr);
    });
}

PyObject* rank_file(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const std::string file = formats::write_tiktoken_ranks(core_of(self).tokenizer->vocabulary());
        return PyBytes_FromStringAndSize(file.data(), static_cast<Py_ssize_t>(file.size()));
    });
}

PyObject* merge_list(PyObject* self, PyObject*) {
    return guarded([&]() -> PyObject* {
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const std::string file = formats::write_merge_list(tokenizer.vocabulary(), tokenizer.merges());
        return PyBytes_FromStringAndSize(file.data(), static_cast<Py_ssize_t>(file.size()));
    });
}

// ---- encoding

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

struct EncodeArguments {
    tokens::EncodeOptions options;
    std::unique_ptr<tokens::AddedTokens> own_specials;

    EncodeArguments(PyObject* self, PyObject* special, PyObject* invalid, PyObject* max_pretoken_bytes = nullptr) {
        special_argument(special, self, options, own_specials);
        options.invalid = invalid_argument(invalid);
        if (given(max_pretoken_bytes)) options.max_pretoken_bytes = size_argument(max_pretoken_bytes, "max_pretoken_bytes", 1);
    }
};

// The ids that the post-processor of a tokenizer.json puts around a text or a pair; null if there is nothing to do.
const formats::Frame* frame_of(const tokens::Tokenizer& tokenizer, bool is_pair, bool adds_special_tokens) {
    static const formats::Frame kNone;
    const tokens::Preprocessing* const preprocessing = tokenizer.preprocessing();
    if (preprocessing == nullptr) return is_pair ? &kNone : nullptr;
    if (is_pair) return &preprocessing->components().pair;
    return adds_special_tokens ? &preprocessing->components().single : nullptr;
}

// Encodes one text, or two, into `ids` as add_special_tokens= and pair= say.
void encode_framed(const tokens::Tokenizer& tokenizer, const documents::Document& document, PyObject* pair, bool adds_special_tokens,
                   const tokens::EncodeOptions& options, std::size_t threads, tokens::IdArray& ids) {
    encode_one(tokenizer, document, options, threads, ids);
    const formats::Frame* const frame = frame_of(tokenizer, given(pair), adds_special_tokens);
    if (frame == nullptr) return;
    tokens::IdArray second(ids.type());
    if (given(pair)) {
        const Text text(pair);
        encode_one(tokenizer, text.document(), options, threads, second);
    }
    ids = tokens::framed(ids, given(pair) ? &second : nullptr, *frame, adds_special_tokens);
}

std::size_t added_count(const formats::Frame& frame) { return frame.before.size() + frame.between.size() + frame.after.size(); }

PyObject* encode(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[9];
        sort_arguments("encode", args, count, keywords,
                       {"text", "special", "invalid", "add_special_tokens", "dtype", "out", "threads", "max_pretoken_bytes", "pair"}, 1, 1,
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
            if (frame_of(*core.tokenizer, given(slots[8]), adds) != nullptr)
                throw Error(ErrorKind::value, "out= does not go with pair= or with special tokens that are added; leave out= out");
            // One thread writes straight into out; parts of several threads would each need to know where they begin.
            encode_one(*core.tokenizer, text.document(), arguments.options, threads, ids);
            return py::object(out[py::slice(0, static_cast<py::ssize_t>(ids.size()), 1)]).release().ptr();
        }
        const tokens::IdType type = dtype_argument(slots[4], core.tokenizer->vocabulary().id_end());
        ShortIds short_ids(type);
        const bool is_short = ShortIds::enough_for(*core.tokenizer, text.document(), arguments.options);
        tokens::IdArray ids = is_short ? short_ids.array() : tokens::IdArray(type);
        encode_framed(*core.tokenizer, text.document(), slots[8], adds, arguments.options, threads, ids);
        return to_numpy(std::move(ids), is_short).release().ptr();
    });
}

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
        if (const formats::Frame* frame = frame_of(tokenizer, false, bool_argument(slots[3], false))) ids += added_count(*frame);
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
        PyObject* slots[7];
        sort_arguments("_encode_batch", args, count, keywords,
                       {"texts", "special", "invalid", "add_special_tokens", "dtype", "threads", "max_pretoken_bytes"}, 1, 1, slots);
        const tokens::Tokenizer& tokenizer = *core_of(self).tokenizer;
        const Texts texts(slots[0]);
        const EncodeArguments arguments(self, slots[1], slots[2], slots[6]);
        const bool adds = bool_argument(slots[3], false);
        const std::size_t threads = threads_argument(slots[5]);
        tokens::IdArray ids(dtype_argument(slots[4], tokenizer.vocabulary().id_end()));
        std::vector<std::uint64_t> ends;
        {
            WithoutInterpreterLock unlocked;
            tokenizer.encode(texts.documents(), arguments.options, threads, ids, &ends, unlocked.cancel());
            if (const formats::Frame* frame = frame_of(tokenizer, false, adds)) ids = tokens::framed_rows(ids, ends, *frame);
        }
        return py::make_tuple(to_numpy(std::move(ids)), to_numpy(ends, true)).release().ptr();
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
        if (const formats::Frame* frame = frame_of(*core_of(self).tokenizer, false, bool_argument(slots[3], false)))
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

// ---- decoding

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

// ---- the vocabulary

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
    {"_from_ranks", as_method(from_ranks), kFast | METH_CLASS, "From the bytes of a tiktoken rank file."},
    {"_from_merges", as_method(from_merges), kFast | METH_CLASS, "From the compact list of merges of the embedded vocabulary."},
    {"_from_tokenizer_json", as_method(from_tokenizer_json), kFast | METH_CLASS, "From the bytes of a tokenizer.json."},
    {"_from_snapshot", as_method(from_snapshot), kFast | METH_CLASS, "From the container of a snapshot, used in place."},
    {"_snapshot", snapshot, METH_NOARGS, "The container of a snapshot."},
    {"_rank_file", rank_file, METH_NOARGS, "The text of a tiktoken rank file."},
    {"_merge_list", merge_list, METH_NOARGS, "The compact list of merges that _from_merges reads."},
    {"_components", components, METH_NOARGS, "What a tokenizer.json has around its vocabulary, as JSON; None for other vocabularies."},
    {"_canonical", canonical, METH_NOARGS, "What the digest is taken of."},
    {"_with_isa", with_isa, METH_O, "The same tokenizer with the kernels of another instruction set."},
    {"_with_word_tables", with_word_tables, METH_O,
     "The same tokenizer with tables of so many bytes for words and of two entries for longer pieces; 0: nothing is remembered."},
    {"encode", as_method(encode), kFast,
     "encode(text, *, special='text', invalid=None, add_special_tokens=False, dtype=None, out=None, threads=None, "
     "max_pretoken_bytes=None, pair=None)\n"
     "--\n\n"
     "The ids of a text: an int32 array [tokens], or of `dtype` (uint16, int32, uint32, int64); with `out`, a view of it.\n\n"
     "`text` is a str or holds UTF-8 (bytes, bytearray, memoryview). `special` says what special tokens in the text are:\n"
     "'text' (the default: text), 'parse' (their ids), 'error', or a set of those to parse. `invalid='replace'` reads bytes that\n"
     "are not UTF-8 as U+FFFD; lone surrogates of a str become U+FFFD unless `invalid='error'`. `threads` is the most to use.\n"
     "`add_special_tokens` adds what the post-processor of a tokenizer.json adds, also between the text and a second one, `pair`.\n\n"
     "Raises InvalidUtf8Error, SpecialTokenError, PretokenTooLongError, ArgumentError, ArgumentTypeError."},
    {"encode_list", as_method(encode_list), kFast,
     "encode_list(text, *, special='text', invalid=None, add_special_tokens=False, pair=None)\n--\n\nThe ids of a text as a list of int. "
     "See "
     "encode()."},
    {"count", as_method(count), kFast,
     "count(text, *, special='text', invalid=None, add_special_tokens=False, threads=None)\n--\n\nThe number of ids of a text, without "
     "making them."},
    {"count_until", as_method(count_until), kFast,
     "count_until(text, limit, *, special='text', invalid=None)\n--\n\n"
     "The number of ids if it is at most `limit`, else `limit + 1`; the rest of the text is not encoded."},
    {"truncate", as_method(truncate), kFast,
     "truncate(text, max_tokens, *, special='text', invalid=None)\n--\n\n"
     "The longest prefix that the first `max_tokens` ids stand for, whole characters only; str gives str, bytes give bytes."},
    {"_encode_batch", as_method(encode_batch), kFast, "Many texts: (ids [tokens], offsets int64 [texts + 1])."},
    {"_encode_batch_lists", as_method(encode_batch_lists), kFast, "Many texts: a list of int for each."},
    {"_encode_piece", as_method(encode_piece), kFast, "The ids of bytes that are merged as one piece, not split, as a list of int."},
    {"_last_pretoken_bytes", last_pretoken_bytes, METH_O, "The length of the last pretoken of a text."},
    {"count_batch", as_method(count_batch), kFast,
     "count_batch(texts, *, special='text', invalid=None, add_special_tokens=False, threads=None)\n--\n\nThe number of ids of each text: "
     "int64 [texts]."},
    {"pretoken_count", as_method(pretoken_count), kFast,
     "pretoken_count(text, *, invalid=None)\n--\n\nThe number of pretokens that the split pattern cuts a text into."},
    {"decode", as_method(decode), kFast,
     "decode(ids, *, unknown='error', errors='replace', skip_special_tokens=False)\n--\n\n"
     "The text of ids: an integer array or a sequence of ints. `unknown` ids are an 'error' (UnknownIdError with the index), U+FFFD\n"
     "('replace') or nothing ('skip'); `errors` is for bytes that are not UTF-8, as in bytes.decode()."},
    {"decode_bytes", as_method(decode_bytes), kFast,
     "decode_bytes(ids, *, unknown='error', skip_special_tokens=False)\n--\n\nThe bytes of ids. See decode()."},
    {"_decode_batch", as_method(decode_batch), kFast, "The texts of rows of ids."},
    {"_table_statistics", table_statistics, METH_NOARGS, "How well the word tables serve: table_bytes, lookups, misses, merges."},
    {"_stream", as_method(stream), kFast, "A StreamEncoder."},
    {"decoder", as_method(decoder), kFast,
     "decoder(sequences=1, *, unknown='error', skip_special_tokens=False, max_rewind=0)\n"
     "--\n\nA StreamDecoder: text of ids that arrive step by step, of which the last max_rewind can be taken back."},
    {"id_of", id_of, METH_O,
     "id_of(token)\n--\n\nThe id of a token given by its bytes or text, special tokens included. UnknownTokenError if it is none."},
    {"bytes_of", bytes_of, METH_O, "bytes_of(id)\n--\n\nThe bytes of an id. UnknownIdError if it is not used."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"vocab_size", vocab_size, nullptr, "One more than the greatest id, special tokens included.", nullptr},
    {"name", name, nullptr, "The name of the vocabulary, or ''.", nullptr},
    {"pattern", pattern, nullptr, "The split pattern, as a regex; '' if a tokenizer.json cuts in steps that no single pattern does.",
     nullptr},
    {"missing_bytes", missing_bytes, nullptr,
     "The bytes of UTF-8 that are no tokens, ascending: text loses them on the way to ids, unless there is a token for the unknown or "
     "missing_bytes='error' was given to load.",
     nullptr},
    {"isa", isa, nullptr, "The instruction set that this tokenizer's kernels use.", nullptr},
    {"special_tokens", special_tokens, nullptr, "The special tokens and their ids.", nullptr},
    {"token_bytes", token_bytes, nullptr, "The bytes of every id, None for those not used; made anew at each access.", nullptr},
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

PyObject* encode_to_list(PyObject* tokenizer, const Text& text, const tokens::EncodeOptions& options, PyObject* pair,
                         bool adds_special_tokens) {
    Core& core = core_of(tokenizer);
    const std::size_t threads = text.document().byte_size() <= kKeepLockBytes ? 1 : pool::default_thread_count();
    ShortIds short_ids(tokens::IdType::int32);
    tokens::IdArray ids = ShortIds::enough_for(*core.tokenizer, text.document(), options) ? short_ids.array() : tokens::IdArray();
    encode_framed(*core.tokenizer, text.document(), pair, adds_special_tokens, options, threads, ids);
    PyObject* const list = list_of_ids(core, static_cast<const std::uint32_t*>(ids.data()), ids.size(), ids.size());
    ids.release();  // without what a generous guess left unused, the memory can wait for the next call
    return list;
}

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
    own = std::make_unique<tokens::AddedTokens>(added_tokens(
        *core.tokenizer, [&](const std::string& text) { return std::find(allowed.begin(), allowed.end(), text) != allowed.end(); }));
    look_for(*own);
}

void bind_tokenizer(py::module_& module) {
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    module.attr("CoreTokenizer") = py::reinterpret_steal<py::object>(type);
}

}  // namespace tokmill::bindings
