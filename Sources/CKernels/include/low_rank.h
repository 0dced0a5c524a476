// The skinny products of low-rank adaptation, with the dropout mask made where it is used. Rank r
// is small (4 to 64), so these are bound by memory: a general product would spend its time packing.
// Factors are rank-major: a [r, n].
//
// Every result depends on its own row alone and is the same for every instruction set.

#ifndef VACCINE_LOW_RANK_H
#define VACCINE_LOW_RANK_H

#include <stddef.h>
#include <stdint.h>

// Row-major floats.
typedef struct VaccineMatrix {
    float *values;
    ptrdiff_t rows, columns, stride;
} VaccineMatrix;

// An inverted dropout mask as a function of (row, column): an element is kept where sixteen random
// bits are at least `threshold`, and then multiplied by `scale`. Row 0 is row `origin` of the
// numbers that `key` names.
typedef struct VaccineDropout {
    uint64_t key;
    int32_t threshold;
    float scale;
    ptrdiff_t origin;
} VaccineDropout;

// y = mask ⊙ x; rows of the mask are counted from `first_row`.
void vaccine_dropout(VaccineMatrix x, VaccineDropout mask, ptrdiff_t first_row, VaccineMatrix y);
// u[t, j] = scale · Σ_i x[t, i] · a[j, i].
void vaccine_project(VaccineMatrix x, VaccineMatrix a, float scale, VaccineMatrix u);
// y[t, :] += scale · mask ⊙ Σ_j u[t, j] · a[j, :]; `mask` may be NULL.
void vaccine_expand(VaccineMatrix u, VaccineMatrix a, float scale, const VaccineDropout *mask,
    ptrdiff_t first_row, VaccineMatrix y);
// g[j, :] += scale · Σ_t u[t, j] · (mask ⊙ x)[t, :]; `mask` may be NULL. Columns of the mask are
// counted from `first_column`, a multiple of 32.
void vaccine_outer(VaccineMatrix u, VaccineMatrix x, float scale, const VaccineDropout *mask,
    ptrdiff_t first_column, VaccineMatrix g);

#endif
