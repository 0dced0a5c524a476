// Blocks of matrix products on vector registers, and what they need of the processor.
//
// C ← A · B (+ C), row-major. B is read in panels of VACCINE_PANEL columns, which are packed into a buffer
// of the calling thread; A is read as it lies. Every element of C is a sum of even blocks of k, each a chain
// of fused multiply-adds in order: its value depends neither on the number of rows and columns nor on how
// they are split, and is the same for every instruction set.

#ifndef VACCINE_WEIGHT_PRODUCT_H
#define VACCINE_WEIGHT_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Columns that are packed together.
enum { VACCINE_PANEL = 32 };

// One factor of a product, [k, n]: element (i, j) is values[i * stride + j], or values[j * stride + i] if
// it is held transposed.
typedef struct VaccineFactor {
    const void *values;
    ptrdiff_t stride;
    bool transposed;
} VaccineFactor;

// The shape [m, k] · [k, n] of a block of a product.
typedef struct VaccineBlock {
    ptrdiff_t m, n, k;
    bool accumulate;  // add to C instead of overwriting it
} VaccineBlock;

// float32 factors. False where the packing buffer could not be allocated.
bool vaccine_product_float32(VaccineBlock block, const float *a, ptrdiff_t a_stride, VaccineFactor b,
    float *c, ptrdiff_t c_stride);

// bfloat16 factors, float32 sums; k and the strides of A and of a transposed B must be even. Only where
// vaccine_has_bfloat16().
bool vaccine_product_bfloat16(VaccineBlock block, const uint16_t *a, ptrdiff_t a_stride,
    VaccineFactor b, float *c, ptrdiff_t c_stride);

// Rounds to nearest even; only where vaccine_has_bfloat16().
void vaccine_to_bfloat16(const float *values, ptrdiff_t count, uint16_t *result);

// Whether the processor multiplies bfloat16 (AVX-512 BF16).
bool vaccine_has_bfloat16(void);
// The instructions that float32 products use here.
const char *vaccine_product_instructions(void);

#endif
