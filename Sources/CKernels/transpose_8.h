// 8 × 8 words at a time through vectors of any instruction set. Written for 4-byte words, whatever
// they hold.

#include <string.h>

enum { SQUARE = 8 };

typedef uint32_t Eight __attribute__((vector_size(32)));

#define LOW_WORDS(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_WORDS(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

typedef Eight Column;

// columns[j][i] = source[i, j] for SQUARE rows and columns; stride in bytes.
static inline __attribute__((always_inline)) void turn_square(
    const void *source, ptrdiff_t stride, Column t[SQUARE]) {
    Eight r[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) memcpy(&r[i], (const char *)source + i * stride, sizeof r[i]);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 2) {
        t[i] = LOW_WORDS(r[i], r[i + 1]);
        t[i + 1] = HIGH_WORDS(r[i], r[i + 1]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 4) {
        r[i] = LOW_PAIRS(t[i], t[i + 2]);
        r[i + 1] = HIGH_PAIRS(t[i], t[i + 2]);
        r[i + 2] = LOW_PAIRS(t[i + 1], t[i + 3]);
        r[i + 3] = HIGH_PAIRS(t[i + 1], t[i + 3]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        t[i] = LOW_HALVES(r[i], r[i + 4]);
        t[i + 4] = HIGH_HALVES(r[i], r[i + 4]);
    }
}

// target[j, i] = source[i, j] for SQUARE rows and columns; strides in bytes.
static inline __attribute__((always_inline)) void transpose_square(
    const void *source, ptrdiff_t stride, void *target, ptrdiff_t target_stride) {
    Column columns[8];
    turn_square(source, stride, columns);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++)
        memcpy((char *)target + i * target_stride, &columns[i], sizeof columns[i]);
}
