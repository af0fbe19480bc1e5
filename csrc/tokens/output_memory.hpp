// Memory for results that NumPy adopts. Results are large, short-lived and of similar sizes, which suits malloc badly: fresh
// pages cost 12 % of the time of encoding 10 MB of English, and arenas of many calling threads keep what they once had. So
// large blocks are mapped from the system (with huge pages from 4 MiB), and a few that were given back wait for the next
// call: at most kKeptBytes in all.
#pragma once

#include <cstddef>
#include <utility>

namespace tokmill::tokens {

class OutputMemory {
public:
    OutputMemory() = default;
    // At least `bytes`, more if a block that waits is larger; its contents are undefined. std::bad_alloc.
    explicit OutputMemory(std::size_t bytes);
    OutputMemory(OutputMemory&& other) noexcept { swap(other); }
    OutputMemory& operator=(OutputMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~OutputMemory();

    void* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    // Gives pages behind the first `bytes` back to the system, if that is worth a system call.
    void trim(std::size_t bytes) noexcept;

    // The most that blocks waiting for the next call take.
    static constexpr std::size_t kKeptBytes = std::size_t(13) << 20;

private:
    void swap(OutputMemory& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(mapping_, other.mapping_);
        std::swap(mapping_bytes_, other.mapping_bytes_);
    }
    bool take_kept(std::size_t bytes) noexcept;
    bool keep() noexcept;

    void* data_ = nullptr;
    std::size_t size_ = 0;
    void* mapping_ = nullptr;  // null: from malloc
    std::size_t mapping_bytes_ = 0;
};

}  // namespace tokmill::tokens
