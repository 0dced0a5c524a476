// The variants that the dispatcher chooses from.

#ifndef VACCINE_PRODUCTS_H
#define VACCINE_PRODUCTS_H

#include "include/weight_product.h"

bool product_baseline(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
bool row_product_baseline(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);

#ifdef __x86_64__
bool product_avx512(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
bool product_avx512_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
bool row_product_avx512(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
bool row_product_avx512_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
void row_pairs_avx512_bfloat16(
    const float *even, const float *odd, ptrdiff_t count, uint32_t *pairs);
void pairs_avx512_bfloat16(const float *values, ptrdiff_t count, uint32_t *pairs);
#endif

#endif
