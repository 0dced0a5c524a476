// The variants of low_rank.h that the dispatcher chooses from.

#ifndef VACCINE_LOW_RANK_VARIANTS_H
#define VACCINE_LOW_RANK_VARIANTS_H

#include "include/low_rank.h"

#define DECLARE(suffix)                                                                            \
    void dropout_##suffix(                                                                         \
        VaccineMatrix x, VaccineDropout mask, ptrdiff_t first_row, VaccineMatrix y);               \
    void project_##suffix(VaccineMatrix x, VaccineMatrix a, float scale, VaccineMatrix u);         \
    void expand_##suffix(VaccineMatrix u, VaccineMatrix a, float scale,                            \
        const VaccineDropout *mask, ptrdiff_t first_row, VaccineMatrix y);                         \
    void outer_##suffix(VaccineMatrix u, VaccineMatrix x, float scale, const VaccineDropout *mask, \
        ptrdiff_t first_column, VaccineMatrix g);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
