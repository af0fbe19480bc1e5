// The output: ids of the type that the caller asked for, in memory that NumPy can adopt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "base/errors.hpp"

namespace tokmill::tokens {

enum class IdType : std::uint8_t { int32, uint32, uint16, int64 };

constexpr std::size_t id_bytes(IdType type) noexcept { return type == IdType::uint16 ? 2 : type == IdType::int64 ? 8 : 4; }

// Elements after the last id that a writer may overwrite in an array that it has prepared.
inline constexpr std::size_t kIdArraySlack = 16;

class IdArray {
public:
    explicit IdArray(IdType type = IdType::int32) noexcept : type_(type) {}
    // Over the caller's own memory (out=): never grows.
    IdArray(IdType type, void* memory, std::size_t capacity) noexcept : data_(memory), capacity_(capacity), type_(type), borrowed_(true) {}
    IdArray(IdArray&& other) noexcept { swap(other); }
    IdArray& operator=(IdArray&& other) noexcept {
        swap(other);
        return *this;
    }
    ~IdArray() {
        if (!borrowed_) std::free(data_);
    }

    IdType type() const noexcept { return type_; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    const void* data() const noexcept { return data_; }
    void* data() noexcept { return data_; }

    // Makes room for `more` ids, and kIdArraySlack elements beyond unless the memory is the caller's.
    void prepare(std::size_t more) {
        const std::size_t needed = size_ + more + (borrowed_ ? 0 : kIdArraySlack);
        if (needed <= capacity_) return;
        if (borrowed_)
            throw Error(ErrorKind::value, "out= holds " + std::to_string(capacity_) + " ids, the text has more; a text never has more ids than bytes");
        reserve(needed > capacity_ + capacity_ / 2 ? needed : capacity_ + capacity_ / 2);
    }
    // Room for `count` ids in all. Untouched pages cost nothing, so a generous guess is cheap.
    void reserve(std::size_t count);
    bool has_slack() const noexcept { return !borrowed_; }
    void set_size(std::size_t size) noexcept { size_ = size; }

    // Gives back what was reserved in vain and hands over the memory, to be freed with std::free.
    void* release() noexcept {
        if (size_ != 0 && size_ < capacity_)
            if (void* shrunk = std::realloc(data_, size_ * id_bytes(type_))) data_ = shrunk;
        return std::exchange(data_, nullptr);
    }

private:
    void swap(IdArray& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(type_, other.type_);
        std::swap(borrowed_, other.borrowed_);
    }

    void* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    IdType type_ = IdType::int32;
    bool borrowed_ = false;
};

}  // namespace tokmill::tokens
