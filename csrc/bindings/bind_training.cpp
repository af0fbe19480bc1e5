// Counts of pretokens and training. tokmill.training wraps both in Python.
#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "bindings/python.hpp"
#include "cpu/isa.hpp"
#include "training/training.hpp"

namespace tokmill::bindings {

namespace {

pretokens::Scanner scanner_for(const std::string& pattern, const std::string& dialect) {
    if (dialect != "tiktoken" && dialect != "tokenizers")
        throw Error(ErrorKind::value, "dialect is \"tiktoken\" or \"tokenizers\", not \"" + dialect + "\"");
    const auto reads = dialect == "tiktoken" ? pretokens::engine::Dialect::tiktoken : pretokens::engine::Dialect::tokenizers;
    // A name stands for the regex of that name, whoever reads it.
    if (const auto known = pretokens::find_pattern(pattern); known && pretokens::name(*known) == pattern)
        return pretokens::Scanner(pretokens::regex(*known), pretokens::engine::Dialect::tiktoken, cpu::active());
    return pretokens::Scanner(pattern, reads, cpu::active());
}

class PyWordCounts {
public:
    PyWordCounts(const std::string& pattern, const std::string& dialect, std::size_t memory_bytes, const std::string& directory)
        : scanner_(scanner_for(pattern, dialect)), counts_(memory_bytes, directory) {}

    // The words of these runs, by another pattern.
    void add_words_of(const PyWordCounts& runs) {
        WithoutInterpreterLock unlocked;
        const std::scoped_lock both(mutex_, runs.mutex_);
        training::count_words(runs.counts_, scanner_, counts_, unlocked.cancel());
    }

    void add_texts(const py::object& texts_object, std::int64_t weight, const py::object& threads_object,
                   const py::object& invalid_object) {
        const Texts texts(texts_object.ptr());
        const std::size_t threads = threads_argument(threads_object.ptr());
        const documents::Invalid invalid = invalid_argument(invalid_object.ptr());
        if (weight < 1) throw Error(ErrorKind::value, "a weight is 1 or more, not " + std::to_string(weight));
        WithoutInterpreterLock unlocked;
        const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
        training::count_documents(texts.documents(), scanner_, invalid, weight, threads, counts_, unlocked.cancel());
    }

    void add_words(const py::bytes& blob, const py::array_t<std::int64_t, py::array::c_style>& offsets,
                   const py::array_t<std::int64_t, py::array::c_style>& counts) {
        const std::string_view bytes = blob;
        if (offsets.size() != counts.size() + 1) throw Error(ErrorKind::value, "offsets has to be one longer than counts");
        const std::int64_t *const bounds = offsets.data(), *const sums = counts.data();
        const py::ssize_t word_count = counts.size();
        WithoutInterpreterLock unlocked;
        const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
        for (py::ssize_t i = 0; i < word_count; ++i) {
            if (bounds[i] < 0 || bounds[i] > bounds[i + 1] || bounds[i + 1] > static_cast<std::int64_t>(bytes.size()))
                throw Error(ErrorKind::value, "offsets run backwards or past the end at word " + std::to_string(i), i);
            if (sums[i] < 1)
                throw Error(ErrorKind::value,
                            "the count of word " + std::to_string(i) + " is " + std::to_string(sums[i]) + "; counts are 1 or more", i);
            counts_.add(bytes.substr(static_cast<std::size_t>(bounds[i]), static_cast<std::size_t>(bounds[i + 1] - bounds[i])), sums[i],
                        unlocked.cancel());
        }
    }

    void add_counts(const PyWordCounts& other) {
        WithoutInterpreterLock unlocked;
        const std::scoped_lock both(mutex_, other.mutex_);
        other.counts_.visit([&](std::string_view word, std::int64_t count) { counts_.add(word, count, unlocked.cancel()); },
                            unlocked.cancel());
    }

    void prune(std::int64_t least_count) {
        WithoutInterpreterLock unlocked;
        const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
        counts_.prune(least_count, unlocked.cancel());
    }

    // All words in bytewise order: their bytes back to back, the bounds, the counts.
    py::tuple words() const {
        std::string blob;
        std::vector<std::int64_t> offsets{0}, counts;
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
            counts_.visit_sorted(
                [&](std::string_view word, std::int64_t count) {
                    blob += word;
                    offsets.push_back(static_cast<std::int64_t>(blob.size()));
                    counts.push_back(count);
                },
                unlocked.cancel());
        }
        return py::make_tuple(py::bytes(blob), to_array(offsets), to_array(counts));
    }

    std::int64_t total() const noexcept { return counts_.total(); }
    std::size_t size() const {
        WithoutInterpreterLock unlocked;
        const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
        return counts_.size(unlocked.cancel());
    }
    std::size_t byte_size() const noexcept { return counts_.byte_size(); }
    std::uint64_t spilled_bytes() const noexcept { return counts_.spilled_bytes(); }

    py::dict train(std::size_t vocab_size, std::int64_t min_frequency, std::uint32_t max_token_length, std::size_t limit_alphabet,
                   const std::vector<std::uint8_t>& initial_alphabet, bool byte_values, const std::vector<py::bytes>& first_tokens,
                   const py::object& progress) const {
        training::BpeOptions options;
        options.vocab_size = vocab_size;
        options.min_frequency = min_frequency;
        options.max_token_length = max_token_length;
        options.limit_alphabet = limit_alphabet;
        for (const std::uint8_t byte : initial_alphabet) options.initial_alphabet[byte] = true;
        options.byte_order = byte_values ? training::ByteOrder::byte_value : training::ByteOrder::byte_level;
        for (const py::bytes& token : first_tokens) options.first_tokens.push_back(token);
        return run([&](Cancel& cancel) { return training::train_bpe(counts_, options, report_to(progress), cancel); });
    }

    py::dict extend(const py::object& tokenizer, std::size_t vocab_size, std::int64_t min_frequency, std::uint32_t max_token_length,
                    bool whole_words, const py::object& progress) const {
        training::BpeOptions options;
        options.vocab_size = vocab_size;
        options.min_frequency = min_frequency;
        options.max_token_length = max_token_length;
        const tokens::Tokenizer& known = tokenizer_of(tokenizer.ptr());
        const training::Start start{known.vocabulary(), known.merges(), whole_words};
        return run([&](Cancel& cancel) { return training::extend_bpe(counts_, start, options, report_to(progress), cancel); });
    }

    py::dict extend_over_spaces(const py::object& tokenizer, const PyWordCounts& words, std::size_t vocab_size, std::int64_t min_frequency,
                                std::uint32_t max_token_length, std::uint32_t max_words, bool whole_words,
                                const py::object& progress) const {
        training::BpeOptions options;
        options.vocab_size = vocab_size;
        options.min_frequency = min_frequency;
        options.max_token_length = max_token_length;
        const tokens::Tokenizer& known = tokenizer_of(tokenizer.ptr());
        const training::Start start{known.vocabulary(), known.merges(), whole_words};
        return run([&](Cancel& cancel) {
            return training::extend_over_spaces(counts_, words.scanner_, start, options, max_words, report_to(progress), cancel);
        });
    }

    py::array_t<std::int64_t> count_symbols(const py::object& tokenizer, bool whole_words) const {
        const tokens::Tokenizer& known = tokenizer_of(tokenizer.ptr());
        std::vector<std::int64_t> sums;
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
            sums = training::count_symbols(counts_, known.vocabulary(), known.merges(), whole_words, unlocked.cancel());
        }
        return to_array(sums);
    }

private:
    template <class Train>
    py::dict run(Train&& train) const {
        training::TrainedBpe trained;
        {
            WithoutInterpreterLock unlocked;
            const std::lock_guard<std::recursive_mutex> one_at_a_time(mutex_);
            trained = train(unlocked.cancel());
        }
        std::vector<std::int32_t> lefts, rights, mades;
        for (const training::Merge& merge : trained.merges) {
            lefts.push_back(merge.left);
            rights.push_back(merge.right);
            mades.push_back(merge.made);
        }
        py::list tokens(trained.tokens.size());
        for (std::size_t i = 0; i < trained.tokens.size(); ++i) tokens[i] = py::bytes(trained.tokens[i]);
        py::dict answer;
        answer["tokens"] = tokens;
        answer["lefts"] = to_array(lefts);
        answer["rights"] = to_array(rights);
        answer["mades"] = to_array(mades);
        answer["pair_counts"] = to_array(trained.pair_counts);
        answer["token_counts"] = to_array(trained.token_counts);
        return answer;
    }

    pretokens::Scanner scanner_;
    training::BoundedCounts counts_;
    // Recursive, since who is told of progress may ask the counts that are being trained on. They are not being read then.
    mutable std::recursive_mutex mutex_;
};

// What a vocabulary is made of, by rank: the bytes of its tokens, their ids, the two parts of each (-1: a single byte, or unreachable) and
// which of them are unreachable.
py::tuple vocabulary_parts(const py::object& tokenizer) {
    const tokens::Tokenizer& known = tokenizer_of(tokenizer.ptr());
    const vocab::Vocabulary& vocabulary = known.vocabulary();
    const std::uint32_t count = vocabulary.symbol_count();
    py::list tokens(count);
    std::vector<std::int32_t> ids(count), lefts(count), rights(count), unreachable;
    for (vocab::Symbol symbol = 0; symbol < count; ++symbol) {
        const std::string_view bytes = vocabulary.bytes(symbol);
        tokens[symbol] = py::bytes(bytes.data(), bytes.size());
        ids[symbol] = static_cast<std::int32_t>(vocabulary.id(symbol));
        const auto [left, right] = known.merges().parts(symbol);
        lefts[symbol] = left == vocab::kNoSymbol ? -1 : static_cast<std::int32_t>(left);
        rights[symbol] = right == vocab::kNoSymbol ? -1 : static_cast<std::int32_t>(right);
    }
    for (const vocab::Symbol symbol : known.merges().unreachable()) unreachable.push_back(static_cast<std::int32_t>(symbol));
    return py::make_tuple(tokens, to_array(ids), to_array(lefts), to_array(rights), to_array(unreachable));
}

// See formats::write_bpe_members: tokens by id, the ids that are named otherwise than by their bytes (as JSON has the name), those without
// an entry of their own.
py::bytes bpe_members(const std::vector<py::bytes>& tokens, const py::array_t<std::int32_t, py::array::c_style>& lefts,
                      const py::array_t<std::int32_t, py::array::c_style>& rights, const std::map<std::size_t, std::string>& names,
                      const std::vector<std::size_t>& without_entry) {
    const auto known = [&](std::size_t id) {
        if (id >= tokens.size()) throw Error(ErrorKind::value, "there is no token " + std::to_string(id), static_cast<std::int64_t>(id));
        return id;
    };
    std::vector<std::string> quoted;
    quoted.reserve(tokens.size());
    for (const py::bytes& token : tokens) quoted.push_back(formats::quoted_spelling(std::string_view(token)));
    for (const auto& [id, name] : names) quoted[known(id)] = name;
    std::vector<std::uint8_t> has_entry(tokens.size(), 1);
    for (const std::size_t id : without_entry) has_entry[known(id)] = 0;
    if (lefts.size() != rights.size()) throw Error(ErrorKind::value, "a merge has two parts");
    for (py::ssize_t i = 0; i < lefts.size(); ++i)
        for (const std::int32_t part : {lefts.data()[i], rights.data()[i]})
            known(part < 0 ? tokens.size() : static_cast<std::size_t>(part));
    const auto count = static_cast<std::size_t>(lefts.size());
    return formats::write_bpe_members(quoted, has_entry, {lefts.data(), count}, {rights.data(), count});
}

}  // namespace

void bind_training(py::module_& module) {
    py::class_<PyWordCounts>(module, "WordCounts", "How often each pretoken of a pattern occurs.")
        .def(py::init<const std::string&, const std::string&, std::size_t, const std::string&>(), py::arg("pattern"), py::kw_only(),
             py::arg("dialect") = "tiktoken", py::arg("memory_bytes") = 0, py::arg("directory") = "")
        .def("add_texts", &PyWordCounts::add_texts, py::arg("texts"), py::kw_only(), py::arg("weight") = 1, py::arg("threads") = py::none(),
             py::arg("invalid") = py::none(), "Counts the pretokens of all texts; nothing if one of them is refused.")
        .def("add_words", &PyWordCounts::add_words, py::arg("blob"), py::arg("offsets"), py::arg("counts"),
             "Adds words that were counted elsewhere.")
        .def("add_counts", &PyWordCounts::add_counts, py::arg("other"), "Adds all words of another.")
        .def("add_words_of", &PyWordCounts::add_words_of, py::arg("runs"), "Adds the words of this pattern in runs counted by another.")
        .def("prune", &PyWordCounts::prune, py::arg("least_count"), "Forgets the words that occur less often.")
        .def("words", &PyWordCounts::words, "All words in bytewise order: bytes back to back, int64 bounds, int64 counts.")
        .def("train", &PyWordCounts::train, py::kw_only(), py::arg("vocab_size"), py::arg("min_frequency"), py::arg("max_token_length"),
             py::arg("limit_alphabet"), py::arg("initial_alphabet"), py::arg("byte_values"), py::arg("first_tokens"), py::arg("progress"),
             "Learns merges: tokens by id, the merges as three int32 arrays, their counts.")
        .def("extend", &PyWordCounts::extend, py::arg("tokenizer"), py::kw_only(), py::arg("vocab_size"), py::arg("min_frequency"),
             py::arg("max_token_length"), py::arg("whole_words"), py::arg("progress"),
             "Learns further merges over the symbols of a tokenizer; answers as train does, the new merges only.")
        .def("extend_over_spaces", &PyWordCounts::extend_over_spaces, py::arg("tokenizer"), py::arg("words"), py::kw_only(),
             py::arg("vocab_size"), py::arg("min_frequency"), py::arg("max_token_length"), py::arg("max_words"), py::arg("whole_words"),
             py::arg("progress"), "As extend, over runs of the words that the pattern of `words` makes, across spaces.")
        .def("count_symbols", &PyWordCounts::count_symbols, py::arg("tokenizer"), py::kw_only(), py::arg("whole_words"),
             "How often each token, by rank, occurs in the words as a tokenizer encodes them: int64.")
        .def_property_readonly("total", &PyWordCounts::total, "The number of pretokens counted.")
        .def_property_readonly("byte_size", &PyWordCounts::byte_size, "What the tables occupy.")
        .def_property_readonly("spilled_bytes", &PyWordCounts::spilled_bytes, "What lies in a file because memory was bounded.")
        .def("__len__", &PyWordCounts::size);
    module.def("bpe_members", &bpe_members, py::arg("tokens"), py::arg("lefts"), py::arg("rights"), py::arg("names"),
               py::arg("without_entry"), "The vocabulary and the merges of a tokenizer.json as its text has them.");
    module.def("vocabulary_parts", &vocabulary_parts, py::arg("tokenizer"),
               "By rank: the bytes of the tokens, ids, left and right parts (-1: none); and the ranks of unreachable ones.");
}

}  // namespace tokmill::bindings
