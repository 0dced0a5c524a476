// bfloat16 products with AVX-512 BF16: one instruction multiplies pairs and adds them to a float32
// sum.

#ifdef __x86_64__

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,prfchw"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"
#include "words_bfloat16.h"

typedef float Vector __attribute__((vector_size(64), aligned(4)));
typedef uint32_t WordVector __attribute__((vector_size(64), aligned(4)));

#define FUNCTION product_avx512_bfloat16
#define ROW_FUNCTION row_product_avx512_bfloat16
#define LANES 16
#define TILE_ROWS 14
#define TILE_COLUMNS 32
#define IN_PLACE false

static inline __attribute__((always_inline)) Vector multiply_add(
    Vector sums, uint32_t factor, WordVector words) {
    return (Vector)_mm512_dpbf16_ps(
        (__m512)sums, (__m512bh)_mm512_set1_epi32((int)factor), (__m512bh)words);
}

// Two rows of B become one row of pairs.
static void pack_rows(VaccineWeight b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t column,
    ptrdiff_t columns, uint32_t *packed) {
    const uint16_t *even = (const uint16_t *)b.values + start * b.stride + column;
    const ptrdiff_t words = (k + 1) / 2;
    for (ptrdiff_t i = 0; i < words; i++, even += 2 * b.stride, packed += VACCINE_PANEL) {
        const uint16_t *odd = even + b.stride;
        const bool paired = 2 * i + 1 < k;
        for (ptrdiff_t j = 0; j < columns; j += VACCINE_PANEL) {
            __builtin_prefetch(even + FETCHED_ROWS * b.stride + j);
            __builtin_prefetch(odd + FETCHED_ROWS * b.stride + j);
            for (ptrdiff_t v = j; v < j + VACCINE_PANEL; v += 16) {
                const __mmask16 inside = columns - v >= 16 ? 0xFFFF
                    : columns > v                          ? (__mmask16)((1 << (columns - v)) - 1)
                                                           : 0;
                const __m512i low
                    = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, even + v));
                const __m512i high
                    = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(paired ? inside : 0, odd + v));
                _mm512_storeu_si512(packed + j * words + (v - j),
                    _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
            }
        }
    }
}

#include "transpose_16.h"

#include "transpose.h"

#include "product.h"

void pairs_avx512_bfloat16(const float *values, ptrdiff_t count, uint32_t *pairs) {
    for (ptrdiff_t i = 0; i < count; i += 32, pairs += 16) {
        const __mmask32 inside = count - i < 32 ? ((__mmask32)1 << (count - i)) - 1 : 0xFFFFFFFF;
        _mm512_storeu_si512(pairs,
            (__m512i)_mm512_cvtne2ps_pbh(
                _mm512_maskz_loadu_ps((__mmask16)(inside >> 16), values + i + 16),
                _mm512_maskz_loadu_ps((__mmask16)inside, values + i)));
    }
}

void row_pairs_avx512_bfloat16(
    const float *even, const float *odd, ptrdiff_t count, uint32_t *pairs) {
    for (ptrdiff_t i = 0; i < count; i += 16, pairs += 16) {
        const __mmask16 inside = count - i < 16 ? (__mmask16)((1 << (count - i)) - 1) : 0xFFFF;
        const __m512 above = _mm512_maskz_loadu_ps(inside, even + i);
        const __m512 below
            = odd == NULL ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(inside, odd + i);
        const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(above));
        const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(below));
        _mm512_storeu_si512(pairs, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
}

#pragma clang attribute pop

#endif
