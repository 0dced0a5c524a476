// Chooses the variant for this processor.

#include "include/weight_product.h"

#include "processor.h"
#include "products.h"

#ifdef __x86_64__

bool vaccine_has_bfloat16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

bool vaccine_product_float32(VaccineBlock block, const float *a, ptrdiff_t a_stride, VaccineFactor b,
    float *c, ptrdiff_t c_stride) {
    return has_avx512() ? product_avx512(block, a, a_stride, b, c, c_stride)
                        : product_baseline(block, a, a_stride, b, c, c_stride);
}

bool vaccine_product_bfloat16(VaccineBlock block, const uint16_t *a, ptrdiff_t a_stride,
    VaccineFactor b, float *c, ptrdiff_t c_stride) {
    return product_avx512_bfloat16(block, a, a_stride, b, c, c_stride);
}

void vaccine_to_bfloat16(const float *values, ptrdiff_t count, uint16_t *result) {
    round_avx512_bfloat16(values, count, result);
}

const char *vaccine_product_instructions(void) { return has_avx512() ? "AVX-512" : "AVX2"; }

#else

bool vaccine_has_bfloat16(void) { return false; }

bool vaccine_product_float32(VaccineBlock block, const float *a, ptrdiff_t a_stride, VaccineFactor b,
    float *c, ptrdiff_t c_stride) {
    return product_baseline(block, a, a_stride, b, c, c_stride);
}

bool vaccine_product_bfloat16(VaccineBlock block, const uint16_t *a, ptrdiff_t a_stride,
    VaccineFactor b, float *c, ptrdiff_t c_stride) {
    (void)block, (void)a, (void)a_stride, (void)b, (void)c, (void)c_stride;
    return false;
}

void vaccine_to_bfloat16(const float *values, ptrdiff_t count, uint16_t *result) {
    (void)values, (void)count, (void)result;
}

const char *vaccine_product_instructions(void) { return "NEON"; }

#endif
