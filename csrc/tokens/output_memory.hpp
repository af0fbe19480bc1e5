// Memory for results that NumPy adopts. Results are large, short-lived and of similar sizes, which suits malloc badly: fresh
// pages cost 12 % of the time of encoding 10 MB of English, and arenas of many calling threads keep what they once had. So
// large blocks are mapped from the system (in huge pages from 1.25 MiB), and a few that were given back wait for the next
// call: at most kKeptBytes in all, and kLentBytes that the system may have back whenever it needs them.
#pragma once

#include <cstddef>
#include <utility>

namespace tokmill::tokens {

class OutputMemory {
public:
    OutputMemory() = default;
    // At least `least` bytes: a block that waits, if one is large enough, else `wanted` bytes. Contents undefined. std::bad_alloc.
    OutputMemory(std::size_t least, std::size_t wanted);
    OutputMemory(OutputMemory&& other) noexcept { swap(other); }
    OutputMemory& operator=(OutputMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~OutputMemory();

    void* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

    // Room for at least `bytes`; the first `keep` bytes survive. Mapped memory moves without being copied where the system can.
    void grow(std::size_t bytes, std::size_t keep);
    // Gives the pages behind the first `bytes` back to the system.
    void trim(std::size_t bytes) noexcept;

    // The most that blocks waiting for the next call take ...
    static constexpr std::size_t kKeptBytes = std::size_t(27) << 20;
    // ... and two larger ones besides, whose pages the system may take at any time, if it wants them.
    static constexpr std::size_t kLentBytes = std::size_t(96) << 20;

private:
    void swap(OutputMemory& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(mapped_, other.mapped_);
    }
    bool take_kept(std::size_t least, std::size_t wanted) noexcept;
    bool keep() noexcept;

    void* data_ = nullptr;
    std::size_t size_ = 0;
    bool mapped_ = false;  // else from malloc
};

}  // namespace tokmill::tokens
