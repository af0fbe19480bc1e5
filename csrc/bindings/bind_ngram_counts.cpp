// Counting of n-grams, frequent n-grams and distinct rows: what is done to whole arrays. Files, budgets and tables of figures are
// Python's.
#include <pybind11/stl.h>

#include <mutex>
#include <string>
#include <utility>

#include "base/sections.hpp"
#include "bindings/python.hpp"
#include "ngrams/ngrams.hpp"

namespace tokmill::bindings {

namespace {

using Int32Array = py::array_t<std::int32_t, py::array::c_style>;
using Int64Array = py::array_t<std::int64_t, py::array::c_style>;

// An array's content as it lies; pybind11 has made it contiguous.
template <class T, int Flags>
std::span<const T> view_of(const py::array_t<T, Flags>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

// A read-only array on memory that `owner` keeps.
template <class T>
py::array array_on(const T* data, std::size_t size, py::handle owner) {
    py::array_t<T> array(static_cast<py::ssize_t>(size), data, owner);
    array.attr("flags").attr("writeable") = false;
    return array;
}

// A NumPy array that takes the memory of a buffer over.
template <class T>
py::array take(Buffer<T>&& buffer, std::size_t size) {
    auto kept = std::make_unique<Buffer<T>>(std::move(buffer));
    T* const data = kept->data();
    py::capsule owner(kept.get(), [](void* p) { delete static_cast<Buffer<T>*>(p); });
    kept.release();
    return py::array_t<T>(static_cast<py::ssize_t>(size), data, owner);
}

class NgramCounter {
public:
    NgramCounter(const std::vector<std::size_t>& orders, std::uint32_t vocab_size, std::size_t memory, const std::string& directory,
                 bool cross_documents, const py::object& threads)
        : counter_({orders, vocab_size, memory, directory, cross_documents, threads_argument(threads.ptr())}) {}

    void add(const py::object& ids_object, const Int64Array& offsets, bool continued) {
        const Ids ids(ids_object.ptr());
        WithoutInterpreterLock unlocked;
        const std::lock_guard<std::mutex> one_at_a_time(mutex_);
        ids.visit([&](const auto* data, std::size_t size) {
            using Id = std::remove_cv_t<std::remove_pointer_t<decltype(data)>>;
            counter_.add<Id>({data, size}, view_of(offsets), continued, unlocked.cancel());
        });
    }

    py::list finish(std::uint64_t min_count) {
        std::vector<ngrams::OrderCounts> counts;
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::mutex> one_at_a_time(mutex_);
            counts = counter_.finish(min_count, unlocked.cancel());
        }
        py::list out;
        for (ngrams::OrderCounts& each : counts) out.append(py::cast(std::make_unique<ngrams::OrderCounts>(std::move(each))));
        return out;
    }

    std::uint64_t tokens() const { return counter_.tokens(); }
    py::dict statistics() const {
        const ngrams::SpillStatistics statistics = counter_.statistics();
        py::dict out;
        out["runs"] = statistics.runs;
        out["file_bytes"] = statistics.file_bytes;
        out["working_bytes"] = statistics.working_bytes;
        return out;
    }

private:
    ngrams::Counter counter_;
    std::mutex mutex_;
};

std::unique_ptr<ngrams::OrderCounts> counts_from(std::size_t order, unsigned id_bits,
                                                 const py::array_t<std::uint64_t, py::array::c_style>& keys, const py::array& counts,
                                                 std::uint64_t windows, std::uint64_t distinct, std::uint64_t seen_once) {
    if (order < 1 || order > ngrams::kMaxOrder || id_bits < 1 || id_bits > 24)
        throw Error(ErrorKind::snapshot, "n-gram counts of an order or a size of ids that cannot be: the file is damaged");
    const std::size_t words = ngrams::key_words(order, id_bits), size = static_cast<std::size_t>(counts.size());
    if (counts.itemsize() != 4 && counts.itemsize() != 8)
        throw Error(ErrorKind::snapshot, "counts are 32 or 64 bits wide: the file is damaged");
    if (static_cast<std::size_t>(keys.size()) != words * size)
        throw Error(ErrorKind::snapshot, "the file has keys and counts of different numbers: it is damaged");
    auto made =
        std::make_unique<ngrams::OrderCounts>(order, id_bits, size, counts.itemsize() == 8, ngrams::Storage::borrow(keys.data()),
                                              ngrams::Storage::borrow(counts.data()), ngrams::OrderTotals{windows, distinct, seen_once});
    const std::size_t disorder = made->first_disorder();
    if (disorder != size)
        throw Error(ErrorKind::snapshot,
                    "entry " + std::to_string(disorder) + " of order " + std::to_string(order) +
                        " is out of order or counts nothing: the file is damaged",
                    static_cast<std::int64_t>(disorder));
    return made;
}

Int32Array ngrams_at(const ngrams::OrderCounts& counts, const Int64Array& entries) {
    Int32Array out({entries.size(), static_cast<py::ssize_t>(counts.order())});
    auto* const ids = reinterpret_cast<std::uint32_t*>(out.mutable_data());
    for (py::ssize_t i = 0; i < entries.size(); ++i) {
        const std::int64_t entry = entries.data()[i];
        if (entry < 0 || static_cast<std::size_t>(entry) >= counts.size())
            throw Error(ErrorKind::value, "there is no entry " + std::to_string(entry) + " of " + std::to_string(counts.size()), i);
        counts.ids(static_cast<std::size_t>(entry), ids + static_cast<std::size_t>(i) * counts.order());
    }
    return out;
}

Int64Array find(const ngrams::OrderCounts& counts, const Int32Array& wanted) {
    if (wanted.ndim() != 2 || wanted.shape(1) != static_cast<py::ssize_t>(counts.order()))
        throw Error(ErrorKind::value, "n-grams of order " + std::to_string(counts.order()) + " are an array [n-grams, " +
                                          std::to_string(counts.order()) + "]");
    Int64Array out(wanted.shape(0));
    const auto* const ids = reinterpret_cast<const std::uint32_t*>(wanted.data());  // a negative id becomes one that is not there
    std::int64_t* const found = out.mutable_data();
    const auto count = static_cast<std::size_t>(wanted.shape(0));
    WithoutInterpreterLock unlocked;
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 4096 == 0) unlocked.cancel().poll();
        found[i] = static_cast<std::int64_t>(counts.find(ids + i * counts.order()));
    }
    return out;
}

std::unique_ptr<ngrams::FrequentNgrams> frequent_built(const Int32Array& ids, const Int64Array& offsets, std::uint32_t vocab_size) {
    WithoutInterpreterLock unlocked;
    return std::make_unique<ngrams::FrequentNgrams>(
        ngrams::FrequentNgrams::build(view_of(ids), view_of(offsets), vocab_size, unlocked.cancel()));
}

template <class T>
std::span<const T> records_of(const py::buffer_info& bytes, const char* name) {
    const auto size = static_cast<std::size_t>(bytes.size * bytes.itemsize);
    if (size % sizeof(T) != 0 || reinterpret_cast<std::uintptr_t>(bytes.ptr) % alignof(T) != 0)
        throw Error(ErrorKind::snapshot, std::string("frequent n-grams: section '") + name + "' is not a whole number of entries");
    return {static_cast<const T*>(bytes.ptr), size / sizeof(T)};
}

std::unique_ptr<ngrams::FrequentNgrams> frequent_borrowed(const py::buffer& starts, const py::buffer& edges, std::uint64_t row_count,
                                                          std::uint64_t node_count, std::uint64_t longest) {
    const py::buffer_info start_bytes = starts.request(), edge_bytes = edges.request();
    return std::make_unique<ngrams::FrequentNgrams>(ngrams::FrequentNgrams::borrow(records_of<ngrams::FrequentStart>(start_bytes, "starts"),
                                                                                   records_of<ngrams::FrequentEdge>(edge_bytes, "edges"),
                                                                                   row_count, node_count, longest));
}

py::tuple frequent_rows(const ngrams::FrequentNgrams& frequent, const py::object& ids_object, const Int64Array& offsets, bool token_rows,
                        const py::object& threads) {
    const Ids ids(ids_object.ptr());
    const std::size_t thread_count = threads_argument(threads.ptr());
    Int32Array rows(static_cast<py::ssize_t>(ids.size()));
    py::array_t<std::uint8_t> lengths(static_cast<py::ssize_t>(ids.size()));
    std::int32_t* const row_data = rows.mutable_data();
    std::uint8_t* const length_data = lengths.mutable_data();
    {
        WithoutInterpreterLock unlocked;
        ids.visit([&](const auto* data, std::size_t size) {
            using Id = std::remove_cv_t<std::remove_pointer_t<decltype(data)>>;
            frequent.rows<Id>({data, size}, view_of(offsets), token_rows, row_data, length_data, thread_count, unlocked.cancel());
        });
    }
    return py::make_tuple(rows, lengths);
}

template <class Row>
py::tuple unique_of(const py::array_t<Row, py::array::c_style>& rows, std::uint64_t row_end, const std::vector<std::int64_t>& bounds,
                    std::size_t modulo, const py::object& threads) {
    ngrams::ShardCut cut;
    cut.kind = modulo == 0 ? ngrams::ShardCut::Kind::bounds : ngrams::ShardCut::Kind::modulo;
    cut.row_end = row_end;
    cut.bounds = bounds;
    cut.shards = modulo == 0 ? bounds.size() - 1 : modulo;
    const std::size_t thread_count = threads_argument(threads.ptr());
    Int32Array inverse(rows.size());
    std::int32_t* const inverse_data = inverse.mutable_data();
    ngrams::UniqueRows<Row> unique;
    {
        WithoutInterpreterLock unlocked;
        unique = ngrams::unique_rows<Row>(view_of(rows), cut, inverse_data, thread_count, unlocked.cancel());
    }
    return py::make_tuple(take(std::move(unique.rows), unique.size), inverse, take(std::move(unique.counts), unique.size),
                          py::array_t<std::int64_t>(static_cast<py::ssize_t>(unique.shard_offsets.size()), unique.shard_offsets.data()));
}

py::tuple section_layout(const std::vector<std::pair<std::string, std::uint64_t>>& names_and_lengths) {
    const SectionLayout layout = lay_out_sections(names_and_lengths);
    return py::make_tuple(py::bytes(reinterpret_cast<const char*>(layout.table.data()), layout.table.size()), layout.offsets,
                          layout.file_bytes);
}

py::dict sections_of(const py::buffer& container) {
    const py::buffer_info bytes = container.request();
    const auto* const data = static_cast<const std::uint8_t*>(bytes.ptr);
    const SectionReader reader({data, static_cast<std::size_t>(bytes.size * bytes.itemsize)});
    py::dict out;
    for (const auto& [name, section] : reader.sections()) {
        const auto offset = static_cast<std::size_t>(section.data() - data);
        out[py::bytes(name)] = py::make_tuple(offset, offset + section.size());
    }
    return out;
}

}  // namespace

void bind_ngram_counts(py::module_& module) {
    py::class_<NgramCounter>(module, "CoreNgramCounter", "Counts n-grams of the documents that are added.")
        .def(py::init<const std::vector<std::size_t>&, std::uint32_t, std::size_t, const std::string&, bool, const py::object&>(),
             py::kw_only(), py::arg("orders"), py::arg("vocab_size"), py::arg("memory"), py::arg("directory"), py::arg("cross_documents"),
             py::arg("threads"))
        .def("add", &NgramCounter::add, py::arg("ids"), py::arg("offsets"), py::arg("continued"))
        .def("finish", &NgramCounter::finish, py::arg("min_count"))
        .def_property_readonly("tokens", &NgramCounter::tokens)
        .def_property_readonly("statistics", &NgramCounter::statistics)
        .def_static("least_memory_bytes", &ngrams::Counter::least_memory_bytes, py::arg("vocab_size"));

    using ngrams::OrderCounts;
    py::class_<OrderCounts>(module, "CoreNgramCounts", "The counts of one order: distinct n-grams in rising order.")
        .def(py::init(&counts_from), py::kw_only(), py::arg("order"), py::arg("id_bits"), py::arg("keys"), py::arg("counts"),
             py::arg("windows"), py::arg("distinct"), py::arg("seen_once"), py::keep_alive<1, 4>(), py::keep_alive<1, 5>())
        .def("ngrams_at", &ngrams_at, py::arg("entries"))
        .def("find", &find, py::arg("ngrams"))
        .def_property_readonly("keys",
                               [](const py::object& self) {
                                   const auto keys = self.cast<const OrderCounts&>().keys();
                                   return array_on(keys.data(), keys.size(), self);
                               })
        .def_property_readonly("counts",
                               [](const py::object& self) -> py::array {
                                   const auto& counts = self.cast<const OrderCounts&>();
                                   const std::uint8_t* const bytes = counts.count_bytes().data();
                                   if (counts.wide()) return array_on(reinterpret_cast<const std::uint64_t*>(bytes), counts.size(), self);
                                   return array_on(reinterpret_cast<const std::uint32_t*>(bytes), counts.size(), self);
                               })
        .def_property_readonly("order", &OrderCounts::order)
        .def_property_readonly("id_bits", &OrderCounts::id_bits)
        .def_property_readonly("size", &OrderCounts::size)
        .def_property_readonly("totals", [](const OrderCounts& counts) {
            return py::make_tuple(counts.totals().windows, counts.totals().distinct, counts.totals().seen_once);
        });

    using ngrams::FrequentNgrams;
    py::class_<FrequentNgrams>(module, "CoreFrequentNgrams", "A set of n-grams with a row each; finds the longest that ends at a position.")
        .def(py::init(&frequent_built), py::arg("ids"), py::arg("offsets"), py::arg("vocab_size"))
        .def(py::init(&frequent_borrowed), py::kw_only(), py::arg("starts"), py::arg("edges"), py::arg("row_count"), py::arg("node_count"),
             py::arg("longest"), py::keep_alive<1, 2>(), py::keep_alive<1, 3>())
        .def("rows", &frequent_rows, py::arg("ids"), py::arg("offsets"), py::kw_only(), py::arg("token_rows"), py::arg("threads"))
        .def_property_readonly("starts",
                               [](const py::object& self) {
                                   const auto starts = self.cast<const FrequentNgrams&>().starts();
                                   return array_on(reinterpret_cast<const std::uint32_t*>(starts.data()), 2 * starts.size(), self);
                               })
        .def_property_readonly("edges",
                               [](const py::object& self) {
                                   const auto edges = self.cast<const FrequentNgrams&>().edges();
                                   return array_on(reinterpret_cast<const std::uint32_t*>(edges.data()), 4 * edges.size(), self);
                               })
        .def_property_readonly("vocab_size", &FrequentNgrams::id_end)
        .def_property_readonly("row_count", &FrequentNgrams::row_count)
        .def_property_readonly("node_count", &FrequentNgrams::node_count)
        .def_property_readonly("longest", &FrequentNgrams::longest);

    module.def("_unique_rows", &unique_of<std::int32_t>, py::arg("rows").noconvert(), py::kw_only(), py::arg("row_end"), py::arg("bounds"),
               py::arg("modulo"), py::arg("threads"), "Distinct rows, inverse, counts, bounds of the shards.");
    module.def("_unique_rows", &unique_of<std::int64_t>, py::arg("rows").noconvert(), py::kw_only(), py::arg("row_end"), py::arg("bounds"),
               py::arg("modulo"), py::arg("threads"));
    module.def("_section_layout", &section_layout, py::arg("names_and_lengths"), "Table, offsets and length of a container of sections.");
    module.def("_sections", &sections_of, py::arg("container"), "Begin and end of each section of a container, by its name.");
}

}  // namespace tokmill::bindings
