// float32 products with AVX-512: 14 × 32 sums fill 28 of the 32 registers.

#ifdef __x86_64__

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512vl,prfchw"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

typedef float Vector __attribute__((vector_size(64), aligned(4)));
typedef Vector WordVector;

#define FUNCTION product_avx512
#define ROW_FUNCTION row_product_avx512
#define LANES 16
#define TILE_ROWS 14
#define TILE_COLUMNS 32
#define IN_PLACE true

static inline
    __attribute__((always_inline)) Vector multiply_add(Vector sums, float factor, Vector words) {
    return (Vector)_mm512_fmadd_ps(_mm512_set1_ps(factor), (__m512)words, (__m512)sums);
}

#include "pack_float32.h"
#include "transpose_16.h"

#include "transpose.h"

#include "product.h"

#pragma clang attribute pop

#endif
