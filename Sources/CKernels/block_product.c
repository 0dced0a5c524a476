#include "include/block_product.h"

#include "block_variants.h"
#include "packing.h"
#include "processor.h"

// Columns of B that are decoded together: those that are packed together, or for few rows of A
// whole tiles of every instruction set.
enum { DECODED_COLUMNS = PACKED_PANELS * VACCINE_PANEL, DECODED_OUTPUTS = 168 };

void vaccine_from_blocks(VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *result) {
#ifdef __x86_64__
    if (has_avx512()) {
        from_blocks_avx512(row, first, count, result);
        return;
    }
#endif
    from_blocks_baseline(row, first, count, result);
}

void vaccine_from_blocks_plain(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *result) {
    from_blocks_baseline(row, first, count, result);
}

void vaccine_block_dots_plain(VaccineShape shape, const float *a, VaccineBlocks b, float *c) {
    block_dots_baseline(b.rows, shape.n, shape.k, a, c);
}

// decoded[i, j] = number `column + j` of row i, for count × columns.
static void decode(const VaccineBlockRow *rows, ptrdiff_t count, ptrdiff_t column,
    ptrdiff_t columns, float *decoded, ptrdiff_t stride) {
    for (ptrdiff_t i = 0; i < count; i++)
        vaccine_from_blocks(rows[i], column, columns, decoded + i * stride);
}

// k from `start` on of outputs from `j` on.
static VaccineWeight decoded_part(
    VaccineBlocks b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t j, ptrdiff_t outputs, float *decoded) {
    if (b.transposed) {
        decode(b.rows + j, outputs, b.column + start, k, decoded, DECODED_ROW);
        return (VaccineWeight){decoded, DECODED_ROW, true};
    }
    decode(b.rows + start, k, b.column + j, outputs, decoded, DECODED_COLUMNS);
    return (VaccineWeight){decoded, DECODED_COLUMNS, false};
}

static VaccineFactor from(VaccineFactor a, ptrdiff_t start) {
    return (VaccineFactor){(const float *)a.words + start * a.step, a.row, a.step};
}

bool vaccine_product_blocks(VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    float *decoded = decoding_buffer();
    const ptrdiff_t step = packed_rows(shape.k);
    bool done = decoded != NULL;
    for (ptrdiff_t j = 0; done && j < shape.n; j += DECODED_COLUMNS)
        for (ptrdiff_t start = 0; done && start < shape.k; start += step) {
            const VaccineShape part
                = {shape.m, smaller(shape.n - j, DECODED_COLUMNS), smaller(shape.k - start, step)};
            const VaccineWeight weight = decoded_part(b, start, part.k, j, part.n, decoded);
            done = vaccine_product_float32(
                part, from(a, start), weight, c + j, c_stride, accumulate || start > 0);
        }
    return done;
}

bool vaccine_row_product_blocks(
    VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c, ptrdiff_t c_stride) {
    float *decoded = decoding_buffer();
    const ptrdiff_t step = packed_rows(shape.k);
    bool done = decoded != NULL;
    for (ptrdiff_t j = 0; done && j < shape.n; j += DECODED_OUTPUTS)
        for (ptrdiff_t start = 0; done && start < shape.k; start += step) {
            const VaccineShape part
                = {shape.m, smaller(shape.n - j, DECODED_OUTPUTS), smaller(shape.k - start, step)};
            const VaccineWeight weight = decoded_part(b, start, part.k, j, part.n, decoded);
            done = vaccine_row_product_float32(
                part, from(a, start), weight, c + j, c_stride, start > 0);
        }
    return done;
}

void vaccine_block_dots(
    VaccineShape shape, VaccineFactor a, VaccineBlocks b, float *c, ptrdiff_t c_stride) {
    // Some rows of the weight stay in the first-level cache for all rows of A.
    enum { ROWS = 16 };
    for (ptrdiff_t j = 0; j < shape.n; j += ROWS)
        for (ptrdiff_t t = 0; t < shape.m; t++) {
            const float *x = (const float *)a.words + t * a.row;
            float *y = c + t * c_stride + j;
            const ptrdiff_t count = smaller(shape.n - j, ROWS);
#ifdef __x86_64__
            if (has_avx512()) {
                block_dots_avx512(b.rows + j, count, shape.k, x, y);
                continue;
            }
#endif
            block_dots_baseline(b.rows + j, count, shape.k, x, y);
        }
}
