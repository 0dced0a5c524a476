// bfloat16: a word is a pair of neighbours along k. Rows of A are rounded into a buffer.

#include <immintrin.h>

#include "packing.h"

typedef uint32_t Word;

enum { WORD = 2, BUFFERED_STRIDE = PACKED_ROWS + 16 };

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
