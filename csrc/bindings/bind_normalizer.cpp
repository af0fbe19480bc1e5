// CoreNormalizer: a sequence of steps, given as tuples of a name and its options. The options are checked in Python.
#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/python.hpp"
#include "normalized/normalized.hpp"

namespace tokmill::bindings {

namespace {

// A document as UTF-8: where it lies if that may be, else a copy.
class Utf8 {
public:
    explicit Utf8(const documents::Document& document) {
        if (document.encoding == documents::Encoding::ascii) {
            text_ = {static_cast<const char*>(document.data), document.unit_count};
            return;
        }
        documents::Reader reader(unicode::kernels(cpu::active()), document, documents::Invalid::standard);
        const std::size_t room = document.most_utf8_bytes(documents::Invalid::standard) + 16;
        copy_.reserve_discarding(room + documents::kReadSlackBytes);
        std::size_t size = 0;
        while (!reader.done()) size += reader.read(copy_.data() + size, room - size);
        text_ = {reinterpret_cast<const char*>(copy_.data()), size};
    }
    std::string_view text() const noexcept { return text_; }

private:
    Buffer<std::uint8_t> copy_;
    std::string_view text_;
};

unicode::Form form_named(const std::string& name) {
    if (name == "nfc") return unicode::Form::nfc;
    if (name == "nfd") return unicode::Form::nfd;
    if (name == "nfkc") return unicode::Form::nfkc;
    if (name == "nfkd") return unicode::Form::nfkd;
    throw Error(ErrorKind::value, "there is no step '" + name + "'");
}

void append_step(const py::tuple& step, normalized::Steps& steps) {
    const auto name = py::cast<std::string>(step[0]);
    const auto string = [&](std::size_t i) { return string_argument(py::object(step[i]).ptr(), name.c_str()); };
    const auto flag = [&](std::size_t i) { return py::cast<bool>(step[i]); };
    if (name == "lowercase") {
        steps.lowercase();
    } else if (name == "strip_accents") {
        steps.strip_accents();
    } else if (name == "strip") {
        steps.strip(flag(1), flag(2));
    } else if (name == "replace") {
        steps.replace(string(1), string(2));
    } else if (name == "prepend") {
        steps.prepend(string(1));
    } else if (name == "byte_level") {
        steps.byte_level();
    } else if (name == "nmt") {
        steps.nmt();
    } else if (name == "bert") {
        steps.bert({flag(1), flag(2), flag(3), flag(4)});
    } else {
        steps.form(form_named(name));
    }
}

normalized::Normalizer make_normalizer(const std::vector<py::tuple>& described, const std::string& data) {
    normalized::Steps steps;
    for (const py::tuple& step : described) append_step(step, steps);
    return {steps.take(), data == "tokenizers" ? unicode::NormalizationData::tokenizers : unicode::NormalizationData::unicode_16};
}

py::object to_str(std::string_view text) {
    return py::reinterpret_steal<py::object>(checked(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr)));
}

normalized::Result run(const normalized::Normalizer& normalizer, std::string_view text, normalized::Workspace& workspace, bool align) {
    if (text.size() <= kKeepLockBytes) {
        Cancel cancel;
        return normalizer.normalize(text, workspace, align, cancel);
    }
    WithoutInterpreterLock unlocked;
    return normalizer.normalize(text, workspace, align, unlocked.cancel());
}

py::object normalize_one(const normalized::Normalizer& normalizer, const py::object& object, normalized::Workspace& workspace) {
    const Text text(object.ptr());
    const Utf8 utf8(text.document());
    const normalized::Result result = run(normalizer, utf8.text(), workspace, false);
    const bool same = result.unchanged && text.is_str() && text.document().encoding == documents::Encoding::ascii;
    return same ? object : to_str(result.text);
}

// Spans of each byte, or of each character counted in characters.
py::array_t<std::int64_t> spans_of(const normalized::Result& result, std::string_view original, bool characters) {
    const auto is_start = [](char byte) { return (static_cast<std::uint8_t>(byte) & 0xC0) != 0x80; };
    std::size_t rows = result.text.size();
    if (characters) rows = static_cast<std::size_t>(std::count_if(result.text.begin(), result.text.end(), is_start));
    py::array_t<std::int64_t> spans({static_cast<py::ssize_t>(rows), py::ssize_t{2}});
    std::int64_t* out = spans.mutable_data();
    std::size_t run = 0;
    std::size_t counted = 0;           // bytes of the original whose characters are counted
    std::int64_t character_count = 0;  // that start before it
    for (std::size_t i = 0; i < result.text.size(); ++i) {
        if (characters && !is_start(result.text[i])) continue;
        normalized::Span span;
        if (result.alignment != nullptr) {
            span = result.alignment->at(result.text, i, run);
        } else {
            std::size_t first = i;
            while (!is_start(result.text[first])) --first;
            span = {static_cast<std::uint32_t>(first),
                    static_cast<std::uint32_t>(first) + unicode::utf8_length(static_cast<std::uint8_t>(result.text[first]))};
        }
        if (!characters) {
            *out++ = span.begin;
            *out++ = span.end;
            continue;
        }
        for (; counted < span.begin; ++counted) character_count += is_start(original[counted]) ? 1 : 0;
        *out++ = character_count;
        *out++ = character_count + (span.end > span.begin ? 1 : 0);
    }
    return spans;
}

py::tuple align_normalized(const normalized::Normalizer& normalizer, const py::object& object, bool characters) {
    const Text text(object.ptr());
    const Utf8 utf8(text.document());
    normalized::Workspace workspace;
    const normalized::Result result = run(normalizer, utf8.text(), workspace, true);
    return py::make_tuple(to_str(result.text), spans_of(result, utf8.text(), characters));
}

}  // namespace

void bind_normalizer(py::module_& module) {
    py::class_<normalized::Normalizer>(module, "CoreNormalizer")
        .def(py::init(&make_normalizer), py::arg("steps"), py::arg("data"))
        .def_property_readonly("_is_identity", &normalized::Normalizer::is_identity)
        .def(
            "_normalize",
            [](const normalized::Normalizer& self, const py::object& text) {
                normalized::Workspace workspace;
                return normalize_one(self, text, workspace);
            },
            py::arg("text"))
        .def(
            "_normalize_batch",
            [](const normalized::Normalizer& self, const py::iterable& texts) {
                normalized::Workspace workspace;
                py::list made;
                for (const py::handle text : texts) made.append(normalize_one(self, py::reinterpret_borrow<py::object>(text), workspace));
                return made;
            },
            py::arg("texts"))
        .def("_align", &align_normalized, py::arg("text"), py::arg("characters"));
    module.def(
        "_character_set",
        [](std::size_t number) {
            if (number >= unicode::kCharacterSetCount) throw Error(ErrorKind::value, "there is no character set " + std::to_string(number));
            std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
            for (const unicode::CodePointRange range : unicode::ranges(static_cast<unicode::CharacterSet>(number)))
                ranges.emplace_back(range.first, range.last);
            return ranges;
        },
        py::arg("number"), "The ranges of a set of unicode/character_sets.hpp, inclusive.");
}

}  // namespace tokmill::bindings
