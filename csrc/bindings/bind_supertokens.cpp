// Phrases, and what is done by them: learn, condense, expand; chains of them and hypertokens. Names, defaults and the result's class live
// in Python (tokmill/condensed/).
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>

#include "bindings/hypertoken_sequences.hpp"

namespace tokmill::bindings {

namespace {

std::vector<std::int32_t> int32_vector(const py::object& object) {
    const Int32Ids ids(object.ptr());
    return {ids.view().begin(), ids.view().end()};
}

std::unique_ptr<condensed::Phrases> make_phrases(std::uint32_t vocab_size, const py::object& lefts, const py::object& rights) {
    return std::make_unique<condensed::Phrases>(vocab_size, int32_vector(lefts), int32_vector(rights));
}

std::vector<std::int64_t> barriers_argument(const py::object& object, std::size_t size) {
    return object.is_none() ? std::vector<std::int64_t>() : rising(object, "barriers", size);
}

condensed::MatchOrder order_of(bool in_merge_order) noexcept {
    return in_merge_order ? condensed::MatchOrder::merge : condensed::MatchOrder::longest;
}

py::tuple condense(const condensed::Phrases& phrases, const py::object& ids_object, const py::object& offsets_object,
                   const py::object& barriers_object, bool in_merge_order, const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::vector<std::int64_t> barriers = barriers_argument(barriers_object, ids.view().size());
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::Condensed out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::condense(phrases, ids.view(), offsets, barriers, order_of(in_merge_order), thread_count, unlocked.cancel());
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
                        std::int32_t vocab_size, std::size_t most_phrases, std::uint32_t max_length, std::uint32_t max_words,
                        std::int64_t min_count, bool by_length, const py::object& alone,
                        const py::array_t<std::uint8_t, py::array::c_style>& words, const py::object& progress) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    const std::vector<std::int64_t> barriers = barriers_argument(barriers_object, ids.view().size());
    const Int32Ids alone_ids(alone.ptr());
    condensed::LearningOptions options;
    options.vocab_size = vocab_size;
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

using LongestWriters = condensed::WriterSequences<condensed::LongestWriter>;

class SupertokenSequences : public IdSequences<LongestWriters> {
public:
    SupertokenSequences(const py::object& phrases, std::size_t sequences, std::size_t max_rewind)
        : IdSequences(phrases, std::make_unique<LongestWriters>(phrases.cast<const condensed::Phrases&>(), sequences, max_rewind)) {}
};

using PyEncoder = IdEncoder<SupertokenSequences>;

template <class Machine>
using ChainWriters = condensed::WriterSequences<condensed::ChainWriter<Machine>>;
template <class Machine>
using ChainReaders = condensed::ReaderSequences<condensed::ChainReader<Machine>>;

using PyChainEncoder = IdEncoder<HypertokenSequences<ChainWriters<condensed::Zip2zipWriter>, ChainWriters<condensed::LruWriter>>>;
using PyChainDecoder = HypertokenDecoder<ChainReaders<condensed::Zip2zipReader>, ChainReaders<condensed::LruReader>>;

void bind_chain(py::module_& module) {
    module.def(
        "chain_condenser",
        [](const condensed::Condenser& first, const condensed::Condenser& second) -> std::unique_ptr<condensed::Condenser> {
            return std::make_unique<condensed::ChainCondenser>(first, second);
        },
        py::arg("first"), py::arg("second"), py::keep_alive<0, 1>(), py::keep_alive<0, 2>(), "One stage behind the other.");
    py::class_<condensed::ChainRules>(module, "ChainRules", "What writer and reader of a chain agree on.")
        .def(py::init<const condensed::Phrases&, const condensed::HypertokenRules&>(), py::arg("first"), py::arg("second"),
             py::keep_alive<1, 2>(), py::keep_alive<1, 3>());

    py::class_<PyChainEncoder> encoder(
        module, "ChainEncoder",
        "Condensed ids of sequences that grow id by id; made by Chain.state().\n\n"
        "step(ids, out=None): one base id a sequence, negative for none; int32 [sequences, longest phrase + 1]:\n"
        "what came out, then -1. extend(sequence, ids): several of one sequence; int32 [ids].\n"
        "finish(sequence=0): the end of a document; what was held back, int32 [ids]. Raises UnknownIdError,\n"
        "and has changed nothing then. Books hold phrases of the first stage's ids.");
    encoder.def(py::init<py::object, std::size_t, std::size_t>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"));
    bind_protocol(encoder);
    bind_pending(encoder);
    bind_books(encoder);

    py::class_<PyChainDecoder> decoder(
        module, "ChainDecoder",
        "Base ids of sequences whose condensed ids come one by one; made by Chain.decoder().\n\n"
        "step(ids, out=None): one id a sequence, negative for none; int32 [sequences, longest phrase of both]:\n"
        "its base ids, then -1; nothing has changed if it raises UnknownIdError. extend(sequence, ids): several\n"
        "of one sequence; int32 [base ids]; the ids before one that raises have been read.\n"
        "finish(sequence=0): the next id begins a document. Books hold phrases of the first stage's ids.");
    decoder.def(py::init<py::object, std::size_t, std::size_t, bool>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"),
                py::arg("strict"));
    bind_protocol(decoder);
    bind_books(decoder);
    bind_last_rows(decoder);
}

}  // namespace

void bind_supertokens(py::module_& module) {
    py::class_<condensed::Phrases>(module, "Phrases", "Phrases of base ids, each joined out of two ids that come before it.")
        .def(py::init(&make_phrases), py::arg("vocab_size"), py::arg("lefts"), py::arg("rights"))
        .def("condense", &condense, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::arg("in_merge_order"), py::arg("threads"),
             "Base ids to (ids, base counts, offsets).")
        .def("expand", &expand, py::arg("ids"), py::arg("offsets"), py::arg("threads"), "Condensed ids to (base ids, offsets).")
        .def("spelled", &spelled, "All phrases: (base ids, offsets).");
    module.def(
        "supertoken_condenser",
        [](const condensed::Phrases& phrases, bool in_merge_order) -> std::unique_ptr<condensed::Condenser> {
            return std::make_unique<condensed::SupertokenCondenser>(phrases, order_of(in_merge_order));
        },
        py::arg("phrases"), py::arg("in_merge_order"), py::keep_alive<0, 1>(), "Supertokens as a stage.");
    py::class_<PyEncoder> encoder(module, "SupertokenEncoder",
                                  "Supertokens of sequences that grow id by id; made by Supertokens.state().\n\n"
                                  "step(ids, out=None): one base id a sequence, negative for none; int32 [sequences, longest phrase]:\n"
                                  "what came out, then -1. extend(sequence, ids): several of one sequence; int32 [ids].\n"
                                  "finish(sequence=0): the end of a document; what was held back, int32 [ids]. Raises UnknownIdError,\n"
                                  "and has changed nothing then.");
    encoder.def(py::init<py::object, std::size_t, std::size_t>(), py::arg("phrases"), py::arg("sequences"), py::arg("max_rewind"));
    bind_protocol(encoder);
    bind_pending(encoder);
    module.def("learn_phrases", &learn_phrases, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::kw_only(),
               py::arg("vocab_size"), py::arg("most_phrases"), py::arg("max_length"), py::arg("max_words"), py::arg("min_count"),
               py::arg("by_length"), py::arg("alone"), py::arg("words"), py::arg("progress"),
               "The phrases of documents: (left parts, right parts, counts).");
    bind_chain(module);
}

}  // namespace tokmill::bindings
