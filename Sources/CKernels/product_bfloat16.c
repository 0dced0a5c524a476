// bfloat16 products with AVX-512 BF16: one instruction multiplies pairs and adds them to a float32
// sum.

#ifdef __x86_64__

#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), apply_to = function)

#include <immintrin.h>

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"

// A pair of neighbours along k.
typedef uint32_t Word;
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

enum { WORD = 2, BUFFERED_STRIDE = PACKED_ROWS + 16, BUFFERED_WORDS = TILE_ROWS * BUFFERED_STRIDE };

// Sixteen pairs from 32 floats, of which `count` are there.
static inline __m512i pairs_of(const float *values, ptrdiff_t count) {
    const __mmask32 inside = count < 32 ? ((__mmask32)1 << count) - 1 : 0xFFFFFFFF;
    return (__m512i)_mm512_cvtne2ps_pbh(
        _mm512_maskz_loadu_ps((__mmask16)(inside >> 16), values + 16),
        _mm512_maskz_loadu_ps((__mmask16)inside, values));
}

static inline const uint32_t *words_of(
    const float *a, ptrdiff_t *stride, int rows, ptrdiff_t count, uint32_t *buffer) {
    for (int r = 0; r < rows; r++)
        for (ptrdiff_t i = 0; i < count; i += 32)
            _mm512_storeu_si512(
                buffer + r * BUFFERED_STRIDE + i / 2, pairs_of(a + r * *stride + i, count - i));
    *stride = BUFFERED_STRIDE;
    return buffer;
}

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

// Four rows of A with one row of the weight at a time.
void row_product_avx512_bfloat16(VaccineShape shape, const float *a, ptrdiff_t a_stride,
    VaccineWeight b, float *c, ptrdiff_t c_stride) {
    const uint16_t *weight = b.values;
    for (ptrdiff_t t = 0; t < shape.m; t += 4) {
        const int rows = (int)smaller(shape.m - t, 4);
        for (ptrdiff_t o = 0; o < shape.n; o++) {
            __m512 sums[4] = {0};
            for (ptrdiff_t i = 0; i < shape.k; i += 32) {
                const ptrdiff_t count = smaller(shape.k - i, 32);
                const __mmask32 inside = count < 32 ? ((__mmask32)1 << count) - 1 : 0xFFFFFFFF;
                const __m512i values = _mm512_maskz_loadu_epi16(inside, weight + o * b.stride + i);
                for (int r = 0; r < rows; r++)
                    sums[r] = _mm512_dpbf16_ps(sums[r],
                        (__m512bh)pairs_of(a + (t + r) * a_stride + i, count), (__m512bh)values);
            }
            for (int r = 0; r < rows; r++)
                c[(t + r) * c_stride + o] = _mm512_reduce_add_ps(sums[r]);
        }
    }
}

#pragma clang attribute pop

#endif
