// OpcodeRules and what is done by them: condense, expand, the flat view, packed bytes, sequences. Names, defaults and the classes of what
// comes out live in Python (tokmill/condensed/opcodes.py).
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "bindings/id_sequences.hpp"
#include "bindings/opcode_arrays.hpp"

namespace tokmill::bindings {

namespace {

using condensed::OpcodeRules;
using condensed::RecordsView;

std::unique_ptr<OpcodeRules> make_rules(std::uint32_t vocab_size, std::uint32_t window, std::uint32_t max_length, std::uint32_t slots,
                                        std::uint64_t reset_every, std::uint32_t least_copy, const std::array<std::uint32_t, 4>& costs,
                                        const py::object& phrases, const py::object& phrase_offsets) {
    OpcodeRules::Spec spec;
    spec.vocab_size = vocab_size;
    spec.window = window;
    spec.max_length = max_length;
    spec.slots = slots;
    spec.reset_every = reset_every;
    spec.least_copy = least_copy;
    spec.costs = {costs[0], costs[1], costs[2], costs[3]};
    const Int32Ids ids(phrases.ptr());
    spec.phrases.assign(ids.view().begin(), ids.view().end());
    for (const std::int64_t offset : offsets_argument(phrase_offsets, spec.phrases.size()))
        spec.phrase_offsets.push_back(static_cast<std::uint64_t>(offset));
    return std::make_unique<OpcodeRules>(std::move(spec));
}

// Records of the caller's: uint8 and int32 arrays.
class RecordsArgument {
public:
    RecordsArgument(const py::object& ops, const py::object& a, const py::object& b, const py::object& base_counts,
                    const py::object& literals)
        : ops_(py::array_t<std::uint8_t, py::array::c_style>::ensure(ops)),
          a_(a.ptr()),
          b_(b.ptr()),
          base_counts_(base_counts.ptr()),
          literals_(literals.ptr()) {
        if (!ops_ || ops_.ndim() != 1 || !py::isinstance<py::array_t<std::uint8_t>>(ops))
            throw Error(ErrorKind::type, "opcodes are a 1-D array of uint8");
        view_.ops = {ops_.data(), static_cast<std::size_t>(ops_.size())};
        view_.a = a_.view();
        view_.b = b_.view();
        view_.base_counts = base_counts_.view();
        view_.literals = literals_.view();
        for (const std::span<const std::int32_t> one : {view_.a, view_.b, view_.base_counts})
            if (one.size() != view_.ops.size())
                throw Error(ErrorKind::value, "a, b and base_counts have an element a record: " + std::to_string(view_.ops.size()) +
                                                  ", not " + std::to_string(one.size()));
    }
    const RecordsView& view() const noexcept { return view_; }

private:
    py::array_t<std::uint8_t, py::array::c_style> ops_;
    Int32Ids a_, b_, base_counts_, literals_;
    RecordsView view_;
};

py::tuple condense(const OpcodeRules& rules, const py::object& ids_object, const py::object& offsets_object,
                   const py::object& barriers_object, const py::object& spans_object, const py::object& tags_object,
                   const py::object& threads) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    std::vector<std::int64_t> barriers;
    if (!barriers_object.is_none()) barriers = rising(barriers_object, "barriers", ids.view().size());
    std::vector<condensed::DomainSpan> spans;
    if (!spans_object.is_none()) {
        const std::vector<std::int64_t> bounds = rising(spans_object, "spans", ids.view().size());
        const std::vector<std::int64_t> tags = Ids(tags_object.ptr()).to_int64();
        if (bounds.size() != 2 * tags.size()) throw Error(ErrorKind::value, "spans have a beginning, an end and a tag each");
        for (std::size_t i = 0; i < tags.size(); ++i)
            spans.push_back({bounds[2 * i], bounds[2 * i + 1], static_cast<std::int32_t>(tags[i])});
    }
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::OpcodeDocuments out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::condense(rules, ids.view(), offsets, {barriers, spans}, thread_count, unlocked.cancel());
    }
    return document_arrays(std::move(out));
}

py::tuple expand(const OpcodeRules& rules, const py::object& ops, const py::object& a, const py::object& b, const py::object& base_counts,
                 const py::object& literals, const py::object& offsets_object, const py::object& literal_offsets_object, bool fragments,
                 const py::object& threads) {
    const RecordsArgument records(ops, a, b, base_counts, literals);
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, records.view().ops.size());
    const std::vector<std::int64_t> literal_offsets = offsets_argument(literal_offsets_object, records.view().literals.size());
    if (literal_offsets.size() != offsets.size())
        throw Error(ErrorKind::value, "literal_offsets has as many elements as offsets, " + std::to_string(offsets.size()) + ", not " +
                                          std::to_string(literal_offsets.size()));
    const std::size_t thread_count = threads_argument(threads.ptr());
    condensed::ExpandedOpcodes out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::expand(rules, records.view(), offsets, literal_offsets,
                                fragments ? condensed::Stretch::fragments : condensed::Stretch::documents, thread_count, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(out.ends, true));
}

py::tuple to_flat(const OpcodeRules& rules, const py::object& ops, const py::object& a, const py::object& b, const py::object& base_counts,
                  const py::object& literals, const py::object& offsets_object) {
    const RecordsArgument records(ops, a, b, base_counts, literals);
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, records.view().ops.size());
    condensed::FlatIds out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::to_flat(rules, records.view(), offsets, unlocked.cancel());
    }
    return py::make_tuple(to_numpy(std::move(out.ids)), to_numpy(std::move(out.base_counts)), to_numpy(out.ends, true));
}

py::tuple from_flat(const OpcodeRules& rules, const py::object& ids_object, const py::object& offsets_object) {
    const Int32Ids ids(ids_object.ptr());
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, ids.view().size());
    condensed::OpcodeDocuments out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::from_flat(rules, ids.view(), offsets, unlocked.cancel());
    }
    return document_arrays(std::move(out));
}

py::tuple pack(const OpcodeRules& rules, const py::object& ops, const py::object& a, const py::object& b, const py::object& base_counts,
               const py::object& literals, const py::object& offsets_object) {
    const RecordsArgument records(ops, a, b, base_counts, literals);
    const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, records.view().ops.size());
    condensed::PackedOpcodes out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::pack(rules, records.view(), offsets, unlocked.cancel());
    }
    return py::make_tuple(to_bytes(out.bytes), to_array(out.ids_by_rank), to_array(out.byte_offsets), to_array(out.base_offsets),
                          to_array(out.document_offsets));
}

py::tuple unpack(const OpcodeRules& rules, const py::object& bytes_object, const py::object& byte_offsets_object,
                 const py::object& ids_by_rank) {
    const Text bytes(bytes_object.ptr());
    const Int32Ids ids(ids_by_rank.ptr());
    const documents::Document& document = bytes.document();
    if (bytes.is_str()) throw Error(ErrorKind::type, "packed records are bytes, not a str");
    const std::vector<std::int64_t> byte_offsets = rising(byte_offsets_object, "byte_offsets", document.byte_size());
    if (byte_offsets.empty()) throw Error(ErrorKind::value, "byte_offsets has one element more than there are blocks; it is empty");
    condensed::OpcodeDocuments out;
    {
        WithoutInterpreterLock unlocked;
        out = condensed::unpack(rules, {static_cast<const std::uint8_t*>(document.data), document.byte_size()}, byte_offsets, ids.view(),
                                unlocked.cancel());
    }
    return document_arrays(std::move(out));
}

class PyEncoder : public IdSequences<condensed::OpcodeWriterSequences> {
public:
    PyEncoder(const py::object& rules, std::size_t sequences, std::size_t max_rewind)
        : IdSequences(rules, std::make_unique<condensed::OpcodeWriterSequences>(rules.cast<const OpcodeRules&>(), sequences, max_rewind)) {}

    py::tuple step(const py::object& ids_object) {
        const Int32Ids ids(ids_object.ptr());
        condensed::Records out;
        std::vector<std::uint64_t> ends;
        with([&](auto& all) {
            check_count("step", ids.view().size(), all.size());
            all.step(ids.view(), out, ends);
        });
        return py::make_tuple(record_arrays(std::move(out)), to_numpy(ends, true));
    }
    py::tuple extend(std::size_t sequence, const py::object& ids_object) {
        const Int32Ids ids(ids_object.ptr());
        condensed::Records out;
        with([&](auto& all) {
            check(sequence, all.size());
            WithoutInterpreterLock unlocked;
            all.extend(sequence, ids.view(), out, unlocked.cancel());
        });
        return record_arrays(std::move(out));
    }
    py::tuple finish(std::size_t sequence) {
        condensed::Records out;
        with([&](auto& all) { all[check(sequence, all.size())].end_document(out); });
        return record_arrays(std::move(out));
    }
    py::array_t<std::int32_t> pending() {
        return of_each([](auto& one) { return one.pending(); });
    }
};

class PyDecoder : public IdSequences<condensed::OpcodeReaderSequences> {
public:
    PyDecoder(const py::object& rules, std::size_t sequences, std::size_t max_rewind)
        : IdSequences(rules, std::make_unique<condensed::OpcodeReaderSequences>(rules.cast<const OpcodeRules&>(), sequences, max_rewind)) {}

    py::tuple step(const py::object& ops, const py::object& a, const py::object& b, const py::object& base_counts,
                   const py::object& literals, const py::object& offsets_object) {
        const RecordsArgument records(ops, a, b, base_counts, literals);
        const std::vector<std::int64_t> offsets = offsets_argument(offsets_object, records.view().ops.size());
        std::vector<std::int32_t> out;
        std::vector<std::uint64_t> ends;
        with([&](auto& all) {
            check_count("step", offsets.size() - 1, all.size());
            all.step(records.view(), offsets, out, ends);
        });
        return py::make_tuple(to_array(out), to_numpy(ends, true));
    }
    py::array_t<std::int32_t> extend(std::size_t sequence, const py::object& ops, const py::object& a, const py::object& b,
                                     const py::object& base_counts, const py::object& literals) {
        const RecordsArgument records(ops, a, b, base_counts, literals);
        std::vector<std::int32_t> out;
        with([&](auto& all) { all.extend(check(sequence, all.size()), records.view(), out); });
        return to_array(out);
    }
    std::vector<std::int32_t> domains(std::size_t sequence) {
        return with([&](auto& all) {
            const std::span<const std::int32_t> open = all[check(sequence, all.size())].domains();
            return std::vector<std::int32_t>(open.begin(), open.end());
        });
    }
    py::array_t<bool> are_between() {
        return with([](auto& all) {
            py::array_t<bool> answer(static_cast<py::ssize_t>(all.size()));
            for (std::size_t i = 0; i < all.size(); ++i) answer.mutable_data()[i] = all[i].is_between();
            return answer;
        });
    }
};

}  // namespace

void bind_opcodes(py::module_& module) {
    py::class_<OpcodeRules>(module, "OpcodeRules",
                            "What writer and reader of opcodes agree on; records are (ops, a, b, base_counts, literals).")
        .def(py::init(&make_rules), py::kw_only(), py::arg("vocab_size"), py::arg("window"), py::arg("max_length"), py::arg("slots"),
             py::arg("reset_every"), py::arg("least_copy"), py::arg("costs"), py::arg("phrases"), py::arg("phrase_offsets"))
        .def_property_readonly(
            "flat_bounds",
            [](const OpcodeRules& rules) {
                const condensed::FlatLayout layout(rules);
                return py::make_tuple(layout.first_op(), layout.first_number(), layout.first_phrase(), layout.id_end());
            },
            "Where opcodes, numbers and phrases begin in the flat view, and where its ids end.")
        .def("condense", &condense, py::arg("ids"), py::arg("offsets"), py::arg("barriers"), py::arg("spans"), py::arg("tags"),
             py::arg("threads"), "Base ids to (records, offsets, literal offsets).")
        .def("expand", &expand, py::arg("ops"), py::arg("a"), py::arg("b"), py::arg("base_counts"), py::arg("literals"), py::arg("offsets"),
             py::arg("literal_offsets"), py::arg("fragments"), py::arg("threads"), "Records to (base ids, offsets).")
        .def("to_flat", &to_flat, py::arg("ops"), py::arg("a"), py::arg("b"), py::arg("base_counts"), py::arg("literals"),
             py::arg("offsets"), "Records to (flat ids, base counts, offsets).")
        .def("from_flat", &from_flat, py::arg("ids"), py::arg("offsets"), "Flat ids to (records, offsets, literal offsets).")
        .def("pack", &pack, py::arg("ops"), py::arg("a"), py::arg("b"), py::arg("base_counts"), py::arg("literals"), py::arg("offsets"),
             "Records to (bytes, ids by rank, and the offsets of blocks in bytes, in base ids and by document).")
        .def("unpack", &unpack, py::arg("bytes"), py::arg("byte_offsets"), py::arg("ids_by_rank"),
             "Blocks of bytes to (records, offsets, literal offsets), a stretch a block.");

    py::class_<PyEncoder> encoder(module, "OpcodeEncoder", "Records of sequences that grow base id by base id.");
    encoder.def(py::init<py::object, std::size_t, std::size_t>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"))
        .def("step", &PyEncoder::step, py::arg("ids"), "One base id a sequence, negative for none: (records, offsets).")
        .def("extend", &PyEncoder::extend, py::arg("sequence"), py::arg("ids"), "Several ids of one sequence: records.")
        .def("finish", &PyEncoder::finish, py::arg("sequence") = 0, "The rest of a document's records.");
    bind_sequences(encoder, "ids");
    bind_pending(encoder);
    py::class_<PyDecoder> decoder(module, "OpcodeDecoder", "Base ids of sequences whose records come one after the other.");
    decoder.def(py::init<py::object, std::size_t, std::size_t>(), py::arg("rules"), py::arg("sequences"), py::arg("max_rewind"))
        .def("step", &PyDecoder::step, py::arg("ops"), py::arg("a"), py::arg("b"), py::arg("base_counts"), py::arg("literals"),
             py::arg("offsets"), "Records of each sequence: (base ids, offsets).")
        .def("extend", &PyDecoder::extend, py::arg("sequence"), py::arg("ops"), py::arg("a"), py::arg("b"), py::arg("base_counts"),
             py::arg("literals"), "Records of one sequence: base ids.")
        .def("domains", &PyDecoder::domains, py::arg("sequence") = 0, "The domains that are open, the innermost last.")
        .def_property_readonly("are_between", &PyDecoder::are_between, "Of each sequence, whether no document is open: bool [sequences].");
    bind_sequences(decoder, "records");
}

}  // namespace tokmill::bindings
