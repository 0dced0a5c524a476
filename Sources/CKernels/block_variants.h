// The variants of decoding and of dot products that the dispatcher chooses from.

#ifndef VACCINE_BLOCK_VARIANTS_H
#define VACCINE_BLOCK_VARIANTS_H

#include "include/block_product.h"

void from_blocks_baseline(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *restrict result);
// y[j] = x · row j, for `count` rows of k numbers.
void block_dots_baseline(
    const VaccineBlockRow *rows, ptrdiff_t count, ptrdiff_t k, const float *x, float *y);
#ifdef __x86_64__
void from_blocks_avx512(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *restrict result);
void block_dots_avx512(
    const VaccineBlockRow *rows, ptrdiff_t count, ptrdiff_t k, const float *x, float *y);
#endif

#endif
