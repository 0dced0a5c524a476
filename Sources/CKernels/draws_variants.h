// The variants of draws.h that the dispatcher chooses from.

#ifndef VACCINE_DRAWS_VARIANTS_H
#define VACCINE_DRAWS_VARIANTS_H

#include "include/draws.h"

#define DECLARE(suffix)                                                                            \
    void poisson_weights_##suffix(const uint64_t *keys, ptrdiff_t streams, uint64_t first,         \
        ptrdiff_t count, double *weights);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
