// 16 × 16 words at a time through registers of AVX-512. Written for 4-byte words, whatever they
// hold.

#include <immintrin.h>

enum { SQUARE = 16 };

typedef __m512i Column;

// columns[j][i] = source[i, j] for SQUARE rows and columns; stride in bytes.
static inline __attribute__((always_inline)) void turn_square(
    const void *source, ptrdiff_t stride, Column r[SQUARE]) {
    __m512i t[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512((const char *)source + i * stride);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

// target[j, i] = source[i, j] for SQUARE rows and columns; strides in bytes.
static inline void transpose_square(
    const void *source, ptrdiff_t stride, void *target, ptrdiff_t target_stride) {
    Column columns[16];
    turn_square(source, stride, columns);
    for (int i = 0; i < 16; i++)
        _mm512_storeu_si512((char *)target + i * target_stride, columns[i]);
}
