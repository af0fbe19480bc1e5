// Token by token: the specification of the others. What stands behind their last eight is left to it.
#include "tokens/kernels/span_kernels.hpp"

namespace tokmill::tokens::scalar {

namespace {

std::int64_t lay(const std::uint8_t* advances, std::size_t count, std::int64_t place, std::int64_t* spans) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t step = advances[i];
        spans[2 * i] = place + ((step & advance::kBeginsLate) != 0) - ((step & advance::kBeginsEarly) != 0);
        place += step & advance::kPlaces;
        spans[2 * i + 1] = place;
    }
    return place;
}

}  // namespace

const SpanKernels kSpanKernels{lay};

}  // namespace tokmill::tokens::scalar
