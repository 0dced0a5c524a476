// Chooses the variant for this processor.

#include "include/weight_product.h"

#include <string.h>

#include "processor.h"
#include "products.h"

void vaccine_to_bfloat16(const float *values, ptrdiff_t count, uint16_t *result) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        result[i] = (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}

void vaccine_from_bfloat16(const uint16_t *values, ptrdiff_t count, float *result) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)values[i] << 16;
        memcpy(result + i, &bits, sizeof bits);
    }
}

void vaccine_to_float16(const float *values, ptrdiff_t count, _Float16 *result) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const float low = values[i] < -65504 ? -65504 : values[i];
        result[i] = (_Float16)(low > 65504 ? 65504 : low);
    }
}

void vaccine_from_float16(const _Float16 *values, ptrdiff_t count, float *result) {
    for (ptrdiff_t i = 0; i < count; i++) result[i] = values[i];
}

#ifdef __x86_64__

bool vaccine_has_bfloat16(void) { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

bool vaccine_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return has_avx512() ? product_avx512(shape, a, b, c, c_stride, accumulate)
                        : product_baseline(shape, a, b, c, c_stride, accumulate);
}

bool vaccine_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return product_avx512_bfloat16(shape, a, b, c, c_stride, accumulate);
}

bool vaccine_row_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return has_avx512() ? row_product_avx512(shape, a, b, c, c_stride, accumulate)
                        : row_product_baseline(shape, a, b, c, c_stride, accumulate);
}

bool vaccine_row_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return row_product_avx512_bfloat16(shape, a, b, c, c_stride, accumulate);
}

void vaccine_to_pairs(const float *values, ptrdiff_t count, uint32_t *pairs) {
    pairs_avx512_bfloat16(values, count, pairs);
}

void vaccine_rows_to_pairs(const float *even, const float *odd, ptrdiff_t count, uint32_t *pairs) {
    row_pairs_avx512_bfloat16(even, odd, count, pairs);
}

const char *vaccine_product_instructions(void) { return has_avx512() ? "AVX-512" : "AVX2"; }

#else

bool vaccine_has_bfloat16(void) { return false; }

bool vaccine_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return product_baseline(shape, a, b, c, c_stride, accumulate);
}

bool vaccine_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    (void)shape, (void)a, (void)b, (void)c, (void)c_stride, (void)accumulate;
    return false;
}

bool vaccine_row_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    return row_product_baseline(shape, a, b, c, c_stride, accumulate);
}

bool vaccine_row_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    (void)shape, (void)a, (void)b, (void)c, (void)c_stride, (void)accumulate;
    return false;
}

void vaccine_to_pairs(const float *values, ptrdiff_t count, uint32_t *pairs) {
    (void)values, (void)count, (void)pairs;
}

void vaccine_rows_to_pairs(const float *even, const float *odd, ptrdiff_t count, uint32_t *pairs) {
    (void)even, (void)odd, (void)count, (void)pairs;
}

const char *vaccine_product_instructions(void) { return "NEON"; }

#endif
