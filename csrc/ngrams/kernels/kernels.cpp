#include "ngrams/kernels/kernels.hpp"

namespace tokmill::ngrams {

const Kernels& kernels(cpu::Isa isa, bool proved) {
    if (!proved) return scalar::kKernels;
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return haswell::kKernels;
        case cpu::Isa::icelake: return icelake::kKernels;
#endif
        // NEON has no 64-bit multiply; a high product and a conditional subtraction a row is the scalar code already.
        default: return scalar::kKernels;
    }
}

}  // namespace tokmill::ngrams
