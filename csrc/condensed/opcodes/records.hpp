// The stream itself: records of a fixed width whose effect varies, in an array a field, and the literals in a lane of their own.
// Every field that an opcode has no use for is 0, so that a stream has one spelling.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/memory.hpp"
#include "tokens/tokens.hpp"

namespace tokmill::condensed {

enum class Op : std::uint8_t {
    literal,  // LIT    a = 0, b = n: the next n ids of the literal lane
    copy,     // COPY   a = offset, b = n: n ids from `offset` ids ago; n may be greater than the offset
    hyper,    // HYPER  a = code: the ids of a phrase
    define,   // DEF    a = slot, b = n: names the last n ids; no ids
    use,      // USE    a = slot: the ids of that name
    enter,    // ENTER  a = domain: what follows is of a domain; no ids
    leave,    // LEAVE  a = domain: the end of the innermost domain, which this is; no ids
    reset,    // RESET  nothing before it is reached by COPY or USE any more; no ids
    end,      // EOD    the end of the document; no ids
};
inline constexpr std::size_t kOpCount = 9;
const char* op_name(Op op) noexcept;

struct Record {
    Op op;
    std::int32_t a;
    std::int32_t b;
    std::int32_t base_count;
};

// Records that are being made.
class Records {
public:
    std::size_t size() const noexcept { return size_; }

    void put(const Record& record) {
        if (size_ == capacity_) grow();
        ops_[size_] = static_cast<std::uint8_t>(record.op);
        data(a)[size_] = record.a;
        data(b)[size_] = record.b;
        data(base_counts)[size_] = record.base_count;
        ++size_;
    }
    void put_literals(const std::int32_t* ids, std::size_t count) {
        if (count == 0) return;
        literals.prepare(count);
        std::memcpy(data(literals) + literals.size(), ids, count * sizeof(std::int32_t));
        literals.set_size(literals.size() + count);
    }
    void clear() noexcept {
        size_ = 0;
        literals.set_size(0);
    }
    std::span<const std::uint8_t> ops() const noexcept { return {ops_.data(), size_}; }
    // The int32 arrays are as long as there are records from here on.
    void finish() noexcept {
        for (tokens::IdArray* array : {&a, &b, &base_counts}) array->set_size(size_);
    }
    // Room for so many records and literals, whose values the caller then writes.
    void resize(std::size_t records, std::size_t literal_count) {
        ops_.grow(records, 0);
        for (tokens::IdArray* array : {&a, &b, &base_counts}) array->reserve(records);
        capacity_ = size_ = records;
        literals.reserve(literal_count);
        literals.set_size(literal_count);
        finish();
    }
    std::uint8_t* op_data() noexcept { return ops_.data(); }
    static std::int32_t* data(const tokens::IdArray& array) noexcept { return static_cast<std::int32_t*>(array.data()); }

    tokens::IdArray a, b, base_counts, literals;

private:
    void grow() {
        const std::size_t wanted = capacity_ == 0 ? 64 : 2 * capacity_;
        ops_.grow(wanted, size_);
        finish();
        for (tokens::IdArray* array : {&a, &b, &base_counts}) array->reserve(wanted);
        capacity_ = wanted;
    }

    Buffer<std::uint8_t> ops_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

// Records that are read: arrays of one length, and the lane.
struct RecordsView {
    std::span<const std::uint8_t> ops;
    std::span<const std::int32_t> a, b, base_counts, literals;

    Record operator[](std::size_t r) const noexcept { return {static_cast<Op>(ops[r]), a[r], b[r], base_counts[r]}; }
};

}  // namespace tokmill::condensed
