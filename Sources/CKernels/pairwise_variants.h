// The variants of pairwise.h that the dispatcher chooses from.

#ifndef VACCINE_PAIRWISE_VARIANTS_H
#define VACCINE_PAIRWISE_VARIANTS_H

#include "include/pairwise.h"

#define DECLARE(suffix)                                                                            \
    void pairwise_##suffix(VaccinePairwise function, float scale, float offset, float norm,        \
        const float *norms, float *products, ptrdiff_t count);                                     \
    ptrdiff_t pairwise_close_##suffix(float share, float norm, const float *norms,                 \
        const float *products, ptrdiff_t count, ptrdiff_t *places);                                \
    ptrdiff_t pairwise_within_##suffix(float limit, float slack, float norm, const float *norms,   \
        const float *products, ptrdiff_t count, ptrdiff_t *places);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
