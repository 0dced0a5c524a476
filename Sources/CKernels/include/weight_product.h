// Products with a frozen weight, on vector registers.
//
// C ← A · B, row-major. B is read in panels of VACCINE_PANEL columns, which are packed into a
// buffer of the calling thread; A is read as it lies, in bfloat16 as pairs. Every element of C is a
// sum of even blocks of k, each a chain of fused multiply-adds in order: its value depends neither
// on the number of rows and columns nor on how they are split, and in float32 is the same for every
// instruction set.

#ifndef VACCINE_WEIGHT_PRODUCT_H
#define VACCINE_WEIGHT_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Columns that are packed together.
enum { VACCINE_PANEL = 32 };

// The shape [m, k] · [k, n] of a product.
typedef struct VaccineShape {
    ptrdiff_t m, n, k;
} VaccineShape;

// The weight, [k, n]: element (i, j) is values[i * stride + j], or values[j * stride + i] if it is
// held transposed. bfloat16 rows have an even stride, and a row of odd length is followed by a
// zero.
typedef struct VaccineWeight {
    const void *values;
    ptrdiff_t stride;
    bool transposed;
} VaccineWeight;

// The left factor: word i of row r is words[r * row + i * step]. A word is a float, or a pair of
// bfloat16 neighbours along k.
typedef struct VaccineFactor {
    const void *words;
    ptrdiff_t row, step;
} VaccineFactor;

// With `accumulate` the product is added to C. False where the packing buffer could not be
// allocated.
bool vaccine_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);

// Products are added up in float32. This and the other functions of bfloat16 pairs only where
// vaccine_has_bfloat16().
bool vaccine_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);

// The same numbers for a transposed weight and few rows of A, whose words follow each other:
// nothing of the weight is packed.
bool vaccine_row_product_float32(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);
bool vaccine_row_product_bfloat16(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate);

// Neighbours two by two, rounded to nearest even, the first in the low half; a zero follows an odd
// number. Whole groups of sixteen pairs are written.
void vaccine_to_pairs(const float *values, ptrdiff_t count, uint32_t *pairs);
// Element i of two rows as pair i; `odd` may be NULL for zeros. Whole groups of sixteen pairs are
// written.
void vaccine_rows_to_pairs(const float *even, const float *odd, ptrdiff_t count, uint32_t *pairs);
// Memory of the calling thread for this many pairs, good until its next call; NULL: no memory.
// Freed when the thread ends.
uint32_t *vaccine_pairs_buffer(ptrdiff_t count);

// Rounds to nearest even.
void vaccine_to_bfloat16(const float *values, ptrdiff_t count, uint16_t *result);
// Exact.
void vaccine_from_bfloat16(const uint16_t *values, ptrdiff_t count, float *result);
// Rounds to nearest even; beyond the range of float16, to its end.
void vaccine_to_float16(const float *values, ptrdiff_t count, _Float16 *result);
// Exact.
void vaccine_from_float16(const _Float16 *values, ptrdiff_t count, float *result);

// Whether the processor multiplies bfloat16 (AVX-512 BF16).
bool vaccine_has_bfloat16(void);
// The instructions that float32 products use here.
const char *vaccine_product_instructions(void);

#endif
