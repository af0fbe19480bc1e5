// run_pipeline(): text to ids, their n-gram rows and condensed ids in one call.
#include <utility>

#include "bindings/opcode_arrays.hpp"
#include "pipeline/pipeline.hpp"

namespace tokmill::bindings {

namespace {

py::tuple run_pipeline(const py::object& tokenizer, const py::object& plan, const py::object& condenser, const py::object& texts_object,
                       const py::object& special, const py::object& invalid, const py::object& dtype, bool wide, bool with_offsets,
                       const py::object& threads, const py::object& max_pretoken_bytes) {
    const tokens::Tokenizer& tok = tokenizer_of(tokenizer.ptr());
    pipeline::Stages stages;
    if (!plan.is_none()) stages.plan = &plan.cast<const ngrams::Plan&>();
    stages.with_table_offsets = with_offsets;
    if (py::isinstance<condensed::OpcodeRules>(condenser)) {
        stages.opcodes = &condenser.cast<const condensed::OpcodeRules&>();
    } else if (!condenser.is_none()) {
        stages.condenser = &condenser.cast<const condensed::Condenser&>();
    }
    const Texts texts(texts_object.ptr());
    tokens::EncodeOptions options;
    std::unique_ptr<tokens::AddedTokens> own_specials;
    special_argument(special.ptr(), tokenizer.ptr(), options, own_specials);
    options.invalid = invalid_argument(invalid.ptr());
    if (!max_pretoken_bytes.is_none()) options.max_pretoken_bytes = size_argument(max_pretoken_bytes.ptr(), "max_pretoken_bytes", 1);
    const std::size_t thread_count = threads_argument(threads.ptr());
    pipeline::Products products;
    products.ids = tokens::IdArray(dtype_argument(dtype.ptr(), tok.vocabulary().id_end()));
    if (!condenser.is_none() && products.ids.type() != tokens::IdType::int32)
        throw Error(ErrorKind::value, "a pipeline that condenses makes ids of int32: leave dtype= out");
    products.rows = tokens::IdArray(wide ? tokens::IdType::int64 : tokens::IdType::int32);
    {
        WithoutInterpreterLock unlocked;
        pipeline::run(tok, stages, texts.documents(), options, thread_count, products, unlocked.cancel());
    }
    const auto token_count = static_cast<py::ssize_t>(products.ids.size());
    const auto rows_array = [&]() -> py::object {
        if (stages.plan == nullptr) return py::none();
        const auto tables = static_cast<py::ssize_t>(stages.plan->table_count());
        return py::array(to_numpy(std::move(products.rows))).reshape({token_count, tables});
    };
    const auto condensed_arrays = [&]() -> py::object {
        if (stages.opcodes != nullptr) return document_arrays(std::move(products.opcodes));
        if (stages.condenser == nullptr) return py::none();
        condensed::Condensed& made = products.condensed;
        return py::make_tuple(to_numpy(std::move(made.ids)), to_numpy(std::move(made.base_counts)), to_numpy(made.ends, true));
    };
    return py::make_tuple(to_numpy(std::move(products.ids)), to_numpy(products.ends, true), rows_array(), condensed_arrays());
}

}  // namespace

void bind_pipeline(py::module_& module) {
    module.def("run_pipeline", &run_pipeline, py::arg("tokenizer"), py::arg("plan"), py::arg("condenser"), py::arg("texts"),
               py::arg("special"), py::arg("invalid"), py::arg("dtype"), py::arg("wide"), py::arg("with_offsets"), py::arg("threads"),
               py::arg("max_pretoken_bytes"),
               "Many texts to (ids, offsets, n-gram rows or None, (condensed ids, base counts, offsets) or\n"
               "(records, offsets, literal offsets) or None).");
}

}  // namespace tokmill::bindings
