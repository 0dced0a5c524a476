// float32 products of few rows with AVX-512.

#ifdef __x86_64__

#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"
#include "words_float32.h"

#define FUNCTION row_product_avx512
#define ROWS 4
#define dot_add(sums, a, b) multiply_add(a, b, sums)

#include "row_product_body.h"

#pragma clang attribute pop

#endif
