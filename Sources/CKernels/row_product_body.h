// A product with a transposed weight for few rows of A, for one precision and instruction set. The
// including file defines
//   FUNCTION                  the name of the function that this file defines
//   ROWS                      rows of A whose sums with four rows of the weight fit the registers,
//                             1 or 6
//   Word, WORD                as in product.h
//   dot_add(sums, a, b)       sums + a · b, lane by lane, for sixteen words
//
// Nothing is packed: sixteen rows of the weight at a time stay in the first-level cache while all
// rows of A pass by, and the first of these have the next sixteen fetched from memory, which would
// otherwise wait for the arithmetic. An element is a sum in sixteen lanes for every even block of
// k, whatever the number of rows.

#include "lanes.h"

typedef Word WordLanes __attribute__((vector_size(64), aligned(4)));

enum { QUAD = 4, BLOCK = 16, CHUNK = 128 };

INLINE WordLanes some_words(const Word *from, ptrdiff_t count) {
    WordLanes words = {0};
    memcpy(&words, from, sizeof(Word) * (size_t)count);
    return words;
}

#define CHOOSE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)

// Element 4 r + o is total(sums[r][o]), by the same additions, sixteen at a time.
INLINE Lanes totals(const Lanes sums[QUAD][QUAD]) {
    Lanes eights[2][QUAD], fours[QUAD], twos[2];
    for (int r = 0; r < 2; r++)
        for (int o = 0; o < QUAD; o++) {
            const Lanes x = sums[2 * r][o], y = sums[2 * r + 1][o];
            eights[r][o] = CHOOSE(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
                + CHOOSE(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
        }
    for (int o = 0; o < QUAD; o++) {
        const Lanes x = eights[0][o], y = eights[1][o];
        fours[o] = CHOOSE(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
            + CHOOSE(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
    for (int o = 0; o < 2; o++) {
        const Lanes x = fours[2 * o], y = fours[2 * o + 1];
        twos[o] = CHOOSE(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
            + CHOOSE(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    const Lanes x = twos[0], y = twos[1];
    return CHOOSE(x, y, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30)
        + CHOOSE(x, y, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
}

// c[rows, outputs] (+)= a[rows, k] · b[outputs, k]ᵀ, for at most four outputs. `rows` and `fetch`
// are constants wherever this is inlined; `ahead`: how far on lies what is fetched.
INLINE void row_tile(const int rows, const bool fetch, ptrdiff_t outputs, ptrdiff_t k,
    const Word *a, ptrdiff_t a_stride, const Word *b, ptrdiff_t b_stride, ptrdiff_t ahead, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    const Word *weights[QUAD];
    for (int o = 0; o < QUAD; o++) weights[o] = b + smaller(o, outputs - 1) * b_stride;
    Lanes sums[2 * QUAD][QUAD] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= k; i += LANES) {
        for (int o = 0; fetch && o < QUAD; o++)
            __builtin_prefetch(weights[o] + ahead + i, 0, 2);  // to the second-level cache
        WordLanes words[QUAD];
        for (int o = 0; o < QUAD; o++) words[o] = *(const WordLanes *)(weights[o] + i);
        for (int r = 0; r < rows; r++) {
            const WordLanes values = *(const WordLanes *)(a + r * a_stride + i);
            for (int o = 0; o < QUAD; o++) sums[r][o] = dot_add(sums[r][o], values, words[o]);
        }
    }
    if (i < k)
        for (int r = 0; r < rows; r++)
            for (int o = 0; o < QUAD; o++)
                sums[r][o] = dot_add(sums[r][o], some_words(a + r * a_stride + i, k - i),
                    some_words(weights[o] + i, k - i));
    for (int first = 0; first < rows; first += QUAD) {
        const Lanes result = totals(sums + first);
        for (int r = first; r < smaller(first + QUAD, rows); r++)
            for (ptrdiff_t o = 0; o < outputs; o++) {
                float *const place = c + r * c_stride + o;
                *place = (accumulate ? *place : 0) + result[QUAD * (r - first) + o];
            }
    }
}

#define TILE(rows, fetch)                                                                          \
    row_tile(rows, fetch, outputs, k, a, a_stride, b, b_stride, ahead, c, c_stride, accumulate)
#define CASE(rows)                                                                                 \
    case rows: ahead > 0 ? TILE(rows, true) : TILE(rows, false); break;

static __attribute__((noinline)) void some_rows(int rows, ptrdiff_t outputs, ptrdiff_t k,
    const Word *a, ptrdiff_t a_stride, const Word *b, ptrdiff_t b_stride, ptrdiff_t ahead, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    switch (rows) {
        CASE(1)
#if ROWS > 1
        CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#endif
    }
}

void FUNCTION(VaccineShape shape, const void *a, ptrdiff_t a_stride, VaccineWeight b, float *c,
    ptrdiff_t c_stride) {
    const ptrdiff_t words = (shape.k + WORD - 1) / WORD, step = packed_rows(words);
    const ptrdiff_t b_stride = b.stride / WORD;
    for (ptrdiff_t start = 0; start < words; start += step) {
        const ptrdiff_t k = smaller(words - start, step);
        for (ptrdiff_t t = 0; t < shape.m; t += CHUNK) {
            const ptrdiff_t rows = smaller(shape.m - t, CHUNK);
            const Word *left = (const Word *)a + t * a_stride + start;
            for (ptrdiff_t j = 0; j < shape.n; j += BLOCK)
                for (ptrdiff_t r = 0; r < rows; r += ROWS)
                    for (ptrdiff_t o = j; o < smaller(j + BLOCK, shape.n); o += QUAD)
                        some_rows((int)smaller(rows - r, ROWS), smaller(shape.n - o, QUAD), k,
                            left + r * a_stride, a_stride,
                            (const Word *)b.values + o * b_stride + start, b_stride,
                            r == 0 ? BLOCK * b_stride : 0, c + (t + r) * c_stride + o, c_stride,
                            start > 0);
        }
    }
}
