// Records as the arrays that Python takes.
#pragma once

#include <utility>

#include "bindings/python.hpp"
#include "condensed/condensed.hpp"

namespace tokmill::bindings {

inline py::array_t<std::uint8_t> to_bytes(std::span<const std::uint8_t> bytes) {
    return py::array_t<std::uint8_t>(static_cast<py::ssize_t>(bytes.size()), bytes.data());
}

// (ops, a, b, base counts, literals)
inline py::tuple record_arrays(condensed::Records&& records) {
    records.finish();
    return py::make_tuple(to_bytes(records.ops()), to_numpy(std::move(records.a)), to_numpy(std::move(records.b)),
                          to_numpy(std::move(records.base_counts)), to_numpy(std::move(records.literals)));
}

// (records, offsets, literal offsets)
inline py::tuple document_arrays(condensed::OpcodeDocuments&& documents) {
    return py::make_tuple(record_arrays(std::move(documents.records)), to_numpy(documents.ends, true),
                          to_numpy(documents.literal_ends, true));
}

}  // namespace tokmill::bindings
