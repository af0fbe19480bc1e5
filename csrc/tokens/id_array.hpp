// The output: ids of the type that the caller asked for, in memory that NumPy can adopt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "base/errors.hpp"
#include "tokens/output_memory.hpp"

namespace tokmill::tokens {

enum class IdType : std::uint8_t { int32, uint32, uint16, int64 };

constexpr std::size_t id_bytes(IdType type) noexcept { return type == IdType::uint16 ? 2 : type == IdType::int64 ? 8 : 4; }

// Elements after the last id that a writer may overwrite in an array that it has prepared.
inline constexpr std::size_t kIdArraySlack = 16;

class IdArray {
public:
    explicit IdArray(IdType type = IdType::int32) noexcept : type_(type) {}
    // Over the caller's own memory (out=): never grows.
    IdArray(IdType type, void* memory, std::size_t capacity) noexcept
        : borrowed_(memory), capacity_(capacity), type_(type), slack_(false) {}
    // Over memory of the caller's that has kIdArraySlack elements to spare behind `capacity`.
    static IdArray with_slack(IdType type, void* memory, std::size_t capacity) noexcept {
        IdArray array(type, memory, capacity + kIdArraySlack);
        array.slack_ = true;
        return array;
    }
    IdArray(IdArray&&) noexcept = default;
    IdArray& operator=(IdArray&&) noexcept = default;

    IdType type() const noexcept { return type_; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    void* data() const noexcept { return borrowed_ != nullptr ? borrowed_ : memory_.data(); }

    // Makes room for `more` ids, and kIdArraySlack elements beyond unless the memory is the caller's.
    void prepare(std::size_t more) {
        const std::size_t needed = size_ + more + (slack_ ? kIdArraySlack : 0);
        if (needed <= capacity_) return;
        if (borrowed_ != nullptr)
            throw Error(ErrorKind::value,
                        "out= holds " + std::to_string(capacity_) + " ids, the text has more; a text never has more ids than bytes");
        reserve(needed > capacity_ + capacity_ / 2 ? needed : capacity_ + capacity_ / 2);
    }
    // Room for `count` ids in all.
    void reserve(std::size_t count) {
        if (count <= capacity_ || borrowed_ != nullptr) return;
        if (count > SIZE_MAX / 4 / id_bytes(type_)) throw std::bad_alloc();
        const std::size_t bytes = count * id_bytes(type_);
        if (memory_.data() == nullptr) {
            memory_ = OutputMemory(bytes, bytes);
        } else {
            memory_.grow(bytes, size_ * id_bytes(type_));
        }
        capacity_ = memory_.size() / id_bytes(type_);
    }
    // For an empty array, before the ids of so many bytes of text come: hardly fewer ids than one to eight bytes.
    // Pages that stay untouched cost nothing, so the guess is generous.
    void expect(std::size_t text_bytes) {
        if (memory_.data() != nullptr || borrowed_ != nullptr) return;
        if (text_bytes > SIZE_MAX / 64) throw std::bad_alloc();
        memory_ = OutputMemory((text_bytes / 8 + kIdArraySlack) * id_bytes(type_), (text_bytes / 2 + kIdArraySlack) * id_bytes(type_));
        capacity_ = memory_.size() / id_bytes(type_);
    }
    bool grows() const noexcept { return borrowed_ == nullptr; }
    bool has_slack() const noexcept { return slack_; }
    void set_size(std::size_t size) noexcept { size_ = size; }

    // Hands over the memory.
    OutputMemory release() noexcept {
        memory_.trim(size_ * id_bytes(type_));
        capacity_ = 0;
        return std::move(memory_);
    }

private:
    OutputMemory memory_;
    void* borrowed_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    IdType type_ = IdType::int32;
    bool slack_ = true;
};

}  // namespace tokmill::tokens
