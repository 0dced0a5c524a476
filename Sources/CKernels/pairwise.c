// Chooses the variant for this processor.

#include "include/pairwise.h"

#include "pairwise_variants.h"
#include "processor.h"

void vaccine_pairwise(VaccinePairwise function, float scale, float offset, float norm,
    const float *norms, float *products, ptrdiff_t count) {
#ifdef __x86_64__
    if (has_avx512()) {
        pairwise_avx512(function, scale, offset, norm, norms, products, count);
        return;
    }
#endif
    pairwise_baseline(function, scale, offset, norm, norms, products, count);
}

ptrdiff_t vaccine_pairwise_close(float share, float norm, const float *norms, const float *products,
    ptrdiff_t count, ptrdiff_t *places) {
#ifdef __x86_64__
    if (has_avx512()) return pairwise_close_avx512(share, norm, norms, products, count, places);
#endif
    return pairwise_close_baseline(share, norm, norms, products, count, places);
}

ptrdiff_t vaccine_pairwise_within(float limit, float slack, float norm, const float *norms,
    const float *products, ptrdiff_t count, ptrdiff_t *places) {
#ifdef __x86_64__
    if (has_avx512())
        return pairwise_within_avx512(limit, slack, norm, norms, products, count, places);
#endif
    return pairwise_within_baseline(limit, slack, norm, norms, products, count, places);
}
