// Attention of new tokens, one of each sequence, to the keys and values that a cache holds: the
// query heads of a group with their key/value head, whose rows lie in one stream. It is bound by
// reading them, so while one stream is used the next is fetched.
//
// Every result is the same for every instruction set.

#ifndef VACCINE_CACHED_ATTENTION_H
#define VACCINE_CACHED_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "low_rank.h"

// Row-major floats or, if `bfloat16`, halves of floats; rows lie `stride` elements apart.
typedef struct VaccineCachedRows {
    const void *values;
    ptrdiff_t rows, columns, stride;
    bool bfloat16;
} VaccineCachedRows;

// scores[q, t] = Σ_i queries[q, i] · keys[t, i]. As many rows of `next` are fetched meanwhile.
void vaccine_cached_scores(
    VaccineMatrix queries, VaccineCachedRows keys, VaccineCachedRows next, VaccineMatrix scores);
// context[q, :] = Σ_t weights[q, t] · values[t, :]. As many rows of `next` are fetched meanwhile.
void vaccine_cached_context(
    VaccineMatrix weights, VaccineCachedRows values, VaccineCachedRows next, VaccineMatrix context);

#endif
