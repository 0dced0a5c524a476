// Products with a frozen weight whose rows are stored in the block formats of GGUF files.
//
// A block of k of some rows is decoded into a buffer of the calling thread and multiplied by the
// kernels of weight_product.h: the products are, bit for bit, those of the decoded weight. Products
// of a row or two are bound by decoding, and are made in registers instead.
//
// SeeAlso: ggml-quants.c of llama.cpp for the formats.

#ifndef VACCINE_BLOCK_PRODUCT_H
#define VACCINE_BLOCK_PRODUCT_H

#include "weight_product.h"

// How the numbers of a row are stored, little-endian. Q: blocks of 32 numbers, K: of 256.
typedef enum VaccineBlockFormat {
    VACCINE_BLOCKS_F32,
    VACCINE_BLOCKS_F16,
    VACCINE_BLOCKS_BF16,
    VACCINE_BLOCKS_Q8_0,
    VACCINE_BLOCKS_Q4_0,
    VACCINE_BLOCKS_Q4_1,
    VACCINE_BLOCKS_Q5_0,
    VACCINE_BLOCKS_Q5_1,
    VACCINE_BLOCKS_Q4_K,
    VACCINE_BLOCKS_Q5_K,
    VACCINE_BLOCKS_Q6_K,
} VaccineBlockFormat;

// One row; NULL stands for zeros.
typedef struct VaccineBlockRow {
    const uint8_t *blocks;
    VaccineBlockFormat format;
} VaccineBlockRow;

// The weight [k, n] from number `column` of its rows on: element (i, j) is number i of row j if it
// is held transposed, else number j of row i.
typedef struct VaccineBlocks {
    const VaccineBlockRow *rows;
    ptrdiff_t column;
    bool transposed;
} VaccineBlocks;

// Bytes of a row of `columns` numbers; 0 where that is no whole number of blocks.
ptrdiff_t vaccine_block_row_bytes(VaccineBlockFormat format, ptrdiff_t columns);
// Numbers `first` to `first + count - 1` of a row, exactly.
void vaccine_from_blocks(VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *result);
// The same, by the kernel in plain C that processors without AVX-512 run.
void vaccine_from_blocks_plain(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *result);
// Whether no number of a row of `columns` is NaN or infinite.
bool vaccine_blocks_are_finite(VaccineBlockRow row, ptrdiff_t columns);

// As vaccine_product_float32.
bool vaccine_product_blocks(VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c,
    ptrdiff_t c_stride, bool accumulate);
// As vaccine_row_product_float32.
bool vaccine_row_product_blocks(
    VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c, ptrdiff_t c_stride);
// C ← A · B for few rows of A, whose words follow each other, and a transposed weight from column 0
// on. Every element is 32 sums of every 32nd product, added up at the end, the same for every
// instruction set: it depends on its row of A and its column of B alone.
void vaccine_block_dots(
    VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c, ptrdiff_t c_stride);
// One row of A, by the kernel in plain C.
void vaccine_block_dots_plain(VaccineShape shape, const float *a, VaccineBlocks b, float *c);

#endif
