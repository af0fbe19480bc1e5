// StreamEncoder and StreamDecoder: text and ids that arrive step by step.
#include <pybind11/stl.h>

#include <mutex>
#include <string>

#include "bindings/python.hpp"

namespace tokmill::bindings {

namespace {

// Memory of a stream is bounded by this much for one pretoken, unless the caller asks for more.
constexpr std::size_t kDefaultMaxPretokenBytes = std::size_t(1) << 20;

class PyStreamEncoder {
public:
    PyStreamEncoder(py::object tokenizer, const py::object& special, const py::object& invalid, const py::object& dtype,
                    const py::object& max_pretoken_bytes, const py::object& spans)
        : tokenizer_(std::move(tokenizer)), type_(dtype_argument(dtype.ptr(), tokenizer_of(tokenizer_.ptr()).vocabulary().id_end())) {
        if (!spans.is_none())
            throw Error(ErrorKind::value, "spans= takes the whole text, of which a stream holds only a block; encode() gives them");
        tokens::EncodeOptions options;
        special_argument(special.ptr(), tokenizer_.ptr(), options, own_specials_);
        options.invalid = invalid_argument(invalid.ptr());
        options.max_pretoken_bytes =
            max_pretoken_bytes.is_none() ? kDefaultMaxPretokenBytes : size_argument(max_pretoken_bytes.ptr(), "max_pretoken_bytes", 1);
        encoder_ = std::make_unique<tokens::StreamEncoder>(tokenizer_of(tokenizer_.ptr()), options);
    }

    py::object feed(const py::object& data) {
        const Text text(data.ptr());
        if (text.is_str()) throw Error(ErrorKind::type, "feed() takes bytes, not str");
        tokens::IdArray ids(type_);
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::mutex> one_at_a_time(mutex_);
            encoder_->feed({static_cast<const std::uint8_t*>(text.document().data), text.document().unit_count}, ids, unlocked.cancel());
        }
        return to_numpy(std::move(ids));
    }

    py::object finish() {
        tokens::IdArray ids(type_);
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::mutex> one_at_a_time(mutex_);
            encoder_->finish(ids, unlocked.cancel());
        }
        return to_numpy(std::move(ids));
    }

private:
    py::object tokenizer_;
    tokens::IdType type_;
    std::unique_ptr<tokens::AddedTokens> own_specials_;
    std::unique_ptr<tokens::StreamEncoder> encoder_;
    std::mutex mutex_;
};

// The bytes that ids stand for one by one.
const tokens::DecodeTable& stepwise_table(const tokens::Tokenizer& tokenizer) {
    if (tokenizer.has_chain())
        throw Error(ErrorKind::unsupported, "decoder: only a decoder that is ByteLevel gives text step by step; decode() does the others");
    return tokenizer.decode_table();
}

class PyStreamDecoder {
public:
    PyStreamDecoder(py::object tokenizer, std::size_t sequences, const py::object& unknown, bool skip_special_tokens,
                    std::size_t max_rewind)
        : tokenizer_(std::move(tokenizer)),
          decoder_(stepwise_table(tokenizer_of(tokenizer_.ptr())), sequences, max_rewind),
          unknown_(unknown_argument(unknown.ptr())),
          skip_special_tokens_(skip_special_tokens) {}

    py::list step(const py::object& ids_object) {
        const Ids ids(ids_object.ptr());
        if (ids.size() != decoder_.sequences())
            throw Error(ErrorKind::value,
                        "step() takes one id a sequence: " + std::to_string(decoder_.sequences()) + ", not " + std::to_string(ids.size()));
        const std::vector<std::int64_t> numbers = ids.to_int64();
        text_.clear();
        ends_.resize(numbers.size());
        decoder_.step(numbers.data(), unknown_, skip_special_tokens_, text_, ends_.data());
        py::list out(numbers.size());
        std::size_t begin = 0;
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            PyList_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i),
                            checked(PyUnicode_DecodeUTF8(text_.data() + begin, static_cast<Py_ssize_t>(ends_[i] - begin), nullptr)));
            begin = ends_[i];
        }
        return out;
    }

    py::str extend(std::size_t sequence, const py::object& ids_object) {
        const std::vector<std::int64_t> numbers = Ids(ids_object.ptr()).to_int64();
        text_.clear();
        decoder_.extend(sequence, numbers.data(), numbers.size(), unknown_, skip_special_tokens_, text_);
        return py::str(text_);
    }

    py::str finish(std::size_t sequence) {
        text_.clear();
        decoder_.finish(sequence, text_);
        return py::str(text_);
    }

    std::vector<std::uint64_t> rewind(const py::object& counts) {
        const std::vector<std::size_t> each = rewind_argument(counts.ptr(), "ids", decoder_.sequences());
        std::vector<std::uint64_t> characters(each.size());
        decoder_.rewind(each, characters.data());
        return characters;
    }
    void reorder(const std::vector<std::size_t>& sources) { decoder_.reorder(sources); }
    std::size_t fork(std::size_t sequence) { return decoder_.fork(sequence); }
    void add(std::size_t count) { decoder_.add(count); }
    void drop(const std::vector<std::size_t>& sequences) { decoder_.drop(sequences); }
    std::size_t sequences() const { return decoder_.sequences(); }

private:
    py::object tokenizer_;
    tokens::StreamDecoder decoder_;
    tokens::UnknownId unknown_;
    bool skip_special_tokens_;
    std::string text_;
    std::vector<std::size_t> ends_;
};

}  // namespace

void bind_streams(py::module_& module) {
    py::class_<PyStreamEncoder>(module, "StreamEncoder", "Ids of text that arrives in pieces, as if it had come whole.")
        .def(py::init<py::object, const py::object&, const py::object&, const py::object&, const py::object&, const py::object&>(),
             py::arg("tokenizer"), py::kw_only(), py::arg("special") = py::none(), py::arg("invalid") = py::none(),
             py::arg("dtype") = py::none(), py::arg("max_pretoken_bytes") = py::none(), py::arg("spans") = py::none())
        .def("feed", &PyStreamEncoder::feed, py::arg("data"),
             "The ids that are certain so far; any cut will do, also inside of a character.")
        .def("finish", &PyStreamEncoder::finish, "The remaining ids; what is fed next is another document.");

    py::class_<PyStreamDecoder>(module, "StreamDecoder",
                                "Text of ids that arrive step by step, for many sequences; incomplete characters are held back.")
        .def(py::init<py::object, std::size_t, const py::object&, bool, std::size_t>(), py::arg("tokenizer"), py::arg("sequences") = 1,
             py::arg("unknown") = py::none(), py::arg("skip_special_tokens") = false, py::arg("max_rewind") = 0)
        .def("step", &PyStreamDecoder::step, py::arg("ids"), "One id a sequence, negative for none; the new text of each.")
        .def("extend", &PyStreamDecoder::extend, py::arg("sequence"), py::arg("ids"), "Several ids of one sequence; its new text.")
        .def("finish", &PyStreamDecoder::finish, py::arg("sequence") = 0, "The end of a sequence: what was held back, as U+FFFD.")
        .def("rewind", &PyStreamDecoder::rewind, py::arg("ids"),
             "Takes back the last ids: as many of each sequence, or one number each; by how many characters the text of each is shorter.")
        .def("reorder", &PyStreamDecoder::reorder, py::arg("sources"), "Sequence i becomes a copy of old sequence sources[i].")
        .def("fork", &PyStreamDecoder::fork, py::arg("sequence"), "Adds a copy of a sequence; its number.")
        .def("add", &PyStreamDecoder::add, py::arg("count") = 1, "Adds fresh sequences.")
        .def("drop", &PyStreamDecoder::drop, py::arg("sequences"), "Removes sequences; those behind move up.")
        .def_property_readonly("sequences", &PyStreamDecoder::sequences, "How many sequences there are.");
}

}  // namespace tokmill::bindings
