// bfloat16 products with AVX-512 BF16: one instruction multiplies pairs and adds them to a float32
// sum.

#ifdef __x86_64__

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "products.h"
#include "words_bfloat16.h"

typedef float Vector __attribute__((vector_size(64), aligned(4)));
typedef uint32_t WordVector __attribute__((vector_size(64), aligned(4)));

#define FUNCTION product_avx512_bfloat16
#define LANES 16
#define TILE_ROWS 14
#define TILE_COLUMNS 32

static inline __attribute__((always_inline)) Vector multiply_add(
    Vector sums, uint32_t factor, WordVector words) {
    return (Vector)_mm512_dpbf16_ps(
        (__m512)sums, (__m512bh)_mm512_set1_epi32((int)factor), (__m512bh)words);
}

enum { BUFFERED_WORDS = TILE_ROWS * BUFFERED_STRIDE };

// Two rows of B become one row of pairs.
static void pack_rows(VaccineWeight b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t column,
    ptrdiff_t width, uint32_t *panel) {
    const uint16_t *even = (const uint16_t *)b.values + start * b.stride + column;
    for (ptrdiff_t i = 0; i < k; i += 2, even += 2 * b.stride, panel += VACCINE_PANEL) {
        const uint16_t *odd = even + b.stride;
        const bool paired = i + 1 < k;
        for (ptrdiff_t j = 0; j < VACCINE_PANEL; j += 16) {
            const __mmask16 inside = width - j >= 16 ? 0xFFFF
                : width > j                          ? (__mmask16)((1 << (width - j)) - 1)
                                                     : 0;
            const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, even + j));
            const __m512i high
                = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(paired ? inside : 0, odd + j));
            _mm512_storeu_si512(panel + j, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
    }
}

#include "transpose.h"

#include "product.h"

#pragma clang attribute pop

#endif
