// A file for what does not fit into memory. It has no name from the moment that it is made, so the system removes it when it is closed,
// also after a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tokmill {

class SpillFile {
public:
    // `content` is what messages call the bytes ("n-gram counts"). Error(output) naming the directory and the reason.
    SpillFile(const std::string& directory, std::string content);
    ~SpillFile();
    SpillFile(const SpillFile&) = delete;
    SpillFile& operator=(const SpillFile&) = delete;

    // Error(output) naming the directory and the reason.
    void write(std::uint64_t offset, const void* data, std::size_t byte_count) const;
    // Error(input), also when the file ends before.
    void read(std::uint64_t offset, void* out, std::size_t byte_count) const;
    int descriptor() const noexcept { return descriptor_; }

private:
    std::string directory_, content_;
    int descriptor_ = -1;
};

}  // namespace tokmill
