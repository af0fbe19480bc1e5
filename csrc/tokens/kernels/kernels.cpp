#include "tokens/kernels/kernels.hpp"

namespace tokmill::tokens {

const ProbeKernels& probe_kernels(cpu::Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return haswell::kProbeKernels;
        case cpu::Isa::icelake: return icelake::kProbeKernels;
#endif
        // On AArch64 the scalar probe is as good: the work is two 64-bit products and two compares a word.
        default: return scalar::kProbeKernels;
    }
}

}  // namespace tokmill::tokens
