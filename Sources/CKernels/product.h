// A block of a product for one instruction set and precision. The including file defines
//   FUNCTION                     the name of the function that this file defines
//   LANES, TILE_ROWS, TILE_COLUMNS   floats of a vector; the part of C that is held in registers
//   Word                         a 4-byte step along k: one float32, or a pair of bfloat16
//   Vector                       LANES floats; WordVector: LANES words
//   multiply_add(sums, factor, words)   sums + factor · words, for one word of A
//   pack_rows, pack_columns      bring B into panels, from rows (normal) or columns (transposed)
// Strides and k count words; so both precisions share everything but the three last lines.

#include <string.h>

enum { VECTORS = TILE_COLUMNS / LANES };

// c[rows, TILE_COLUMNS] (+)= a[rows, k] · b[k, TILE_COLUMNS]. `rows` is a constant wherever this is
// inlined, so that the sums stay in registers.
static inline __attribute__((always_inline)) void tile(const int rows, ptrdiff_t k, const Word *a,
    ptrdiff_t a_stride, const Word *b, float *c, ptrdiff_t c_stride, bool accumulate) {
    Vector sums[TILE_ROWS][VECTORS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = (Vector){0};
    for (ptrdiff_t i = 0; i < k; i++, b += VACCINE_PANEL) {
        WordVector words[VECTORS];
        for (int v = 0; v < VECTORS; v++) words[v] = *(const WordVector *)(b + v * LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < VECTORS; v++)
                sums[r][v] = multiply_add(sums[r][v], a[r * a_stride + i], words[v]);
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++) {
            Vector *const place = (Vector *)(c + r * c_stride + v * LANES);
            *place = accumulate ? *place + sums[r][v] : sums[r][v];
        }
}

#define CASE(rows) \
    case rows: tile(rows, k, a, a_stride, b, c, c_stride, accumulate); break;

static __attribute__((noinline)) void some_rows(int rows, ptrdiff_t k, const Word *a,
    ptrdiff_t a_stride, const Word *b, float *c, ptrdiff_t c_stride, bool accumulate) {
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if TILE_ROWS > 6
        CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#endif
    }
}

// As `some_rows`, for the last columns of C, fewer than TILE_COLUMNS.
static void some_columns(int rows, int columns, ptrdiff_t k, const Word *a, ptrdiff_t a_stride,
    const Word *b, float *c, ptrdiff_t c_stride, bool accumulate) {
    float whole[TILE_ROWS * TILE_COLUMNS] __attribute__((aligned(64)));
    const size_t bytes = sizeof(float) * (size_t)columns;
    memset(whole, 0, sizeof whole);
    for (int r = 0; accumulate && r < rows; r++)
        memcpy(whole + r * TILE_COLUMNS, c + r * c_stride, bytes);
    some_rows(rows, k, a, a_stride, b, whole, TILE_COLUMNS, accumulate);
    for (int r = 0; r < rows; r++) memcpy(c + r * c_stride, whole + r * TILE_COLUMNS, bytes);
}

// All rows of A with one packed panel of `columns` columns.
static void panel_rows(ptrdiff_t first, int rows, ptrdiff_t columns, ptrdiff_t k, const Word *a,
    ptrdiff_t a_stride, const Word *panel, float *c, ptrdiff_t c_stride, bool accumulate) {
    a += first * a_stride;
    c += first * c_stride;
    for (ptrdiff_t j = 0; j < columns; j += TILE_COLUMNS) {
        if (columns - j >= TILE_COLUMNS)
            some_rows(rows, k, a, a_stride, panel + j, c + j, c_stride, accumulate);
        else
            some_columns(
                rows, (int)(columns - j), k, a, a_stride, panel + j, c + j, c_stride, accumulate);
    }
}

static bool FUNCTION(VaccineBlock block, const Word *a, ptrdiff_t a_stride, const Word *b,
    ptrdiff_t b_stride, bool transposed, float *c, ptrdiff_t c_stride) {
    Word *packed = packing_buffer();
    if (packed == NULL) return false;
    const ptrdiff_t step = packed_rows(block.k);
    for (ptrdiff_t j = 0; j < block.n; j += PACKED_PANELS * VACCINE_PANEL) {
        const ptrdiff_t columns = smaller(block.n - j, PACKED_PANELS * VACCINE_PANEL);
        for (ptrdiff_t start = 0; start < block.k; start += step) {
            const ptrdiff_t k = smaller(block.k - start, step);
            const bool accumulate = block.accumulate || start > 0;
            for (ptrdiff_t p = 0; p < columns; p += VACCINE_PANEL) {
                const ptrdiff_t width = smaller(columns - p, VACCINE_PANEL);
                if (transposed)
                    pack_columns(b + (j + p) * b_stride + start, b_stride, width, k, packed + p * k);
                else
                    pack_rows(b, b_stride, j + p, width, start, k, packed + p * k);
            }
            for (ptrdiff_t i = 0; i < block.m; i += TILE_ROWS)
                for (ptrdiff_t p = 0; p < columns; p += VACCINE_PANEL)
                    panel_rows(i, (int)smaller(block.m - i, TILE_ROWS),
                        smaller(columns - p, VACCINE_PANEL), k, a + start, a_stride,
                        packed + p * k, c + j + p, c_stride, accumulate);
        }
    }
    return true;
}
