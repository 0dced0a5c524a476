// Chooses the variant for this processor.

#include "include/pairwise.h"

#include "pairwise_variants.h"
#include "processor.h"

void vaccine_pairwise(VaccinePairwise function, float scale, float offset, float norm,
    const float *norms, float *products, ptrdiff_t count) {
    CALL(pairwise, function, scale, offset, norm, norms, products, count);
}

ptrdiff_t vaccine_pairwise_close(float share, float norm, const float *norms, const float *products,
    ptrdiff_t count, ptrdiff_t *places) {
    return CALL(pairwise_close, share, norm, norms, products, count, places);
}

ptrdiff_t vaccine_pairwise_within(float limit, float slack, float norm, const float *norms,
    const float *products, ptrdiff_t count, ptrdiff_t *places) {
    return CALL(pairwise_within, limit, slack, norm, norms, products, count, places);
}
