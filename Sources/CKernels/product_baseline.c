// float32 products for the build's own instruction set.

#ifdef __x86_64__
#pragma clang attribute push(__attribute__((target("prfchw"))), apply_to = function)
#endif

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

typedef float Vector __attribute__((vector_size(32), aligned(4)));
typedef Vector WordVector;

#define FUNCTION product_baseline
#define ROW_FUNCTION row_product_baseline
#define LANES 8
#define TILE_ROWS 6
#define TILE_COLUMNS 16
// Few rows of a wide weight share a page: packed, a panel stays in a second-level cache of 512 KB.
#define IN_PLACE false

static inline
    __attribute__((always_inline)) Vector multiply_add(Vector sums, float factor, Vector words) {
    const Vector factors = {factor, factor, factor, factor, factor, factor, factor, factor};
    return __builtin_elementwise_fma(factors, words, sums);
}

#include "pack_float32.h"

#include "transpose_8.h"

#include "transpose.h"

#include "product.h"

#ifdef __x86_64__
#pragma clang attribute pop
#endif
