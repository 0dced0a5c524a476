// Chooses the variant for this processor.

#include "include/draws.h"

#include "draws_variants.h"
#include "processor.h"

void vaccine_poisson_weights(
    const uint64_t *keys, ptrdiff_t streams, uint64_t first, ptrdiff_t count, double *weights) {
    CALL(poisson_weights, keys, streams, first, count, weights);
}
