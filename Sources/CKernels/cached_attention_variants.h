// The variants of cached_attention.h that the dispatcher chooses from.

#ifndef VACCINE_CACHED_ATTENTION_VARIANTS_H
#define VACCINE_CACHED_ATTENTION_VARIANTS_H

#include "include/cached_attention.h"

#define DECLARE(suffix)                                                                            \
    void cached_scores_##suffix(VaccineMatrix queries, VaccineCachedRows keys,                     \
        VaccineCachedRows next, VaccineMatrix scores);                                             \
    void cached_context_##suffix(VaccineMatrix weights, VaccineCachedRows values,                  \
        VaccineCachedRows next, VaccineMatrix context);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
