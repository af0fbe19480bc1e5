// The table of contents of the Python module: each bind_<room>.cpp adds its part.
#include "bindings/python.hpp"
#include "cpu/isa.hpp"
#include "pool/pool.hpp"
#include "pretokens/pretokens.hpp"

namespace tokmill::bindings {

namespace {

py::dict isa() {
    py::list supported;
    for (const cpu::Isa each : cpu::supported()) supported.append(std::string(cpu::name(each)));
    py::dict answer;
    answer["active"] = std::string(cpu::name(cpu::active()));
    answer["supported"] = supported;
    return answer;
}

py::dict patterns() {
    py::dict known;
    for (const pretokens::Pattern pattern : pretokens::kPatterns)
        if (pretokens::find_pattern(pretokens::regex(pattern)))  // not those that keep what lies between two matches: tiktoken drops it
            known[py::str(std::string(pretokens::name(pattern)))] = std::string(pretokens::regex(pattern));
    return known;
}

}  // namespace

}  // namespace tokmill::bindings

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used(), pybind11::multiple_interpreters::per_interpreter_gil()) {
    using namespace tokmill;
    bindings::register_exception_translator();
    module.doc() = "The native core of tokmill. Use it through the package.";
    module.def("isa", &bindings::isa, "The instruction sets of this machine that the kernels know, and the one in use.");
    module.def("default_thread_count", &pool::default_thread_count, "TOKMILL_THREADS, else the cores that affinity and cgroup give.");
    module.attr("PATTERNS") = bindings::patterns();
    bindings::bind_tokenizer(module);
    bindings::bind_streams(module);
    bindings::bind_training(module);
    bindings::bind_splitter(module);
    bindings::bind_normalizer(module);
    bindings::bind_tiktoken(module);
    bindings::bind_ngram_counts(module);
    bindings::bind_ngrams(module);
    bindings::bind_pipeline(module);
    bindings::bind_condensed(module);
    bindings::bind_opcodes(module);
    bindings::bind_supertokens(module);
}
