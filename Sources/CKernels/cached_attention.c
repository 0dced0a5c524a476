// Chooses the variant for this processor.

#include "cached_attention_variants.h"
#include "processor.h"

void vaccine_cached_scores(
    VaccineMatrix queries, VaccineCachedRows keys, VaccineCachedRows next, VaccineMatrix scores) {
    CALL(cached_scores, queries, keys, next, scores);
}

void vaccine_cached_context(VaccineMatrix weights, VaccineCachedRows values, VaccineCachedRows next,
    VaccineMatrix context) {
    CALL(cached_context, weights, values, next, context);
}
