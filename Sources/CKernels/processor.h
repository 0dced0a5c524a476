// What this processor offers beyond the build's own instruction set.

#ifndef VACCINE_PROCESSOR_H
#define VACCINE_PROCESSOR_H

#include <stdbool.h>

#ifdef __x86_64__
// The AVX-512 of Skylake servers and of Zen 4.
static inline bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

#endif
