// HypertokenRules and what is done by them: condense, expand, the book of a stream. Names, defaults and the result's class live in
// Python (tokmill/condensed/).
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "bindings/python.hpp"
#include "condensed/condensed.hpp"

namespace tokmill::bindings {

namespace {

// Ids of any integer type as int32, without a copy if they are; what does not fit is outside of every vocabulary.
class Int32Ids {
public:
    explicit Int32Ids(PyObject* object) : ids_(object) {
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
    std::span<const std::int32_t> view() const noexcept { return view_; }

private:
    Ids ids_;
    std::vector<std::int32_t> copy_;
    std::span<const std::int32_t> view_;
};

[[noreturn]] void refuse_place(const char* name, std::size_t index, std::int64_t value, const std::string& what) {
    throw Error(ErrorKind::value, std::string(name) + "[" + std::to_string(index) + "] = " + std::to_string(value) + " " + what,
                static_cast<std::int64_t>(index));
}

// Places in a stream of `size` ids that never run backwards.
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

condensed::Profile profile_argument(const std::string& name) {
    if (name == "zip2zip") return condensed::Profile::zip2zip;
    throw Error(ErrorKind::value, "profile= takes \"zip2zip\" or \"lru\", not \"" + name + "\"");
}

std::unique_ptr<condensed::HypertokenRules> make_rules(const std::string& profile, std::uint32_t vocab_size, std::uint32_t book_size,
                                                       std::uint32_t max_subtokens, const py::object& disabled, const py::object& seed,
                                                       const py::object& seed_offsets) {
    condensed::HypertokenRules::Spec spec;
    spec.profile = profile_argument(profile);
    spec.vocab_size = vocab_size;
    spec.book_size = book_size;
    spec.max_subtokens = max_subtokens;
    const Int32Ids disabled_ids(disabled.ptr());
    spec.disabled.assign(disabled_ids.view().begin(), disabled_ids.view().end());
    const Int32Ids seed_ids(seed.ptr());
    spec.seed.assign(seed_ids.view().begin(), seed_ids.view().end());
    for (const std::int64_t offset : offsets_argument(seed_offsets, spec.seed.size()))
        spec.seed_offsets.push_back(static_cast<std::uint64_t>(offset));
    return std::make_unique<condensed::HypertokenRules>(std::move(spec));
}

py::tuple condense(const condensed::HypertokenRules& rules, const py::object& ids_object, const py::object& offsets_object,
                   const py::object& barriers_object, bool carry, bool installed, const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    std::vector<std::int64_t> barriers;
    if (!barriers_object.is_none()) barriers = rising(barriers_object, "barriers", ids.view().size());
    const condensed::CondenseOptions options{barriers, carry, installed};
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::Condensed out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::condense(rules, ids.view(), offsets, options, thread_count, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(std::move(out.base_counts)), to_numpy(out.ends, true),
                          installed ? to_numpy(std::move(out.installed)) : py::object(py::none()));
}

py::tuple expand(const condensed::HypertokenRules& rules, const py::object& ids_object, const py::object& offsets_object, bool strict,
                 bool carry, const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::Expanded out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::expand(rules, ids.view(), offsets, strict ? condensed::Reading::strict : condensed::Reading::lenient, carry,
                                thread_count, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(out.ends, true));
}

}  // namespace

void bind_condensed(py::module_& module) {
    py::class_<condensed::HypertokenRules>(module, "HypertokenRules", "What writer and reader of hypertokens agree on.")
        .def(py::init(&make_rules), py::kw_only(), py::arg("profile"), py::arg("vocab_size"), py::arg("book_size"),
             py::arg("max_subtokens"), py::arg("disabled"), py::arg("seed"), py::arg("seed_offsets"))
        .def("condense", &condense, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::arg("carry"), py::arg("installed"),
             py::arg("threads"), "Base ids to (ids, base counts, offsets, installed or None).")
        .def("expand", &expand, py::arg("ids"), py::arg("offsets"), py::arg("strict"), py::arg("carry"), py::arg("threads"),
             "Condensed ids to (base ids, offsets).");
}

}  // namespace tokmill::bindings
