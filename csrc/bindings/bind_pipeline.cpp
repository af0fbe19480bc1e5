// encode_with_rows(): text to ids and their n-gram rows in one call.
#include <utility>

#include "bindings/python.hpp"
#include "pipeline/pipeline.hpp"

namespace tokmill::bindings {

namespace {

py::tuple encode_with_rows(const py::object& tokenizer, const py::object& plan, const py::object& texts_object, const py::object& special,
                           const py::object& invalid, const py::object& dtype, bool wide, bool with_offsets, const py::object& threads,
                           const py::object& max_pretoken_bytes) {
    const tokens::Tokenizer& tok = tokenizer_of(tokenizer.ptr());
    const ngrams::Plan& rows_plan = plan.cast<const ngrams::Plan&>();
    const Texts texts(texts_object.ptr());
    tokens::EncodeOptions options;
    std::unique_ptr<tokens::AddedTokens> own_specials;
    special_argument(special.ptr(), tokenizer.ptr(), options, own_specials);
    options.invalid = invalid_argument(invalid.ptr());
    if (!max_pretoken_bytes.is_none()) options.max_pretoken_bytes = size_argument(max_pretoken_bytes.ptr(), "max_pretoken_bytes", 1);
    const std::size_t thread_count = threads_argument(threads.ptr());
    tokens::IdArray ids(dtype_argument(dtype.ptr(), tok.vocabulary().id_end()));
    tokens::IdArray rows(wide ? tokens::IdType::int64 : tokens::IdType::int32);
    std::vector<std::uint64_t> ends;
    {
        WithoutInterpreterLock unlocked;
        pipeline::encode_with_rows(tok, rows_plan, texts.documents(), options, thread_count, with_offsets, ids, ends, rows,
                                   unlocked.cancel());
    }
    const auto tokens = static_cast<py::ssize_t>(ids.size());
    const auto tables = static_cast<py::ssize_t>(rows_plan.table_count());
    return py::make_tuple(to_numpy(std::move(ids)), to_numpy(ends, true), py::array(to_numpy(std::move(rows))).reshape({tokens, tables}));
}

}  // namespace

void bind_pipeline(py::module_& module) {
    module.def("encode_with_rows", &encode_with_rows, py::arg("tokenizer"), py::arg("plan"), py::arg("texts"), py::arg("special"),
               py::arg("invalid"), py::arg("dtype"), py::arg("wide"), py::arg("with_offsets"), py::arg("threads"),
               py::arg("max_pretoken_bytes"), "Ids, offsets and n-gram rows of many texts.");
}

}  // namespace tokmill::bindings
