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
