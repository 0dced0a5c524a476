// float32 products for the build's own instruction set.

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

typedef float Vector __attribute__((vector_size(32), aligned(4)));
typedef Vector WordVector;

#define FUNCTION product_baseline
#define LANES 8
#define TILE_ROWS 6
#define TILE_COLUMNS 16

static inline
    __attribute__((always_inline)) Vector multiply_add(Vector sums, float factor, Vector words) {
    const Vector factors = {factor, factor, factor, factor, factor, factor, factor, factor};
    return __builtin_elementwise_fma(factors, words, sums);
}

#include "pack_float32.h"

static void pack_panel(
    const float *b, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t k, float *panel) {
    for (ptrdiff_t j = 0; j < VACCINE_PANEL; j++)
        for (ptrdiff_t i = 0; i < k; i++)
            panel[i * VACCINE_PANEL + j] = j < width ? b[j * stride + i] : 0;
}

#include "product.h"
