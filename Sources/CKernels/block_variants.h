// The variants of decoding that the dispatcher chooses from.

#ifndef VACCINE_BLOCK_VARIANTS_H
#define VACCINE_BLOCK_VARIANTS_H

#include "include/block_product.h"

void from_blocks_baseline(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *restrict result);
#ifdef __x86_64__
void from_blocks_avx512(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *restrict result);
#endif

#endif
