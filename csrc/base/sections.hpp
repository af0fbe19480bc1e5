// A file of named sections: the container of snapshots. Knows nothing of what the sections mean; each room writes
// and maps its own. Layout, all numbers little-endian:
//
//   bytes 0-7    magic "TOKMILL\n"
//   bytes 8-11   u32 container version (1)        bytes 12-15  u32 number of sections
//   bytes 16-23  u64 length of the whole file     bytes 24-63  zero
//   then one 64-byte row a section: name (40 bytes, zero-padded), u64 offset, u64 length, u64 zero
//   then the sections, each at a multiple of 64 bytes, gaps zero
//
// The digest that protects a file against damage is the business of whoever stores it (see formats/).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/errors.hpp"

namespace tokmill {

// Where sections of given lengths lie, for those who write a file piece by piece: the bytes before the first section, the offset of
// each, and the length of the whole file (zeros go between and after the sections).
struct SectionLayout {
    std::vector<std::uint8_t> table;
    std::vector<std::uint64_t> offsets;
    std::uint64_t file_bytes = 0;
};
SectionLayout lay_out_sections(std::span<const std::pair<std::string, std::uint64_t>> names_and_lengths);

// Error(snapshot) that says what is wrong with a file that was written whole once.
[[noreturn]] void refuse_damaged(const std::string& what);

class SectionWriter {
public:
    template <class T>
    void add(std::string_view name, std::span<const T> values) {
        add_bytes(name, values.data(), values.size_bytes());
    }
    void add_bytes(std::string_view name, const void* data, std::size_t byte_count);

    std::vector<std::uint8_t> finish() const;

private:
    std::vector<std::pair<std::string, std::vector<std::uint8_t>>> sections_;
};

// Reads a container in place: the bytes have to stay where they are, 64-byte aligned (mapped files are).
// Throws Error(snapshot) for anything that does not fit, before any section is handed out.
class SectionReader {
public:
    explicit SectionReader(std::span<const std::uint8_t> file);

    bool has(std::string_view name) const noexcept;

    // A section as an array of T; a missing one or a length that is no multiple of T is an error.
    template <class T>
    std::span<const T> get(std::string_view name) const {
        const std::span<const std::uint8_t> bytes = get_bytes(name);
        if (bytes.size() % sizeof(T) != 0)
            throw Error(ErrorKind::snapshot, "section '" + std::string(name) + "' is not a whole number of elements");
        return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
    }
    // As get(), with the number of elements that the caller needs.
    template <class T>
    std::span<const T> get(std::string_view name, std::size_t count) const {
        const std::span<const T> values = get<T>(name);
        if (values.size() != count)
            throw Error(ErrorKind::snapshot, "section '" + std::string(name) + "' has " + std::to_string(values.size()) +
                                                 " elements, expected " + std::to_string(count));
        return values;
    }
    std::span<const std::uint8_t> get_bytes(std::string_view name) const;
    std::span<const std::pair<std::string, std::span<const std::uint8_t>>> sections() const noexcept { return sections_; }

private:
    std::vector<std::pair<std::string, std::span<const std::uint8_t>>> sections_;
};

}  // namespace tokmill
