#include "tokens/framing.hpp"

#include <cstring>
#include <utility>

namespace tokmill::tokens {

namespace {

// Appends to an array that has room.
class Appender {
public:
    explicit Appender(IdArray& ids) : ids_(ids) {}
    void copy(const IdArray& from, std::size_t begin, std::size_t end) {
        const std::size_t bytes = id_bytes(ids_.type());
        if (end != begin) std::memcpy(at(), static_cast<const std::uint8_t*>(from.data()) + begin * bytes, (end - begin) * bytes);
        ids_.set_size(ids_.size() + end - begin);
    }
    void add(const std::vector<std::uint32_t>& ids) {
        for (const std::uint32_t id : ids) {
            switch (ids_.type()) {
                case IdType::int32:
                case IdType::uint32: store(id); break;
                case IdType::uint16: store(static_cast<std::uint16_t>(id)); break;
                case IdType::int64: store(static_cast<std::int64_t>(id)); break;
            }
        }
    }

private:
    void* at() const noexcept { return static_cast<std::uint8_t*>(ids_.data()) + ids_.size() * id_bytes(ids_.type()); }
    template <class Id>
    void store(Id id) {
        std::memcpy(at(), &id, sizeof id);
        ids_.set_size(ids_.size() + 1);
    }

    IdArray& ids_;
};

}  // namespace

const formats::Frame* frame_of(const Preprocessing* preprocessing, bool is_pair, bool adds_special_tokens) {
    static const formats::Frame kNone;
    if (preprocessing == nullptr) return is_pair ? &kNone : nullptr;
    if (is_pair) return &preprocessing->components().pair;
    return adds_special_tokens ? &preprocessing->components().single : nullptr;
}

formats::Frame filler(const formats::Frame& frame, std::size_t width, std::uint32_t value) {
    formats::Frame out = frame;
    for (std::vector<std::uint32_t>* ids : {&out.before, &out.between, &out.after}) ids->assign(width * ids->size(), value);
    return out;
}

IdArray framed(const IdArray& first, const IdArray* second, const formats::Frame& frame, bool adds) {
    IdArray ids(first.type());
    const std::size_t added = frame.before.size() + frame.between.size() + frame.after.size();
    ids.prepare(first.size() + (second != nullptr ? second->size() : 0) + added);
    Appender out(ids);
    const IdArray* const left = second != nullptr && frame.second_first ? second : &first;
    const IdArray* const right = left == &first ? second : &first;
    if (adds) out.add(frame.before);
    out.copy(*left, 0, left->size());
    if (second != nullptr) {
        if (adds) out.add(frame.between);
        out.copy(*right, 0, right->size());
    }
    if (adds) out.add(frame.after);
    return ids;
}

IdArray framed_rows(const IdArray& ids, std::vector<std::uint64_t>& ends, const formats::Frame& frame) {
    IdArray rows(ids.type());
    rows.prepare(ids.size() + ends.size() * (frame.before.size() + frame.after.size()));
    Appender out(rows);
    std::uint64_t begin = 0;
    for (std::uint64_t& end : ends) {
        out.add(frame.before);
        out.copy(ids, begin, end);
        out.add(frame.after);
        begin = std::exchange(end, rows.size());
    }
    return rows;
}

}  // namespace tokmill::tokens
