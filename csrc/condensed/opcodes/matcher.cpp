#include "condensed/opcodes/matcher.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tokmill::condensed {

namespace {

constexpr std::uint32_t kRebaseAt = std::uint32_t(1) << 31;

}  // namespace

std::size_t common_length(const std::int32_t* a, const std::int32_t* b, std::size_t most) noexcept {
    std::size_t length = 0;
    for (; length + 2 <= most; length += 2) {
        const std::uint64_t difference = load<std::uint64_t>(a + length) ^ load<std::uint64_t>(b + length);
        if (difference == 0) continue;
        // The lower half is the first id on a little-endian machine: 0x0000000500000000 differs in the second only.
        if constexpr (std::endian::native == std::endian::little) return length + ((difference & 0xFFFFFFFF) == 0 ? 1 : 0);
        return length + (a[length] == b[length] ? 1 : 0);
    }
    return length + (length < most && a[length] == b[length] ? 1 : 0);
}

Matcher::Matcher(std::size_t window, std::size_t least, std::uint32_t first_place)
    : window_(window), least_(least), place_(first_place), inserted_(first_place) {
    const std::size_t ring = std::bit_ceil(std::max<std::size_t>(window, 16));
    mask_ = static_cast<std::uint32_t>(ring - 1);
    // Twice as many chains as places.
    shift_ = 63 - static_cast<std::uint32_t>(std::countr_zero(ring));
    first_.reserve_discarding(2 * ring);
    before_.reserve_discarding(ring);
    std::memset(first_.data(), 0, 2 * ring * sizeof(std::uint32_t));
    std::memset(before_.data(), 0, ring * sizeof(std::uint32_t));
}

Matcher& Matcher::operator=(const Matcher& other) {
    if (this == &other) return *this;
    window_ = other.window_;
    least_ = other.least_;
    reach_ = other.reach_;
    place_ = other.place_;
    inserted_ = other.inserted_;
    shift_ = other.shift_;
    mask_ = other.mask_;
    const std::size_t ring = std::size_t(mask_) + 1;
    first_.reserve_discarding(2 * ring);
    before_.reserve_discarding(ring);
    std::memcpy(first_.data(), other.first_.data(), 2 * ring * sizeof(std::uint32_t));
    std::memcpy(before_.data(), other.before_.data(), ring * sizeof(std::uint32_t));
    return *this;
}

// Counts all places down, so that they never come round: those out of reach become 0, which is in no chain.
void Matcher::rebase() noexcept {
    const std::uint32_t down = place_ - static_cast<std::uint32_t>(std::min<std::size_t>(window_, place_ - 1)) - 1;
    const auto lower = [down](std::uint32_t& place) { place = place > down ? place - down : 0; };
    std::for_each(first_.data(), first_.data() + 2 * (std::size_t(mask_) + 1), lower);
    // The ring is indexed by place: each moves to where it is looked for from now on.
    Buffer<std::uint32_t> moved(std::size_t(mask_) + 1);
    for (std::uint32_t i = 0; i <= mask_; ++i) {
        lower(before_[i]);
        moved[(i - down) & mask_] = before_[i];
    }
    before_ = std::move(moved);
    place_ -= down;
    inserted_ = inserted_ > down ? inserted_ - down : 1;
}

Match Matcher::find(const std::int32_t* ids, std::size_t most) noexcept {
    Match best;
    if (most < least_) return best;
    if (place_ >= kRebaseAt) [[unlikely]]
        rebase();
    const std::size_t missing = std::min<std::size_t>({place_ - inserted_, reach_, window_});
    for (std::size_t back = missing; back > 0; --back) insert(ids - back, place_ - static_cast<std::uint32_t>(back));
    inserted_ = place_;
    const std::size_t reach = std::min(reach_, window_);
    std::uint32_t place = first_[hash(ids)];
    std::size_t offset = 0;
    for (int looked_at = 0; looked_at < kMaxPlaces; ++looked_at) {
        // Chains lead back; what does not is from before, overwritten.
        const std::size_t here = place_ - place;
        if (place == 0 || here <= offset || here > reach) break;
        offset = here;
        const std::int32_t* const there = ids - offset;
        if (there[best.length] == ids[best.length]) {
            const std::size_t length = common_length(there, ids, most);
            if (length > best.length) {
                best = {offset, length};
                if (length == most) break;
            }
        }
        place = before_[place & mask_];
    }
    return best.length < least_ ? Match{} : best;
}

}  // namespace tokmill::condensed
