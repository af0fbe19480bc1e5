// The specification as a kernel: one pretoken after the other. Finds no safe cuts.
#include "pretokens/kernels/kernels.hpp"
#include "pretokens/next_pretoken.hpp"

namespace tokmill::pretokens {

namespace {

template <Pattern kPattern>
std::size_t scan(const KernelTables&, ScanState& state, const std::uint8_t* text, std::uint32_t end, bool last, std::uint32_t* starts) {
    if (state.last_start >= end) return 0;
    std::size_t count = 0;
    if (!state.begun) starts[count++] = state.last_start;
    state.begun = true;
    for (;;) {
        const PretokenEnd pretoken = next_pretoken<kPattern>(text, state.last_start, end);
        if (pretoken.position >= end || (pretoken.saw_end && !last)) return count;
        starts[count++] = state.last_start = pretoken.position;
    }
}

}  // namespace

ScanFunction scan_scalar(Pattern pattern) noexcept {
    return with_pattern(pattern, []<Pattern kPattern>() -> ScanFunction { return scan<kPattern>; });
}

}  // namespace tokmill::pretokens
