// draws.h for one instruction set. The including file defines NAME(function).

#include <string.h>

#include "draws_variants.h"

typedef uint64_t Eight __attribute__((vector_size(64)));
typedef int64_t Signed __attribute__((vector_size(64)));
typedef double Doubles __attribute__((vector_size(64)));

enum { STEPS = 20, USUAL = 7 };

// The distribution function's values in units of 2⁻⁵³, rounded up: a uniform number of 53 bits is
// below a value where its bits are below these.
static void fill(int64_t steps[STEPS]) {
    double probability = 0.36787944117144233, cumulative = probability;  // 1 / e
    for (int step = 0; step < STEPS; step++) {
        steps[step] = (int64_t)__builtin_ceil(cumulative * 0x1p53);
        probability /= step + 1;
        cumulative += probability;
    }
}

static inline Eight words(uint64_t key, uint64_t counter) {
    const Eight lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    Eight z = key + (counter + lanes) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

void NAME(poisson_weights)(
    const uint64_t *keys, ptrdiff_t streams, uint64_t first, ptrdiff_t count, double *weights) {
    int64_t steps[STEPS];
    fill(steps);
    for (ptrdiff_t i = 0; i < streams; i++) {
        for (ptrdiff_t j = 0; j < count; j += 8) {
            const Signed uniform = (Signed)(words(keys[i], first + (uint64_t)j) >> 11);
            Signed found = {0};
            for (int step = 0; step < USUAL; step++) found -= uniform >= steps[step];
            if (__builtin_reduce_max(uniform) >= steps[USUAL])
                for (int step = USUAL; step < STEPS; step++) found -= uniform >= steps[step];
            const Doubles eight = __builtin_convertvector(found, Doubles);
            memcpy(weights + i * count + j, &eight, sizeof eight);
        }
    }
}
