// Splitter: any split regex, literal text or set of characters, and steps of them one behind the other.
#include <pybind11/stl.h>

#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "bindings/python.hpp"
#include "pretokens/pretokens.hpp"

namespace tokmill::bindings {

namespace {

namespace engine = pretokens::engine;

engine::Dialect dialect_of(std::string_view name) {
    for (const engine::Dialect dialect : {engine::Dialect::tiktoken, engine::Dialect::tokenizers}) {
        if (engine::name(dialect) == name) return dialect;
    }
    throw Error(ErrorKind::value, "dialect= is \"tiktoken\" or \"tokenizers\", not \"" + std::string(name) + "\"");
}

engine::Behaviour behaviour_of(std::string_view name) {
    static constexpr std::pair<std::string_view, engine::Behaviour> kNames[] = {
        {"removed", engine::Behaviour::removed},
        {"isolated", engine::Behaviour::isolated},
        {"merged_with_previous", engine::Behaviour::merged_with_previous},
        {"merged_with_next", engine::Behaviour::merged_with_next},
        {"contiguous", engine::Behaviour::contiguous},
    };
    for (const auto& [known, behaviour] : kNames) {
        if (known == name) return behaviour;
    }
    throw Error(ErrorKind::value, "behaviour= is one of removed, isolated, merged_with_previous, merged_with_next, contiguous, not \"" +
                                      std::string(name) + "\"");
}

// A text as valid UTF-8 in memory of our own, so that it may be read without the interpreter lock.
class Utf8Text {
public:
    Utf8Text(const py::object& object, const py::object& invalid) {
        const Text text(object.ptr());
        const documents::Invalid how = invalid_argument(invalid.ptr());
        const std::size_t most = text.document().most_utf8_bytes(how);
        bytes_.reserve_discarding(most + documents::kReadSlackBytes + 16);
        documents::Reader reader(unicode::kernels(cpu::active()), text.document(), how);
        while (!reader.done()) size_ += reader.read(bytes_.data() + size_, std::max<std::size_t>(most - size_, 16));
    }
    const std::uint8_t* data() const noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return size_; }

private:
    Buffer<std::uint8_t> bytes_;
    std::size_t size_ = 0;
};

// Byte positions, in place, to positions in characters. They never fall.
void to_characters(const Utf8Text& text, std::vector<engine::Span>& spans) {
    std::uint64_t byte = 0, character = 0;
    const auto convert = [&](std::uint64_t& position) {
        for (; byte < position; ++byte) character += (text.data()[byte] & 0xC0) != 0x80 ? 1 : 0;
        position = character;
    };
    for (engine::Span& span : spans) {
        convert(span.begin);
        convert(span.end);
    }
}

py::array to_array(const std::vector<engine::Span>& spans) {
    py::array_t<std::int64_t> array({static_cast<py::ssize_t>(spans.size()), py::ssize_t(2)});
    std::int64_t* out = array.mutable_data();
    for (const engine::Span& span : spans) {
        *out++ = static_cast<std::int64_t>(span.begin);
        *out++ = static_cast<std::int64_t>(span.end);
    }
    return array;
}

struct StartList final : engine::StartMasks {
    void take(std::uint64_t base, std::size_t count, const std::uint64_t* masks) override {
        for (std::size_t block = 0; block < count; block += 64) {
            for (std::uint64_t mask = masks[block / 64]; mask != 0; mask &= mask - 1)
                starts.push_back(static_cast<std::uint32_t>(base + block) + static_cast<std::uint32_t>(std::countr_zero(mask)));
        }
    }
    std::vector<std::uint32_t> starts;
};

class PySplitter {
public:
    PySplitter(const std::string& pattern, const std::string& dialect, const std::string& behaviour, bool invert, bool literal,
               bool tabulate) {
        const engine::Dialect owner = dialect_of(dialect);
        const engine::Behaviour how = behaviour_of(behaviour);
        const WithoutInterpreterLock unlocked;
        engine::Program program = literal    ? engine::Program::literal(pattern)
                                  : tabulate ? engine::Program::compile_tabulated(pattern, owner)
                                             : engine::Program::compile(pattern, owner);
        steps_.push_back({std::move(program), how, invert});
    }

    PySplitter then(const PySplitter& next) const {
        PySplitter both(*this);
        both.steps_.insert(both.steps_.end(), next.steps_.begin(), next.steps_.end());
        return both;
    }

    py::array split(const py::object& object, const std::string& unit, const py::object& invalid) const {
        if (unit != "byte" && unit != "char") throw Error(ErrorKind::value, "unit= is \"byte\" or \"char\", not \"" + unit + "\"");
        const Utf8Text text(object, invalid);
        std::vector<engine::Span> spans;
        {
            WithoutInterpreterLock unlocked;
            engine::SplitMemory memory;
            engine::split(steps_, text.data(), text.size(), memory, spans, unlocked.cancel());
            if (unit == "char") to_characters(text, spans);
        }
        return to_array(spans);
    }

    // All starts of pieces, found in calls that know no more than text[:end] for each of the ends: for tests.
    std::vector<std::uint32_t> starts_in_parts(const py::object& object, const std::vector<std::uint32_t>& ends) const {
        const Utf8Text text(object, py::none());
        StartList list;
        engine::Cursor cursor;
        for (const std::uint32_t end : ends) steps_.front().program.find_starts(cursor, text.data(), end, end == text.size(), list);
        return std::move(list.starts);
    }

    py::dict statistics() const {
        const engine::Program& program = steps_.front().program;
        const engine::Program::Statistics numbers = program.statistics();
        py::dict answer;
        answer["parts_behind_letters"] = program.parts_behind_letters();
        answer["classes"] = numbers.classes;
        answer["letters"] = numbers.letters;
        answer["states"] = numbers.states;
        answer["moves"] = numbers.moves;
        answer["table_bytes"] = numbers.table_bytes;
        answer["tabulated"] = program.is_tabulated();
        answer["matches_everything"] = program.matches_everything();
        answer["has_empty_matches"] = program.has_empty_matches();
        return answer;
    }

private:
    std::vector<engine::SplitStep> steps_;
};

}  // namespace

void bind_splitter(py::module_& module) {
    py::class_<PySplitter>(module, "Splitter", "Cuts text by a split regex as its owner does: exactly, and in linear time.")
        .def(py::init<const std::string&, const std::string&, const std::string&, bool, bool, bool>(), py::arg("pattern"), py::kw_only(),
             py::arg("dialect") = "tokenizers", py::arg("behaviour") = "isolated", py::arg("invert") = false, py::arg("literal") = false,
             py::arg("_tabulate") = false)
        .def("then", &PySplitter::then, py::arg("next"), "Both, one behind the other: the second one cuts each piece of the first.")
        .def("split", &PySplitter::split, py::arg("text"), py::kw_only(), py::arg("unit") = "byte", py::arg("invalid") = py::none(),
             "Where the pieces begin and end: int64 [pieces, 2], in bytes of the UTF-8 text or in characters.")
        .def("_starts_in_parts", &PySplitter::starts_in_parts, py::arg("text"), py::arg("ends"))
        .def_property_readonly("statistics", &PySplitter::statistics,
                               "Sizes of the first step's automaton, and what is known of its matches.");
}

}  // namespace tokmill::bindings
