// The variants of pairwise.h that the dispatcher chooses from.

#ifndef VACCINE_PAIRWISE_VARIANTS_H
#define VACCINE_PAIRWISE_VARIANTS_H

#include "include/pairwise.h"

#define DECLARE(suffix)                                                                            \
    void pairwise_##suffix(VaccinePairwise function, float scale, float offset, float norm,        \
        const float *norms, float *products, ptrdiff_t count);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
