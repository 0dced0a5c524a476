// Chooses the variant for this processor.

#include "include/draws.h"

#include "draws_variants.h"
#include "processor.h"

void vaccine_poisson_weights(
    const uint64_t *keys, ptrdiff_t streams, uint64_t first, ptrdiff_t count, double *weights) {
#ifdef __x86_64__
    if (has_avx512()) {
        poisson_weights_avx512(keys, streams, first, count, weights);
        return;
    }
#endif
    poisson_weights_baseline(keys, streams, first, count, weights);
}
