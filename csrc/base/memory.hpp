// Memory for tables and for scratch space: aligned to a cache line, never shrinking behind one's back, and either
// owned or borrowed from a mapped file. Running out throws std::bad_alloc (MemoryError in Python).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tokmill {

inline constexpr std::size_t kCacheLineBytes = 64;

// An array of plain values on cache-line boundaries. New elements are not initialised.
template <class T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    Buffer() = default;
    explicit Buffer(std::size_t count) { reserve_discarding(count); }

    T* data() noexcept { return data_.get(); }
    const T* data() const noexcept { return data_.get(); }
    std::size_t capacity() const noexcept { return capacity_; }
    T& operator[](std::size_t i) noexcept { return data_.get()[i]; }
    const T& operator[](std::size_t i) const noexcept { return data_.get()[i]; }

    // Room for at least `count` elements; what was there is lost if it has to grow.
    void reserve_discarding(std::size_t count) {
        if (count <= capacity_) return;
        data_.reset();
        capacity_ = 0;
        data_.reset(allocate(count));
        capacity_ = count;
    }

    // Room for at least `count` elements; the first `keep` survive. Grows by half, so that appending stays linear.
    void grow(std::size_t count, std::size_t keep) {
        if (count <= capacity_) return;
        const std::size_t wanted = count > capacity_ + capacity_ / 2 ? count : capacity_ + capacity_ / 2;
        std::unique_ptr<T, Free> bigger(allocate(wanted));
        if (keep != 0) std::memcpy(bigger.get(), data_.get(), keep * sizeof(T));
        data_ = std::move(bigger);
        capacity_ = wanted;
    }

private:
    struct Free {
        void operator()(T* p) const noexcept { ::operator delete(p, std::align_val_t(kCacheLineBytes)); }
    };
    static T* allocate(std::size_t count) {
        if (count > (std::size_t(1) << 46) / sizeof(T)) throw std::bad_alloc();
        return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(kCacheLineBytes)));
    }

    std::unique_ptr<T, Free> data_;
    std::size_t capacity_ = 0;
};

// A read-only column of a table: owned when it was computed, borrowed when it lies in a mapped snapshot.
template <class T>
class Column {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    Column() = default;
    explicit Column(std::vector<T> owned) : owned_(std::move(owned)), view_(owned_) {}
    static Column borrow(std::span<const T> view) {
        Column column;
        column.view_ = view;
        return column;
    }
    Column(Column&& other) noexcept { *this = std::move(other); }
    Column& operator=(Column&& other) noexcept {
        const bool owns = !other.owned_.empty();
        owned_ = std::move(other.owned_);
        view_ = owns ? std::span<const T>(owned_) : other.view_;
        other.owned_.clear();
        other.view_ = {};
        return *this;
    }

    const T* data() const noexcept { return view_.data(); }
    std::size_t size() const noexcept { return view_.size(); }
    const T& operator[](std::size_t i) const noexcept { return view_[i]; }
    std::span<const T> view() const noexcept { return view_; }

private:
    std::vector<T> owned_;
    std::span<const T> view_;
};

// An unaligned load, the only legal way to read a wider value out of bytes.
template <class T>
inline T load(const void* bytes) noexcept {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

}  // namespace tokmill
