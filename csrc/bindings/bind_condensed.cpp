// HypertokenRules and what is done by them: condense, expand, the book of a stream. Names, defaults and the result's class live in
// Python (tokmill/condensed/).
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "bindings/hypertoken_sequences.hpp"

namespace tokmill::bindings {

namespace {

condensed::Profile profile_argument(const std::string& name) {
    if (name == "zip2zip") return condensed::Profile::zip2zip;
    if (name == "lru") return condensed::Profile::lru;
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

// Documents whose ids come in pieces, for streams of text. Not for use by two threads at once: the pipeline keeps it to itself.
class PyPiecewiseCondenser {
public:
    explicit PyPiecewiseCondenser(py::object condenser)
        : condenser_(std::move(condenser)), pieces_(condenser_.cast<const condensed::Condenser&>().pieces(0)) {}

    py::tuple take(const py::object& ids_object) {
        const Int32Ids ids(ids_object.ptr());
        condensed::Condensed out;
        {
            WithoutInterpreterLock unlocked;
            pieces_->take(ids.view(), 0, out, unlocked.cancel());
        }
        return arrays(out);
    }
    py::tuple end_document() {
        condensed::Condensed out;
        {
            WithoutInterpreterLock unlocked;
            pieces_->end_document(out, unlocked.cancel());
        }
        return arrays(out);
    }

private:
    static py::tuple arrays(condensed::Condensed& out) {
        return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(std::move(out.base_counts)));
    }

    py::object condenser_;
    std::unique_ptr<condensed::PiecewiseCondenser> pieces_;
};

using PyEncoder =
    IdEncoder<HypertokenSequences<condensed::WriterSequences<condensed::Zip2zipWriter>, condensed::WriterSequences<condensed::LruWriter>>>;
using PyDecoder = HypertokenDecoder<condensed::ReaderSequences<condensed::Zip2zipReader>, condensed::ReaderSequences<condensed::LruReader>>;

// The book of one document: of base ids the writer's (one entry ahead of a reader's), of condensed ids a reader's.
py::tuple book_of(const condensed::HypertokenRules& rules, const py::object& ids_object, bool condensed_ids, bool strict) {
    const Int32Ids ids(ids_object.ptr());
    const auto read = [&]<class Reader>(Reader reader) {
        std::vector<std::int32_t> out(static_cast<std::size_t>(rules.max_subtokens()));
        const condensed::Reading reading = strict ? condensed::Reading::strict : condensed::Reading::lenient;
        for (std::size_t i = 0; i < ids.view().size(); ++i) reader.read(ids.view()[i], reading, static_cast<std::int64_t>(i), out.data());
        return book_arrays(reader.book(), rules.max_subtokens());
    };
    const auto write = [&]<class Writer>(Writer writer) {
        std::vector<std::int32_t> out(ids.view().size()), counts(ids.view().size());
        condensed::CondensedSink sink{out.data(), counts.data(), nullptr, 0};
        writer.take(ids.view().data(), ids.view().size(), 0, sink);
        writer.cut(sink);
        return book_arrays(writer.book(), rules.max_subtokens());
    };
    if (rules.profile() == condensed::Profile::lru)
        return condensed_ids ? read(condensed::LruReader(rules)) : write(condensed::LruWriter(rules));
    return condensed_ids ? read(condensed::Zip2zipReader(rules)) : write(condensed::Zip2zipWriter(rules));
}

py::object shaped(tokens::IdArray&& array, std::size_t rows, std::size_t columns) {
    return py::array(to_numpy(std::move(array))).reshape({static_cast<py::ssize_t>(rows), static_cast<py::ssize_t>(columns)});
}

py::tuple pack(const condensed::HypertokenRules& rules, const py::object& ids_object, const py::object& offsets_object,
               std::size_t row_length, const py::object& start, const py::object& most_rows, bool fill_last, std::int32_t filling) {
    constexpr std::size_t kMaxRowLength = std::size_t(1) << 26;
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    condensed::PackOptions options;
    options.row_length = row_length;
    if (row_length < 1 || row_length > kMaxRowLength)
        throw Error(ErrorKind::value, "seq_len is from 1 to 67,108,864, not " + std::to_string(row_length));
    options.start = static_cast<std::int64_t>(size_argument(start.ptr(), "start", 0));
    if (options.start > static_cast<std::int64_t>(ids.view().size()))
        throw Error(ErrorKind::value,
                    "start=" + std::to_string(options.start) + " is beyond the " + std::to_string(ids.view().size()) + " ids");
    if (!most_rows.is_none()) options.most_rows = size_argument(most_rows.ptr(), "rows", 0);
    options.fill_last = fill_last;
    options.filling = filling;
    condensed::PackedRows out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::pack(rules, ids.view(), offsets, options, unlocked.cancel());
    }
    const std::size_t rows = out.used_counts.size();
    return py::make_tuple(shaped(std::move(out.ids), rows, row_length), shaped(std::move(out.dense_ids), rows, row_length),
                          shaped(std::move(out.base_counts), rows, row_length), shaped(std::move(out.installed), rows, row_length),
                          py::array_t<std::int64_t>(static_cast<py::ssize_t>(out.row_starts.size()), out.row_starts.data()),
                          to_array(out.used_counts), to_array(out.phrases).attr("reshape")(-1, rules.max_subtokens()),
                          py::array_t<std::uint8_t>(static_cast<py::ssize_t>(out.phrase_lengths.size()), out.phrase_lengths.data()));
}

py::list ppm_bits(const py::object& ids_object, const py::object& offsets_object, std::int32_t alphabet) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    std::array<double, condensed::kPpmOrders> bits{};
    {
        WithoutInterpreterLock unlocked;
        bits = condensed::ppm_bits(ids.view(), offsets, alphabet, unlocked.cancel());
    }
    py::list by_order;
    for (const double one : bits) by_order.append(one);
    return by_order;
}

py::array_t<std::int32_t> digit_ids(const py::object& tokenizer) {
    return to_array(condensed::digit_ids(tokenizer_of(tokenizer.ptr()).vocabulary()));
}

}  // namespace

void bind_condensed(py::module_& module) {
    py::class_<condensed::HypertokenRules>(module, "HypertokenRules", "What writer and reader of hypertokens agree on.")
        .def(py::init(&make_rules), py::kw_only(), py::arg("profile"), py::arg("vocab_size"), py::arg("book_size"),
             py::arg("max_subtokens"), py::arg("disabled"), py::arg("seed"), py::arg("seed_offsets"))
        .def("condense", &condense, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::arg("carry"), py::arg("installed"),
             py::arg("threads"), "Base ids to (ids, base counts, offsets, installed or None).")
        .def("expand", &expand, py::arg("ids"), py::arg("offsets"), py::arg("strict"), py::arg("carry"), py::arg("threads"),
             "Condensed ids to (base ids, offsets).")
        .def("pack", &pack, py::arg("ids"), py::arg("offsets"), py::arg("row_length"), py::arg("start"), py::arg("most_rows"),
             py::arg("fill_last"), py::arg("filling"), "Rows for a trainer; see Hypertokens.pack().")
        .def("book", &book_of, py::arg("ids"), py::arg("condensed"), py::arg("strict"), "The book that a document makes.");
    module.def("ppm_bits", &ppm_bits, py::arg("ids"), py::arg("offsets"), py::arg("alphabet"),
               "Bits that adaptive PPM of orders 0 to 3 spends on documents of ids.");
    module.def("digit_ids", &digit_ids, py::arg("tokenizer"), "The ids of all tokens with a character of Unicode's category N.");

    py::class_<condensed::Condenser>(module, "Condenser", "A stage of a pipeline that makes fewer ids.");
    module.def(
        "hypertoken_condenser",
        [](const condensed::HypertokenRules& rules) -> std::unique_ptr<condensed::Condenser> {
            return std::make_unique<condensed::HypertokenCondenser>(rules);
        },
        py::arg("rules"), py::keep_alive<0, 1>(), "Hypertokens as a stage.");
    py::class_<PyPiecewiseCondenser>(module, "PiecewiseCondenser", "Documents whose base ids come in pieces.")
        .def(py::init<py::object>(), py::arg("condenser"))
        .def("take", &PyPiecewiseCondenser::take, py::arg("ids"), "What the next base ids make: (ids, base counts); some may be held back.")
        .def("end_document", &PyPiecewiseCondenser::end_document, "What was held back: (ids, base counts).");

    py::class_<PyEncoder> encoder(module, "HypertokenEncoder",
                                  "Condensed ids of sequences that grow id by id; made by Hypertokens.state().\n\n"
                                  "step(ids, out=None): one base id a sequence, negative for none; int32 [sequences, 2]: what came out,\n"
                                  "then -1. extend(sequence, ids): several of one sequence; int32 [ids]. finish(sequence=0): the end of\n"
                                  "a document; what was held back, int32 [0 or 1]. Raises UnknownIdError, and has changed nothing then.");
    encoder.def(py::init<py::object, std::size_t, std::size_t>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"));
    bind_protocol(encoder);
    bind_pending(encoder);
    bind_books(encoder);

    py::class_<PyDecoder> decoder(module, "HypertokenDecoder",
                                  "Base ids of sequences whose condensed ids come one by one; made by Hypertokens.decoder().\n\n"
                                  "step(ids, out=None): one id a sequence, negative for none; int32 [sequences, max_subtokens]: its base\n"
                                  "ids, then -1; nothing has changed if it raises UnknownIdError. extend(sequence, ids): several of one\n"
                                  "sequence; int32 [base ids]; the ids before one that raises have been read. finish(sequence=0): the\n"
                                  "next id begins a document.");
    decoder.def(py::init<py::object, std::size_t, std::size_t, bool>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"),
                py::arg("strict"));
    bind_protocol(decoder);
    bind_books(decoder);
    bind_last_rows(decoder);
}

}  // namespace tokmill::bindings
