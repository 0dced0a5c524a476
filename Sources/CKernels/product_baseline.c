// float32 products for the build's own instruction set.

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

typedef float Vector __attribute__((vector_size(32), aligned(4)));
typedef Vector WordVector, Narrow, NarrowWords;

#define FUNCTION product_baseline
#define ROW_FUNCTION row_product_baseline
#define LANES 8
#define TILE_ROWS 6
#define TILE_COLUMNS 16

static inline
    __attribute__((always_inline)) Vector multiply_add(Vector sums, float factor, Vector words) {
    const Vector factors = {factor, factor, factor, factor, factor, factor, factor, factor};
    return __builtin_elementwise_fma(factors, words, sums);
}

#define narrow_multiply_add multiply_add

#include "pack_float32.h"

static void transpose(const AnyWord *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
    AnyWord *target, ptrdiff_t target_stride) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            target[j * target_stride + i] = source[i * stride + j];
}

static void pack_panel(
    const float *b, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t k, float *panel) {
    for (ptrdiff_t j = 0; j < VACCINE_PANEL; j++)
        for (ptrdiff_t i = 0; i < k; i++)
            panel[i * VACCINE_PANEL + j] = j < width ? b[j * stride + i] : 0;
}

#include "product.h"
