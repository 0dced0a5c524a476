#include "processor.h"

#ifdef __x86_64__

#include <stdlib.h>
#include <string.h>

static bool avx512;

// Before any other code, so that no thread sees another answer.
__attribute__((constructor(101))) static void choose(void) {
    const char *wanted = getenv("VACCINE_INSTRUCTIONS");
    __builtin_cpu_init();
    avx512 = (wanted == NULL || strcmp(wanted, "avx2") != 0) && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
}

bool has_avx512(void) { return avx512; }

#endif
