// The kernels of this folder, one set an instruction set; merge_kernels() of the room chooses.
#pragma once

#include "tokens/merging.hpp"

namespace tokmill::tokens {

extern const MergeKernels kScalarMerge;
#if defined(__x86_64__)
extern const MergeKernels kHaswellMerge;
extern const MergeKernels kIcelakeMerge;
#elif defined(__aarch64__)
extern const MergeKernels kNeonMerge;
#endif

}  // namespace tokmill::tokens
