#include "tokens/output_memory.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define TOKMILL_MAPS_OUTPUT 1
#endif

namespace tokmill::tokens {

namespace {

constexpr std::size_t kMappedBytes = std::size_t(64) << 10;
constexpr std::size_t kHugePageBytes = std::size_t(2) << 20;

// Places for blocks that wait. Each is taken and filled by one atomic exchange, so that a fork at any moment leaves the
// child's places in order.
struct Place {
    std::size_t most_bytes;
    std::atomic<OutputMemory*> block{nullptr};
};
Place places[] = {{std::size_t(256) << 10}, {std::size_t(256) << 10}, {std::size_t(512) << 10}, {std::size_t(12) << 20}};

constexpr std::size_t kKeptSum = (std::size_t(256) << 10) * 2 + (std::size_t(512) << 10) + (std::size_t(12) << 20);
static_assert(kKeptSum == OutputMemory::kKeptBytes);

}  // namespace

OutputMemory::OutputMemory(std::size_t bytes) {
#if defined(TOKMILL_MAPS_OUTPUT)
    if (bytes >= kMappedBytes) {
        if (take_kept(bytes)) return;
        const bool huge = bytes >= 2 * kHugePageBytes;
        const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        size_ = (bytes + page - 1) / page * page;
        mapping_bytes_ = size_ + (huge ? kHugePageBytes : 0);
        int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_NORESERVE)
        flags |= MAP_NORESERVE;  // most of a generous guess is never touched
#endif
        if (mapping_bytes_ < bytes) throw std::bad_alloc();
        void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (mapping == MAP_FAILED) throw std::bad_alloc();
        mapping_ = mapping;
        data_ = mapping;
#if defined(MADV_HUGEPAGE)
        if (huge) {
            const auto begin = (reinterpret_cast<std::uintptr_t>(mapping) + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
            data_ = reinterpret_cast<void*>(begin);
            madvise(data_, size_, MADV_HUGEPAGE);
        }
#endif
        return;
    }
#endif
    data_ = std::malloc(bytes == 0 ? 1 : bytes);
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = bytes;
}

OutputMemory::~OutputMemory() {
    if (data_ == nullptr) return;
#if defined(TOKMILL_MAPS_OUTPUT)
    if (mapping_ != nullptr) {
        if (!keep()) munmap(mapping_, mapping_bytes_);
        return;
    }
#endif
    std::free(data_);
}

void OutputMemory::trim(std::size_t bytes) noexcept {
#if defined(TOKMILL_MAPS_OUTPUT)
    if (mapping_ == nullptr || size_ <= places[3].most_bytes) return;
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(data_);
    const std::uintptr_t end = (begin + bytes + page - 1) / page * page;
    const std::uintptr_t mapping_end = reinterpret_cast<std::uintptr_t>(mapping_) + mapping_bytes_;
    if (end >= mapping_end || munmap(reinterpret_cast<void*>(end), mapping_end - end) != 0) return;
    mapping_bytes_ -= mapping_end - end;
    size_ = end - begin;
#else
    (void)bytes;
#endif
}

// The smallest place that may hold such a block, if a large enough one waits there.
bool OutputMemory::take_kept(std::size_t bytes) noexcept {
    for (Place& place : places) {
        if (place.most_bytes < bytes) continue;
        OutputMemory* kept = place.block.exchange(nullptr, std::memory_order_acquire);
        if (kept == nullptr) continue;
        if (kept->size_ >= bytes) {
            swap(*kept);
            delete kept;  // holds nothing now
            return true;
        }
        OutputMemory* expected = nullptr;
        if (!place.block.compare_exchange_strong(expected, kept, std::memory_order_release)) delete kept;
    }
    return false;
}

// Leaves the block in the smallest place for it; a block that waited there goes back to the system.
bool OutputMemory::keep() noexcept {
    for (Place& place : places) {
        if (size_ > place.most_bytes) continue;
        auto* kept = new (std::nothrow) OutputMemory;
        if (kept == nullptr) return false;
        kept->swap(*this);
        OutputMemory* expected = nullptr;
        if (place.block.compare_exchange_strong(expected, kept, std::memory_order_release)) return true;
        swap(*kept);
        delete kept;
    }
    return false;
}

}  // namespace tokmill::tokens
