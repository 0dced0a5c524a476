// bfloat16 products of few rows with AVX-512 BF16.

#ifdef __x86_64__

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"
#include "words_bfloat16.h"

#define FUNCTION row_product_avx512_bfloat16
#define ROWS 6
#define dot_add(sums, a, b) (Lanes) _mm512_dpbf16_ps((__m512)(sums), (__m512bh)(a), (__m512bh)(b))

#include "row_product_body.h"

#pragma clang attribute pop

#endif
