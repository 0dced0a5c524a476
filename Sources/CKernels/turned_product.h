// A product with a transposed weight for the fewest rows of A. Squares of the weight are read as
// they lie and turned in registers, so that outputs stand in the lanes: a word of the weight takes
// few instructions, and an element is the same chain of additions as in product.h, which includes
// this file through row_product.h.

// Rows of A up to which this is faster than sums with A in the lanes.
enum { TURNED_ROWS = 4 };
// Outputs of a tile: two squares, whose chains of additions run side by side.
enum { SQUARES = 2, TURNED_OUTPUTS = SQUARES * SQUARE };
// Words of a row that are fetched ahead of where it is read.
enum { FETCHED_WORDS = 6 * LINE };

// c[rows, TURNED_OUTPUTS] (+)= a[rows, k] · the transpose of weight[TURNED_OUTPUTS, k]. `rows` is a
// constant wherever this is inlined. The weight's rows go on for `rest` words, of `all`; then those
// of the next tile are fetched.
static inline __attribute__((always_inline)) void rows_of_turned(const int rows, ptrdiff_t k,
    ptrdiff_t rest, ptrdiff_t all, const Left *a, const Left *weight, float *c, ptrdiff_t c_stride,
    bool accumulate) {
    const ptrdiff_t whole = k / SQUARE * SQUARE, row = weight->row;
    Vector sums[TURNED_ROWS][SQUARES];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < SQUARES; s++) sums[r][s] = (Vector){0};
    for (ptrdiff_t i = 0; i < whole; i += SQUARE)
#pragma clang loop unroll(full)
        for (int s = 0; s < SQUARES; s++) {
            const Word *square = weight->words + s * SQUARE * row + i;
            const Word *ahead = square + FETCHED_WORDS;
            if (i + FETCHED_WORDS >= rest) ahead += TURNED_OUTPUTS * row - all;
            for (int o = 0; o < SQUARE; o++) __builtin_prefetch(ahead + o * row, 0, 3);
            Column columns[SQUARE];
            turn_square(square, (ptrdiff_t)sizeof(Word) * row, columns);
#pragma clang loop unroll(full)
            for (int j = 0; j < SQUARE; j++) {
                // Else factors are read long before, and spilled.
                __asm__ volatile("" ::: "memory");
#pragma clang loop unroll(full)
                for (int r = 0; r < rows; r++)
                    sums[r][s] = multiply_add(
                        sums[r][s], a->words[r * a->row + i + j], (WordVector)columns[j]);
            }
        }
    for (ptrdiff_t i = whole; i < k; i++)
#pragma clang loop unroll(full)
        for (int s = 0; s < SQUARES; s++) {
            Word column[SQUARE];
            for (int o = 0; o < SQUARE; o++) column[o] = weight->words[(s * SQUARE + o) * row + i];
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++)
                sums[r][s] = multiply_add(
                    sums[r][s], a->words[r * a->row + i], *(const WordVector *)column);
        }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < SQUARES; s++) {
            Vector *const place = (Vector *)(c + r * c_stride + s * SQUARE);
            *place = accumulate ? *place + sums[r][s] : sums[r][s];
        }
}

#define CASE(rows)                                                                                 \
    case rows: rows_of_turned(rows, k, rest, all, a, weight, c, c_stride, accumulate); break;

static __attribute__((noinline)) void turned(ptrdiff_t rows, ptrdiff_t k, ptrdiff_t rest,
    ptrdiff_t all, const Left *a, const Left *weight, float *c, ptrdiff_t c_stride,
    bool accumulate) {
    switch (rows) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
    }
}

#undef CASE

// Whole tiles of outputs, each over all of k, as the weight lies in memory. Returns the number of
// outputs.
static ptrdiff_t turned_product(VaccineShape shape, const Left *a, const Left *weight, ptrdiff_t k,
    ptrdiff_t step, float *c, ptrdiff_t c_stride, bool accumulate) {
    const ptrdiff_t outputs = shape.n / TURNED_OUTPUTS * TURNED_OUTPUTS;
    for (ptrdiff_t o = 0; o < outputs; o += TURNED_OUTPUTS)
        for (ptrdiff_t start = 0; start < k; start += step) {
            const Left rows = {a->words + start, a->row, 1};
            const Left tile = {weight->words + o * weight->row + start, weight->row, 1};
            turned(shape.m, smaller(k - start, step), k - start, k, &rows, &tile, c + o, c_stride,
                accumulate || start > 0);
        }
    return outputs;
}
