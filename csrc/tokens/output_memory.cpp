#include "tokens/output_memory.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define TOKMILL_MAPS_OUTPUT 1
#endif

namespace tokmill::tokens {

namespace {

constexpr std::size_t kMappedBytes = std::size_t(64) << 10;
constexpr std::size_t kHugePageBytes = std::size_t(2) << 20;

// Places for blocks that wait, each for one range of sizes, so that small ones do not crowd out a large one. Each is taken
// and filled by one atomic exchange, so that a fork at any moment leaves the child's places in order.
struct Place {
    std::size_t least_bytes;
    std::size_t most_bytes;
    std::atomic<OutputMemory*> block{nullptr};
};
constexpr std::size_t kKiB = 1024;
constexpr std::size_t kSmallBytes = 256 * kKiB;
constexpr std::size_t kLargeBytes = 12288 * kKiB;
constexpr std::size_t kLargestBytes = 49152 * kKiB;
// Small ones: what two arrays of four threads wait in between two calls. Large ones are two as well: ids, and what there is an id.
Place places[] = {{0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {0, kSmallBytes},
                  {kSmallBytes, 1024 * kKiB},
                  {1024 * kKiB, kLargeBytes},
                  {1024 * kKiB, kLargeBytes},
                  {kLargeBytes + 1, kLargestBytes},
                  {kLargeBytes + 1, kLargestBytes}};
static_assert(OutputMemory::kKeptBytes == 8 * kSmallBytes + 1024 * kKiB + 2 * kLargeBytes);
static_assert(OutputMemory::kLentBytes == 2 * kLargestBytes);

#if defined(TOKMILL_MAPS_OUTPUT)
std::size_t page_rounded(std::size_t bytes) {
    static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
}

// From here on whole huge pages are asked for: to touch 16 bytes first costs 0.5 ns in one, 7 ns in pages of 4 KiB (under a hypervisor),
// and encoding an id 6 to 9.
constexpr std::size_t kHugeBytes = kHugePageBytes / 8 * 5;

std::size_t mapping_bytes(std::size_t bytes) {
    return bytes < kHugeBytes ? page_rounded(bytes) : (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

// `bytes` (of mapping_bytes()) from the system; whole huge pages begin at one.
void* map(std::size_t bytes) {
    const std::size_t spare = bytes >= kHugeBytes ? kHugePageBytes : 0;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_NORESERVE)
    flags |= MAP_NORESERVE;  // most of a generous guess is never touched
#endif
    void* mapping = mmap(nullptr, bytes + spare, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    if (spare == 0) return mapping;
    auto* const begin = static_cast<std::uint8_t*>(mapping);
    const std::size_t before = (kHugePageBytes - reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes) % kHugePageBytes;
    if (before != 0) munmap(begin, before);
    if (spare != before) munmap(begin + before + bytes, spare - before);
#if defined(MADV_HUGEPAGE)
    madvise(begin + before, bytes, MADV_HUGEPAGE);
#endif
    return begin + before;
}
#endif

}  // namespace

OutputMemory::OutputMemory(std::size_t least, std::size_t wanted) {
    if (wanted > SIZE_MAX / 4) throw std::bad_alloc();
#if defined(TOKMILL_MAPS_OUTPUT)
    if (wanted >= kMappedBytes) {
        if (take_kept(least, wanted)) return;
        size_ = mapping_bytes(wanted);
        data_ = map(size_);
        mapped_ = true;
        return;
    }
#endif
    (void)least;
    data_ = std::malloc(wanted == 0 ? 1 : wanted);
    if (data_ == nullptr) throw std::bad_alloc();
    size_ = wanted;
}

OutputMemory::~OutputMemory() {
    if (data_ == nullptr) return;
#if defined(TOKMILL_MAPS_OUTPUT)
    if (mapped_) {
        if (!keep()) munmap(data_, size_);
        return;
    }
#endif
    std::free(data_);
}

void OutputMemory::grow(std::size_t bytes, std::size_t keep) {
    if (bytes <= size_) return;
#if defined(__linux__)
    if (mapped_) {
        const std::size_t larger = page_rounded(bytes);
        void* moved = mremap(data_, size_, larger, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED) throw std::bad_alloc();
        data_ = moved;
        size_ = larger;
        return;
    }
#endif
    OutputMemory larger(bytes, bytes);
    if (keep != 0) std::memcpy(larger.data_, data_, keep);
    swap(larger);
}

void OutputMemory::trim(std::size_t bytes) noexcept {
#if defined(TOKMILL_MAPS_OUTPUT)
    // What is less than half stays: the next result is of about this size, and its last pages need not be fresh ones. So does the rest
    // of a huge page, which would have to be split.
    const std::size_t used = mapping_bytes(bytes == 0 ? 1 : bytes);
    if (!mapped_ || used >= size_ / 2 || munmap(static_cast<std::uint8_t*>(data_) + used, size_ - used) != 0) return;
    size_ = used;
#else
    (void)bytes;
#endif
}

#if defined(TOKMILL_MAPS_OUTPUT)
// The smallest block that will hardly have to grow (half of what is wanted, which is a generous guess), or else the largest that is large
// enough to begin with. A much larger one is left to those who need it: it would be cut (see trim()) to this one's size.
bool OutputMemory::take_kept(std::size_t least, std::size_t wanted) noexcept {
    const std::size_t most = mapping_bytes(2 * wanted);
    OutputMemory* best = nullptr;
    const auto put_back = [](Place& place, OutputMemory* block) {
        OutputMemory* expected = nullptr;
        if (!place.block.compare_exchange_strong(expected, block, std::memory_order_release)) delete block;
    };
    Place* place_of_best = nullptr;
    for (Place& place : places) {
        if (place.most_bytes < least || place.least_bytes > most) continue;
        OutputMemory* kept = place.block.exchange(nullptr, std::memory_order_acquire);
        if (kept == nullptr) continue;
        bool is_better = kept->size_ >= least && kept->size_ <= most;
        if (best != nullptr && is_better) is_better = (kept->size_ < best->size_) == (std::min(kept->size_, best->size_) >= wanted / 2);
        if (!is_better) {
            put_back(place, kept);
            continue;
        }
        if (best != nullptr) put_back(*place_of_best, best);
        best = kept;
        place_of_best = &place;
    }
    if (best == nullptr) return false;
    swap(*best);
    delete best;  // holds nothing now
    return true;
}

// Leaves the block in the first place for its size; what waited there moves on to the next, and the oldest goes. A block that nothing asks
// for any more would else keep those out that are asked for.
bool OutputMemory::keep() noexcept {
    auto* waiting = new (std::nothrow) OutputMemory;
    if (waiting == nullptr) return false;
    const std::size_t size = size_;
#if defined(MADV_FREE)
    if (size > kLargeBytes) madvise(data_, size, MADV_FREE);
#endif
    waiting->swap(*this);
    for (Place& place : places) {
        if (size < place.least_bytes || size > place.most_bytes) continue;
        waiting = place.block.exchange(waiting, std::memory_order_acq_rel);
        if (waiting == nullptr) return true;
    }
    swap(*waiting);
    delete waiting;  // holds nothing now
    return false;
}
#endif

}  // namespace tokmill::tokens
