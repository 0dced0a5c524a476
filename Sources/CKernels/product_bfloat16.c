// bfloat16 products with AVX-512 BF16: one instruction multiplies pairs and adds them to a float32 sum.

#ifdef __x86_64__

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512bf16"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

// A pair of neighbours along k.
typedef uint32_t Word;
typedef float Vector __attribute__((vector_size(64), aligned(4)));
typedef uint32_t WordVector __attribute__((vector_size(64), aligned(4)));

#define FUNCTION bfloat16_pairs
#define LANES 16
#define TILE_ROWS 14
#define TILE_COLUMNS 32

static inline __attribute__((always_inline)) Vector multiply_add(
    Vector sums, uint32_t factor, WordVector words) {
    return (Vector)_mm512_dpbf16_ps(
        (__m512)sums, (__m512bh)_mm512_set1_epi32((int)factor), (__m512bh)words);
}

// Two rows of B become one row of pairs; `stride`, `start` and `k` count pairs.
static void pack_rows(const uint32_t *b, ptrdiff_t stride, ptrdiff_t column, ptrdiff_t width,
    ptrdiff_t start, ptrdiff_t k, uint32_t *panel) {
    const uint16_t *values = (const uint16_t *)b;
    for (ptrdiff_t i = start; i < start + k; i++, panel += VACCINE_PANEL) {
        const uint16_t *even = values + 2 * i * 2 * stride + column, *odd = even + 2 * stride;
        for (ptrdiff_t j = 0; j < VACCINE_PANEL; j++)
            panel[j] = j < width ? even[j] | (uint32_t)odd[j] << 16 : 0;
    }
}

#include "transpose.h"

#include "product.h"

bool product_avx512_bfloat16(VaccineBlock block, const uint16_t *a, ptrdiff_t a_stride,
    VaccineFactor b, float *c, ptrdiff_t c_stride) {
    block.k /= 2;
    return bfloat16_pairs(
        block, (const uint32_t *)a, a_stride / 2, b.values, b.stride / 2, b.transposed, c, c_stride);
}

void round_avx512_bfloat16(const float *values, ptrdiff_t count, uint16_t *result) {
    for (ptrdiff_t i = 0; i < count; i += 16) {
        const __mmask16 inside = count - i < 16 ? (__mmask16)((1 << (count - i)) - 1) : 0xFFFF;
        const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(inside, values + i));
        _mm512_mask_cvtepi32_storeu_epi16(
            result + i, inside, _mm512_cvtepu16_epi32((__m256i)rounded));
    }
}

#pragma clang attribute pop

#endif
