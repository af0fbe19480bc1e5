// Target regions: the functions between BEGIN and END are compiled for one instruction set, everything else for the
// baseline of the platform. Open a region only after all standard headers and <immintrin.h>/<arm_neon.h> have been
// included, and instantiate no standard template for the first time inside it: with per-file flags (-mavx512f on one
// file) the linker may keep the newer copy of a shared inline function, and an old processor dies far from any kernel.
#pragma once

#define TOKMILL_PRAGMA(text) _Pragma(#text)

#define TOKMILL_FEATURES_HASWELL "avx2,bmi,bmi2,lzcnt,popcnt,aes"
#define TOKMILL_FEATURES_ICELAKE \
    "avx2,bmi,bmi2,lzcnt,popcnt,aes,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512ifma,vaes"

#if defined(__clang__)
#define TOKMILL_REGION_BEGIN(features) TOKMILL_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define TOKMILL_REGION_END TOKMILL_PRAGMA(clang attribute pop)
#else
#define TOKMILL_REGION_BEGIN(features) TOKMILL_PRAGMA(GCC push_options) TOKMILL_PRAGMA(GCC target(features))
#define TOKMILL_REGION_END TOKMILL_PRAGMA(GCC pop_options)
#endif

#define TOKMILL_ALWAYS_INLINE inline __attribute__((always_inline))
