// Sixteen floats, whatever registers hold them.

#ifndef VACCINE_LANES_H
#define VACCINE_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float Lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t Integers __attribute__((vector_size(64)));
typedef uint64_t Words __attribute__((vector_size(64)));
typedef uint32_t Halves __attribute__((vector_size(64)));

enum { LANES = 16 };

#define INLINE static inline __attribute__((always_inline))

INLINE Lanes all(float value) {
    return (Lanes){value, value, value, value, value, value, value, value, value, value, value,
        value, value, value, value, value};
}

INLINE Lanes load(const float *from) { return *(const Lanes *)from; }
INLINE void store(Lanes lanes, float *to) { *(Lanes *)to = lanes; }

// The first `count` floats, then zeros.
INLINE Lanes load_some(const float *from, ptrdiff_t count) {
    Lanes lanes = {0};
    memcpy(&lanes, from, sizeof(float) * (size_t)count);
    return lanes;
}
INLINE void store_some(Lanes lanes, float *to, ptrdiff_t count) {
    memcpy(to, &lanes, sizeof(float) * (size_t)count);
}

INLINE Lanes multiply_add(Lanes a, Lanes b, Lanes sum) {
    return __builtin_elementwise_fma(a, b, sum);
}

typedef float Four __attribute__((vector_size(16), aligned(4)));

INLINE void store_four(Four lanes, float *to) { *(Four *)to = lanes; }

// The sum of the lanes: halves are added to halves.
INLINE float total(Lanes x) {
    typedef float Eight __attribute__((vector_size(32)));
    const Eight eight = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7)
        + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    const Four four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3)
        + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// The sums of four, each as `total` makes it.
INLINE Four totals(Lanes a, Lanes b, Lanes c, Lanes d) {
#define HALVES(x, y)                                                                               \
    (__builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)         \
        + __builtin_shufflevector(                                                                 \
            x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
    const Lanes ab = HALVES(a, b), cd = HALVES(c, d);
#undef HALVES
    const Lanes quarters
        = __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
        + __builtin_shufflevector(
            ab, cd, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    const Lanes pairs = quarters
        + __builtin_shufflevector(
            quarters, quarters, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    return __builtin_shufflevector(pairs, pairs, 0, 4, 8, 12)
        + __builtin_shufflevector(pairs, pairs, 1, 5, 9, 13);
}

#endif
