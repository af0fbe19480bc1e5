// Phrases, and what is done by them: learn, condense, expand. Names, defaults and the result's class live in Python
// (tokmill/condensed/).
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>

#include "bindings/python.hpp"
#include "condensed/condensed.hpp"

namespace tokmill::bindings {

namespace {

std::vector<std::int32_t> int32_vector(const py::object& object) {
    const Int32Ids ids(object.ptr());
    return {ids.view().begin(), ids.view().end()};
}

std::unique_ptr<condensed::Phrases> make_phrases(std::uint32_t base_end, const py::object& lefts, const py::object& rights) {
    return std::make_unique<condensed::Phrases>(base_end, int32_vector(lefts), int32_vector(rights));
}

std::vector<std::int64_t> barriers_argument(const py::object& object, std::size_t size) {
    return object.is_none() ? std::vector<std::int64_t>() : rising(object, "barriers", size);
}

py::tuple condense(const condensed::Phrases& phrases, const py::object& ids_object, const py::object& offsets_object,
                   const py::object& barriers_object, bool in_merge_order, const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::vector<std::int64_t> barriers = barriers_argument(barriers_object, ids.view().size());
    const auto order = in_merge_order ? condensed::MatchOrder::merge : condensed::MatchOrder::longest;
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::Condensed out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::condense(phrases, ids.view(), offsets, barriers, order, thread_count, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(std::move(out.base_counts)), to_numpy(out.ends, true));
}

py::tuple expand(const condensed::Phrases& phrases, const py::object& ids_object, const py::object& offsets_object,
                 const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::Expanded out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::expand(phrases, ids.view(), offsets, thread_count, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(out.ends, true));
}

// All phrases, one after the other: (base ids, offsets).
py::tuple spelled(const condensed::Phrases& phrases) {
    std::vector<std::int32_t> ids;
    std::vector<std::int64_t> offsets{0};
    for (std::size_t row = 0; row < phrases.count(); ++row) {
        const auto phrase = phrases.phrase(row);
        ids.insert(ids.end(), phrase.begin(), phrase.end());
        offsets.push_back(static_cast<std::int64_t>(ids.size()));
    }
    return py::make_tuple(to_array(ids), to_array(offsets));
}

py::tuple learn_phrases(const py::object& ids_object, const py::object& offsets_object, const py::object& barriers_object,
                        std::int32_t base_end, std::size_t most_phrases, std::uint32_t max_length, std::uint32_t max_words,
                        std::int64_t min_count, bool by_length, const py::object& alone,
                        const py::array_t<std::uint8_t, py::array::c_style>& words, const py::object& progress) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::vector<std::int64_t> barriers = barriers_argument(barriers_object, ids.view().size());
    const Int32Ids alone_ids(alone.ptr());
    condensed::LearningOptions options;
    options.base_end = base_end;
    options.most_phrases = most_phrases;
    options.max_length = max_length;
    options.max_words = max_words;
    options.min_count = min_count;
    options.objective = by_length ? training::Objective::length : training::Objective::count;
    options.alone = alone_ids.view();
    options.words = {words.data(), static_cast<std::size_t>(words.size())};
    condensed::LearntPhrases learnt;
    {
        WithoutInterpreterLock unlocked;
        learnt = condensed::learn_phrases(ids.view(), offsets, barriers, options, report_to(progress), unlocked.cancel());
    }
    return py::make_tuple(to_array(learnt.lefts), to_array(learnt.rights), to_array(learnt.counts));
}

}  // namespace

void bind_supertokens(py::module_& module) {
    py::class_<condensed::Phrases>(module, "Phrases", "Phrases of base ids, each joined out of two ids that come before it.")
        .def(py::init(&make_phrases), py::arg("base_end"), py::arg("lefts"), py::arg("rights"))
        .def("condense", &condense, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::arg("in_merge_order"), py::arg("threads"),
             "Base ids to (ids, base counts, offsets).")
        .def("expand", &expand, py::arg("ids"), py::arg("offsets"), py::arg("threads"), "Condensed ids to (base ids, offsets).")
        .def("spelled", &spelled, "All phrases: (base ids, offsets).");
    module.def("learn_phrases", &learn_phrases, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::kw_only(), py::arg("base_end"),
               py::arg("most_phrases"), py::arg("max_length"), py::arg("max_words"), py::arg("min_count"), py::arg("by_length"),
               py::arg("alone"), py::arg("words"), py::arg("progress"), "The phrases of documents: (left parts, right parts, counts).");
}

}  // namespace tokmill::bindings
