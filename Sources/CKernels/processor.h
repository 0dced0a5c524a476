// What this processor offers beyond the build's own instruction set.

#ifndef VACCINE_PROCESSOR_H
#define VACCINE_PROCESSOR_H

#include <stdbool.h>

#ifdef __x86_64__
// The AVX-512 of Skylake servers and of Zen 4; false with VACCINE_INSTRUCTIONS=avx2 in the
// environment.
bool has_avx512(void);

// The variant of a function for this processor.
#define CALL(function, ...)                                                                        \
    (has_avx512() ? function##_avx512(__VA_ARGS__) : function##_baseline(__VA_ARGS__))
#else
#define CALL(function, ...) function##_baseline(__VA_ARGS__)
#endif

#endif
