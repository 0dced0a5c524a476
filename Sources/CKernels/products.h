// The variants that the dispatcher chooses from.

#ifndef VACCINE_PRODUCTS_H
#define VACCINE_PRODUCTS_H

#include "include/weight_product.h"

bool product_baseline(VaccineBlock block, const float *a, ptrdiff_t a_stride, VaccineFactor b,
    float *c, ptrdiff_t c_stride);

#ifdef __x86_64__
bool product_avx512(VaccineBlock block, const float *a, ptrdiff_t a_stride, VaccineFactor b,
    float *c, ptrdiff_t c_stride);
bool product_avx512_bfloat16(VaccineBlock block, const uint16_t *a, ptrdiff_t a_stride,
    VaccineFactor b, float *c, ptrdiff_t c_stride);
void round_avx512_bfloat16(const float *values, ptrdiff_t count, uint16_t *result);
#endif

#endif
