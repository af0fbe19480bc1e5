#include "tokens/kernels/kernels.hpp"
#include "tokens/kernels/span_kernels.hpp"
#include "tokens/kernels/superword_kernels.hpp"

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

const SuperwordKernels& superword_kernels(cpu::Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return haswell::kSuperwordKernels;
        case cpu::Isa::icelake: return icelake::kSuperwordKernels;
#endif
        default: return scalar::kSuperwordKernels;
    }
}

const SpanKernels& span_kernels(cpu::Isa isa) {
    switch (isa) {
#if defined(__x86_64__)
        case cpu::Isa::haswell: return haswell::kSpanKernels;
        case cpu::Isa::icelake: return icelake::kSpanKernels;
#endif
        default: return scalar::kSpanKernels;
    }
}

}  // namespace tokmill::tokens
