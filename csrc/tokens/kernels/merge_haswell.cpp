#if defined(__x86_64__)
#include "tokens/kernels/merge_kernels.hpp"
namespace tokmill::tokens {
const MergeKernels kHaswellMerge = {[](const vocab::Merges& m, MergeJob* j, std::size_t n) { kScalarMerge.merge_words(m, j, n); },
                                 [](const vocab::Merges& m, MergeJob* j, std::size_t n) { kScalarMerge.merge_windows(m, j, n); }};
}
#endif
