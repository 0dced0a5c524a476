// Functions of the distance of two rows, from their dot product.
//
// Every result is the same for every instruction set.

#ifndef VACCINE_PAIRWISE_H
#define VACCINE_PAIRWISE_H

#include <stddef.h>

typedef enum VaccinePairwise {
    VACCINE_GAUSSIAN,           // exp(scale · d²)
    VACCINE_NEGATIVE_DISTANCE,  // -d
} VaccinePairwise;

// products[j] ← f(d²) - offset with d² = norm + norms[j] - 2 · products[j], at least 0. The
// exponential has a relative error below 2 ulp.
void vaccine_pairwise(VaccinePairwise function, float scale, float offset, float norm,
    const float *norms, float *products, ptrdiff_t count);

// Writes the places j where d² is at most `share` of norm + norms[j], so that it is a small
// difference of large numbers; returns how many there are. `places` has room for `count`.
ptrdiff_t vaccine_pairwise_close(float share, float norm, const float *norms, const float *products,
    ptrdiff_t count, ptrdiff_t *places);

// Writes the places j where d² less `slack` of norm + norms[j] is at most `limit`, and perhaps some
// more within rounding of it; returns how many there are. `places` has room for `count`.
ptrdiff_t vaccine_pairwise_within(float limit, float slack, float norm, const float *norms,
    const float *products, ptrdiff_t count, ptrdiff_t *places);

#endif
