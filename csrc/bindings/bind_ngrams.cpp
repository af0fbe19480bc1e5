// NgramPlan and NgramState: ids to n-gram rows. What a plan file says is checked in C++; its names and presets live in Python.
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "bindings/python.hpp"
#include "cpu/isa.hpp"
#include "ngrams/ngrams.hpp"

namespace tokmill::bindings {

namespace {

// Calls that write no more than this keep the interpreter lock.
constexpr std::size_t kKeepLockRows = 16384;

// The caller's ids for the core. Unsigned 64-bit ones are copied: what is beyond int64 is beyond every vocabulary.
class NgramIds {
public:
    explicit NgramIds(PyObject* object) : ids_(object) {
        ids_.visit([&](const auto* data, std::size_t size) {
            using Id = std::remove_cv_t<std::remove_pointer_t<decltype(data)>>;
            view_.data = data;
            view_.count = size;
            if constexpr (std::is_same_v<Id, std::uint64_t>) {
                copy_ = ids_.to_int64();
                view_.data = copy_.data();
                view_.type = ngrams::IdType::int64;
            } else {
                view_.type = sizeof(Id) == 2        ? ngrams::IdType::uint16
                             : sizeof(Id) == 8      ? ngrams::IdType::int64
                             : std::is_signed_v<Id> ? ngrams::IdType::int32
                                                    : ngrams::IdType::uint32;
            }
        });
    }
    const ngrams::Ids& view() const noexcept { return view_; }

private:
    Ids ids_;
    std::vector<std::int64_t> copy_;
    ngrams::Ids view_;
};

ngrams::Boundary boundary_argument(const std::string& name) {
    if (name == "cross") return ngrams::Boundary::cross;
    if (name == "documents") return ngrams::Boundary::documents;
    if (name == "eos") return ngrams::Boundary::eos;
    if (name == "ignored") return ngrams::Boundary::ignored;
    throw Error(ErrorKind::value, "boundary= takes \"cross\", \"documents\", \"eos\" or \"ignored\", not \"" + name + "\"");
}

ngrams::Combine combine_argument(const std::string& name) {
    if (name == "add") return ngrams::Combine::add;
    if (name == "xor") return ngrams::Combine::exclusive_or;
    throw Error(ErrorKind::value, "combine= takes \"add\" or \"xor\", not \"" + name + "\"");
}

using TableTuple = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;

std::unique_ptr<ngrams::Plan> make_plan(std::uint32_t vocab_size, const py::object& canonical, std::uint32_t canonical_size,
                                        const std::string& combine, unsigned word_bits, std::vector<std::vector<std::uint64_t>> mixes,
                                        const std::vector<TableTuple>& tables, std::uint32_t missing, const std::string& boundary,
                                        std::uint32_t eos_id, std::vector<std::uint32_t> ignored,
                                        const std::optional<std::pair<std::uint32_t, std::uint64_t>>& first, const py::object& isa) {
    ngrams::Spec spec;
    spec.vocab_size = vocab_size;
    if (!canonical.is_none()) {
        for (const std::int64_t id : Ids(canonical.ptr()).to_int64())
            spec.canonical.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(id), ngrams::kIdLimit)));
        if (spec.canonical.empty()) throw Error(ErrorKind::value, "the canonical map is empty");
    }
    spec.canonical_size = canonical_size;
    spec.combine = combine_argument(combine);
    spec.word_bits = word_bits;
    spec.mixes = std::move(mixes);
    for (const auto& [mix, modulus, offset] : tables) spec.tables.push_back({mix, modulus, offset});
    spec.missing = missing;
    spec.boundary = boundary_argument(boundary);
    spec.eos_id = eos_id;
    spec.ignored = std::move(ignored);
    if (first) spec.first = ngrams::First{first->first, first->second};
    return std::make_unique<ngrams::Plan>(std::move(spec), isa.is_none() ? cpu::active() : cpu::by_name(string_argument(isa.ptr(), "isa")));
}

// The rows that a call writes: the caller's array, or one that is made for it. `array` has `tokens` x `tables` elements.
class RowsOut {
public:
    RowsOut(const py::object& out, std::size_t tokens, std::size_t tables, bool wide, bool table_major)
        : wide_(wide), table_major_(table_major), tokens_(tokens), tables_(tables) {
        if (tables != 0 && tokens > (std::size_t(1) << 46) / tables) throw std::bad_alloc();
        if (out.is_none()) {
            own_ = tokens::IdArray(wide ? tokens::IdType::int64 : tokens::IdType::int32);
            own_.reserve(tokens * tables);
            own_.set_size(tokens * tables);
            data_ = own_.data();
            return;
        }
        if (!py::isinstance<py::array>(out)) throw Error(ErrorKind::type, "out= is a NumPy array");
        py::array array = py::reinterpret_borrow<py::array>(out);
        const bool fits = static_cast<std::size_t>(array.size()) == tokens * tables && (array.flags() & py::array::c_style) != 0 &&
                          array.writeable() && array.dtype().kind() == 'i' && array.itemsize() == (wide ? 8 : 4);
        const bool flat = array.ndim() == 1;
        const bool shaped = array.ndim() == 2 && static_cast<std::size_t>(array.shape(0)) == (table_major ? tables : tokens);
        if (!fits || !(flat || shaped))
            throw Error(ErrorKind::value, std::string("out= is a contiguous, writeable array of ") + (wide ? "int64" : "int32") +
                                              " and of the shape " + shape_text());
        data_ = array.mutable_data();
        given_ = std::move(array);
    }

    ngrams::RowArray view() const noexcept { return {data_, wide_, table_major_ ? 1 : tables_, table_major_ ? tokens_ : 1}; }
    bool small() const noexcept { return tokens_ * tables_ <= kKeepLockRows; }

    py::object array() {
        if (given_) return std::move(given_);
        const auto first = static_cast<py::ssize_t>(table_major_ ? tables_ : tokens_);
        const auto second = static_cast<py::ssize_t>(table_major_ ? tokens_ : tables_);
        return py::array(to_numpy(std::move(own_))).reshape({first, second});
    }

private:
    std::string shape_text() const {
        return "[" + std::to_string(table_major_ ? tables_ : tokens_) + ", " + std::to_string(table_major_ ? tokens_ : tables_) + "]";
    }

    bool wide_;
    bool table_major_;
    std::size_t tokens_;
    std::size_t tables_;
    void* data_ = nullptr;
    tokens::IdArray own_;
    py::object given_;
};

[[noreturn]] void refuse_bound(const char* name, std::size_t index, std::int64_t value, std::size_t tokens) {
    throw Error(ErrorKind::value,
                std::string(name) + "[" + std::to_string(index) + "] = " + std::to_string(value) + " runs backwards or is beyond the " +
                    std::to_string(tokens) + " ids",
                static_cast<std::int64_t>(index));
}

// The documents of a call: none given is one; else their offsets, or begins and ends one after the other.
std::vector<ngrams::Document> documents_argument(const py::object& offsets, bool spans, std::size_t tokens) {
    if (offsets.is_none()) return {{0, tokens}};
    const std::vector<std::int64_t> bounds = Ids(offsets.ptr()).to_int64();
    const char* const name = spans ? "bounds" : "offsets";
    std::int64_t before = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        if (bounds[i] < before || bounds[i] > static_cast<std::int64_t>(tokens)) refuse_bound(name, i, bounds[i], tokens);
        before = bounds[i];
    }
    std::vector<ngrams::Document> documents;
    const auto add = [&](std::int64_t begin, std::int64_t end) {
        if (begin < end) documents.push_back({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end)});
    };
    if (spans) {
        for (std::size_t i = 0; i + 1 < bounds.size(); i += 2) add(bounds[i], bounds[i + 1]);
        return documents;
    }
    if (bounds.empty()) throw Error(ErrorKind::value, "offsets has one element more than there are documents; it is empty");
    if (bounds.front() != 0) throw Error(ErrorKind::value, "offsets[0] is 0, not " + std::to_string(bounds.front()), 0);
    if (bounds.back() != static_cast<std::int64_t>(tokens))
        throw Error(ErrorKind::value,
                    "the last of offsets is the number of ids, " + std::to_string(tokens) + ", not " + std::to_string(bounds.back()),
                    static_cast<std::int64_t>(bounds.size() - 1));
    documents.reserve(bounds.size() - 1);
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) add(bounds[i], bounds[i + 1]);
    return documents;
}

py::object plan_rows(const ngrams::Plan& plan, const py::object& ids_object, const py::object& offsets, bool spans, const py::object& out,
                     bool wide, bool table_major, bool with_offsets, const py::object& threads) {
    const NgramIds ids(ids_object.ptr());
    const std::size_t tokens = ids.view().count;
    std::vector<ngrams::Document> documents = documents_argument(offsets, spans, tokens);
    if (!spans && plan.spec().boundary == ngrams::Boundary::cross) documents = {{0, tokens}};
    if (!wide) ngrams::check_int32(plan, with_offsets);
    RowsOut rows(out, tokens, plan.table_count(), wide, table_major);
    if (rows.small()) {
        Cancel never;
        ngrams::write_rows(plan, ids.view(), documents, rows.view(), with_offsets, 1, never);
    } else {
        const std::size_t thread_count = threads_argument(threads.ptr());
        WithoutInterpreterLock unlocked;
        ngrams::write_rows(plan, ids.view(), documents, rows.view(), with_offsets, thread_count, unlocked.cancel());
    }
    return rows.array();
}

class PyNgramState {
public:
    PyNgramState(py::object plan, std::size_t sequences, std::size_t max_rewind, bool wide, bool table_major, bool add_table_offsets)
        : plan_object_(std::move(plan)),
          plan_(plan_object_.cast<const ngrams::Plan&>()),
          state_(plan_, sequences, max_rewind),
          wide_(wide),
          table_major_(table_major),
          with_offsets_(add_table_offsets) {
        if (!wide) ngrams::check_int32(plan_, with_offsets_);
    }

    py::object step(const py::object& ids_object, const py::object& out) {
        const NgramIds ids(ids_object.ptr());
        const Lock lock(mutex_);
        if (ids.view().count != state_.sequences())
            throw Error(ErrorKind::value, "step() takes one id a sequence: " + std::to_string(state_.sequences()) + ", not " +
                                              std::to_string(ids.view().count));
        RowsOut rows(out, ids.view().count, plan_.table_count(), wide_, table_major_);
        state_.step(ids.view(), rows.view(), with_offsets_);
        return rows.array();
    }

    py::object extend(std::size_t sequence, const py::object& ids_object, const py::object& out, const py::object& threads) {
        const NgramIds ids(ids_object.ptr());
        const Lock lock(mutex_);
        check(sequence);
        RowsOut rows(out, ids.view().count, plan_.table_count(), wide_, table_major_);
        if (rows.small()) {
            Cancel never;
            state_.extend(sequence, ids.view(), rows.view(), with_offsets_, 1, never);
        } else {
            const std::size_t thread_count = threads_argument(threads.ptr());
            WithoutInterpreterLock unlocked;
            state_.extend(sequence, ids.view(), rows.view(), with_offsets_, thread_count, unlocked.cancel());
        }
        return rows.array();
    }

    void rewind(const py::object& counts) {
        const Lock lock(mutex_);
        const std::vector<std::size_t> each = rewind_argument(counts.ptr(), "tokens", state_.sequences());
        state_.rewind(std::vector<std::uint64_t>(each.begin(), each.end()));
    }
    void reorder(const std::vector<std::size_t>& sources) {
        const Lock lock(mutex_);
        for (const std::size_t source : sources) check(source);
        state_.reorder(sources);
    }
    std::size_t fork(std::size_t sequence) {
        const Lock lock(mutex_);
        check(sequence);
        std::vector<std::size_t> sources(state_.sequences());
        for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = i;
        sources.push_back(sequence);
        state_.reorder(sources);
        return state_.sequences() - 1;
    }
    void add(std::size_t count) {
        const Lock lock(mutex_);
        state_.add(count);
    }
    void drop(const std::vector<std::size_t>& sequences) {
        const Lock lock(mutex_);
        for (const std::size_t sequence : sequences) check(sequence);
        state_.drop(sequences);
    }
    std::size_t sequences() const { return state_.sequences(); }

private:
    // Waits without the interpreter lock, which the holder of the mutex may want to take back.
    class Lock {
    public:
        explicit Lock(std::mutex& mutex) : lock_(mutex, std::try_to_lock) {
            if (lock_.owns_lock()) return;
            const py::gil_scoped_release unlocked;
            lock_.lock();
        }

    private:
        std::unique_lock<std::mutex> lock_;
    };

    void check(std::size_t sequence) const {
        if (sequence >= state_.sequences())
            throw Error(ErrorKind::value,
                        "there is no sequence " + std::to_string(sequence) + "; there are " + std::to_string(state_.sequences()));
    }

    py::object plan_object_;
    const ngrams::Plan& plan_;
    ngrams::State state_;
    bool wide_;
    bool table_major_;
    bool with_offsets_;
    std::mutex mutex_;
};

}  // namespace

void bind_ngrams(py::module_& module) {
    py::class_<ngrams::Plan>(module, "NgramPlan", "How ids become n-gram rows; tokmill.ngrams.Plan holds one.")
        .def(py::init(&make_plan), py::kw_only(), py::arg("vocab_size"), py::arg("canonical"), py::arg("canonical_size"),
             py::arg("combine"), py::arg("word_bits"), py::arg("mixes"), py::arg("tables"), py::arg("missing"), py::arg("boundary"),
             py::arg("eos_id"), py::arg("ignored"), py::arg("first"), py::arg("isa"))
        .def("rows", &plan_rows, py::arg("ids"), py::arg("offsets"), py::arg("spans"), py::arg("out"), py::arg("wide"),
             py::arg("table_major"), py::arg("with_offsets"), py::arg("threads"), "The rows of every token.")
        .def_property_readonly("isa", [](const ngrams::Plan& plan) { return std::string(cpu::name(plan.isa())); })
        .def_property_readonly("proved", &ngrams::Plan::proved, "Whether the fast remainder was proved for all its tables.");

    py::class_<PyNgramState>(module, "NgramState", "N-gram rows of sequences that grow token by token; made by Plan.state().")
        .def(py::init<py::object, std::size_t, std::size_t, bool, bool, bool>(), py::arg("plan"), py::arg("sequences"),
             py::arg("max_rewind"), py::arg("wide"), py::arg("table_major"), py::arg("add_table_offsets"))
        .def("step", &PyNgramState::step, py::arg("ids"), py::arg("out") = py::none(),
             "One id a sequence, negative for none; the rows of each, [sequences, tables].")
        .def("extend", &PyNgramState::extend, py::arg("sequence"), py::arg("ids"), py::arg("out") = py::none(),
             py::arg("threads") = py::none(), "Several ids of one sequence; their rows, [ids, tables].")
        .def("rewind", &PyNgramState::rewind, py::arg("tokens"),
             "Takes back the last tokens: as many of each sequence, or one number each.")
        .def("reorder", &PyNgramState::reorder, py::arg("sources"), "Sequence i becomes a copy of old sequence sources[i].")
        .def("fork", &PyNgramState::fork, py::arg("sequence"), "Adds a copy of a sequence; its number.")
        .def("add", &PyNgramState::add, py::arg("count") = 1, "Adds fresh sequences.")
        .def("drop", &PyNgramState::drop, py::arg("sequences"), "Removes sequences; those behind move up.")
        .def_property_readonly("sequences", &PyNgramState::sequences, "How many sequences there are.");
}

}  // namespace tokmill::bindings
