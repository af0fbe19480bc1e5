// Laying out sequences, and finding the headers of long ones.
#include "training/sequences.hpp"

#include "base/errors.hpp"

namespace tokmill::training {

void Sequences::reserve(std::size_t sequence_count, std::size_t symbol_count) {
    slots_.reserve(sequence_count * kHeaderSlots + symbol_count + 1);
}

void Sequences::add(std::span<const std::int32_t> symbols, std::int64_t count) {
    if (symbols.size() < 2) return;
    const std::size_t begin = slots_.size(), slot_count = kHeaderSlots + symbols.size();
    if (slot_count >= ~Slot(0) - begin)
        throw Error(ErrorKind::value, "more than 2^32 - 2 symbols in all distinct sequences; prune rare ones, or train on less text");
    slots_.resize(begin + slot_count);
    std::uint32_t* const to = slots_.data() + begin;
    to[0] = static_cast<std::uint32_t>(count >> 32) | kHeaderBit;
    to[1] = static_cast<std::uint32_t>(count);
    for (std::uint32_t i = kHeaderSlots; i < slot_count; ++i)
        to[i] = std::min(i, kFar) << kSymbolBits | static_cast<std::uint32_t>(symbols[i - kHeaderSlots]);
    if (slot_count > kFar) long_headers_.push_back(static_cast<Slot>(begin));
    symbol_count_ += symbols.size();
}

void Sequences::finish() {
    slots_.push_back(kHeaderBit);
    if (long_headers_.empty()) return;
    // A far slot lies at least kFar behind its header, so its header lies not behind the first slot of its block.
    far_headers_.resize(slots_.size() / kFarBlock + 1);
    for (std::size_t block = 0, next = 0; block < far_headers_.size(); ++block) {
        while (next < long_headers_.size() && long_headers_[next] <= block * kFarBlock) ++next;
        if (next != 0) far_headers_[block] = long_headers_[next - 1];
    }
    long_headers_ = {};
}

}  // namespace tokmill::training
