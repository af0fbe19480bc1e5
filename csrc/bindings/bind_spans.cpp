// Ids with where they stand: what encode(), encode_batch() and align() hand out beside the ids.
#include <string>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

constexpr std::uint32_t kNoText = ~std::uint32_t(0);  // -1 in an int32

// Zeros or ones, one a token.
tokens::IdArray filled(std::size_t size, std::int32_t value) {
    tokens::IdArray array(tokens::IdType::int32);
    array.prepare(size);
    std::fill_n(static_cast<std::int32_t*>(array.data()), size, value);
    array.set_size(size);
    return array;
}

}  // namespace

documents::PlaceUnit span_unit_argument(PyObject* argument) {
    const std::string_view value = string_argument(argument, "spans");
    if (value == "byte") return documents::PlaceUnit::byte;
    if (value == "char") return documents::PlaceUnit::character;
    throw Error(ErrorKind::value, "spans= takes \"byte\" or \"char\", not \"" + std::string(value) + "\"");
}

PlacedIds::PlacedIds(const tokens::Tokenizer& tokenizer, tokens::IdType type, documents::PlaceUnit unit, bool adds_special_tokens,
                     bool with_words)
    : tokenizer_(tokenizer), adds_special_tokens_(adds_special_tokens), ids_(type) {
    request_.unit = unit;
    request_.with_words = with_words;
    request_.has_frame = adds_special_tokens;
}

tokens::SpanRequest PlacedIds::new_request() const {
    tokens::SpanRequest request;
    request.unit = request_.unit;
    request.with_words = request_.with_words;
    request.has_frame = request_.has_frame;
    return request;
}

void PlacedIds::encode_one(const documents::Document& document, const tokens::EncodeOptions& options, std::size_t threads,
                           tokens::IdArray& ids, tokens::SpanRequest& request) const {
    run_encode(
        document, [&](Cancel& cancel) { return tokenizer_.try_encode(document, options, ids, request, cancel); },
        [&](Cancel& cancel) {
            tokenizer_.encode({&document, 1}, options, threads, ids, nullptr, request, cancel);
        });
}

void PlacedIds::encode(const Text& text, PyObject* pair, const tokens::EncodeOptions& options, std::size_t threads) {
    encode_one(text.document(), options, threads, ids_, request_);
    if (request_.with_words) texts_ = filled(ids_.size(), 0);
    const formats::Frame* const frame = tokens::frame_of(tokenizer_.preprocessing(), given(pair), adds_special_tokens_);
    if (frame == nullptr) return;
    tokens::IdArray second_ids(ids_.type()), second_texts;
    tokens::SpanRequest second = new_request();
    if (given(pair)) {
        const Text second_text(pair);
        // Of what stands between two texts the first token ends the first one's row: BertProcessing begins the second with its own first
        // token.
        second.has_frame = adds_special_tokens_ && frame->between.size() > 1;
        encode_one(second_text.document(), options, threads, second_ids, second);
        if (second.with_words) second_texts = filled(second_ids.size(), 1);
    }
    const auto frame_in = [&](tokens::IdArray& first, const tokens::IdArray& other, const formats::Frame& around) {
        first = tokens::framed(first, given(pair) ? &other : nullptr, around, adds_special_tokens_);
    };
    frame_in(ids_, second_ids, *frame);
    frame_in(request_.spans, second.spans, tokens::filler(*frame, 2, 0));
    if (!request_.with_words) return;
    frame_in(request_.words, second.words, tokens::filler(*frame, 1, kNoText));
    frame_in(texts_, second_texts, tokens::filler(*frame, 1, kNoText));
}

void PlacedIds::encode_batch(const Texts& texts, const tokens::EncodeOptions& options, std::size_t threads,
                             std::vector<std::uint64_t>& ends) {
    WithoutInterpreterLock unlocked;
    tokenizer_.encode(texts.documents(), options, threads, ids_, &ends, request_, unlocked.cancel());
    const formats::Frame* const frame = tokens::frame_of(tokenizer_.preprocessing(), false, adds_special_tokens_);
    if (frame == nullptr) return;
    std::vector<std::uint64_t> span_ends(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i) span_ends[i] = 2 * ends[i];
    ids_ = tokens::framed_rows(ids_, ends, *frame);
    request_.spans = tokens::framed_rows(request_.spans, span_ends, tokens::filler(*frame, 2, 0));
}

py::object PlacedIds::spans() {
    const auto tokens = static_cast<py::ssize_t>(request_.spans.size() / 2);
    return py::array(to_numpy(std::move(request_.spans))).reshape({tokens, py::ssize_t(2)});
}

PyObject* align(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        PyObject* slots[6];
        sort_arguments("_align", args, count, keywords, {"text", "spans", "special", "invalid", "add_special_tokens", "pair"}, 2, 2, slots);
        const Text text(slots[0]);
        const EncodeArguments arguments(self, slots[2], slots[3]);
        PlacedIds placed(tokenizer_of(self), tokens::IdType::int32, span_unit_argument(slots[1]), bool_argument(slots[4], false), true);
        placed.encode(text, slots[5], arguments.options, 1);
        return py::make_tuple(placed.ids(), placed.spans(), placed.words(), placed.texts()).release().ptr();
    });
}

}  // namespace tokmill::bindings
