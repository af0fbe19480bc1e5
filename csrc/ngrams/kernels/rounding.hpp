// The quotients of the vector tiers are proved for arithmetic that rounds to the nearest. A program may have set another
// rounding for its own ends; for the time of a call it is set aside.
#pragma once

#if defined(__x86_64__)

#include <xmmintrin.h>

namespace tokmill::ngrams {

class NearestRounding {
public:
    NearestRounding() noexcept : before_(_mm_getcsr()) {
        if ((before_ & _MM_ROUND_MASK) != _MM_ROUND_NEAREST) _mm_setcsr(before_ & ~static_cast<unsigned>(_MM_ROUND_MASK));
    }
    ~NearestRounding() {
        if ((before_ & _MM_ROUND_MASK) != _MM_ROUND_NEAREST) _mm_setcsr(before_);
    }
    NearestRounding(const NearestRounding&) = delete;
    NearestRounding& operator=(const NearestRounding&) = delete;

private:
    unsigned before_;
};

}  // namespace tokmill::ngrams

#endif
