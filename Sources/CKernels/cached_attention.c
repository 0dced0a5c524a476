// Chooses the variant for this processor.

#include "cached_attention_variants.h"
#include "processor.h"

#ifdef __x86_64__
#define CALL(function, ...)                                                                        \
    (has_avx512() ? function##_avx512(__VA_ARGS__) : function##_baseline(__VA_ARGS__))
#else
#define CALL(function, ...) function##_baseline(__VA_ARGS__)
#endif

void vaccine_cached_scores(
    VaccineMatrix queries, VaccineCachedRows keys, VaccineCachedRows next, VaccineMatrix scores) {
    CALL(cached_scores, queries, keys, next, scores);
}

void vaccine_cached_context(VaccineMatrix weights, VaccineCachedRows values, VaccineCachedRows next,
    VaccineMatrix context) {
    CALL(cached_context, weights, values, next, context);
}
