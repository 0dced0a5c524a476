// A block of a product for one instruction set and precision. The including file defines
//   FUNCTION, ROW_FUNCTION       the names of the functions that this file and row_product.h define
//   LANES, TILE_ROWS, TILE_COLUMNS   floats of a vector; the part of C that is held in registers
//   Word                         a 4-byte step along k: one float32, or a pair of bfloat16
//   Vector                       LANES floats; WordVector: LANES words
//   multiply_add(sums, factor, words)   sums + factor · words, for one word of A;
//   pack_rows                    brings rows of B into panels
//   pack_panel                   brings columns of B, which is held transposed, into one panel
//   transpose                    target[j, i] = source[i, j] for rows × columns words
//   SQUARE, Column, turn_square  the same for LANES × LANES words, into registers
//   WORD                         values along k in a word
//   IN_PLACE                     whether whole columns of rows are read where they lie
// Both precisions share everything but these.

#include <string.h>

enum { VECTORS = TILE_COLUMNS / LANES };
// Words of a line of the cache.
enum { LINE = 16 };

// Rows of A: word i of row r is words[r * row + i * step].
typedef struct Left {
    const Word *words;
    ptrdiff_t row, step;
} Left;

// Columns of B: word j of row i is words[i * step + j] within a panel, and column p, where a panel
// begins, lies at words + p * column.
typedef struct Right {
    const Word *words;
    ptrdiff_t step, column;
} Right;

#define TILE some_rows
#define Sums Vector
#define Words WordVector
#define COUNT VECTORS
#define ADD multiply_add
#define FETCH false
#include "tile.h"

// As `some_rows`, for the last columns of C, fewer than TILE_COLUMNS.
static void some_columns(int rows, int columns, ptrdiff_t k, const Left *a, const Right *b,
    float *c, ptrdiff_t c_stride, bool accumulate) {
    float whole[TILE_ROWS * TILE_COLUMNS] __attribute__((aligned(64)));
    const size_t bytes = sizeof(float) * (size_t)columns;
    memset(whole, 0, sizeof whole);
    for (int r = 0; accumulate && r < rows; r++)
        memcpy(whole + r * TILE_COLUMNS, c + r * c_stride, bytes);
    some_rows(rows, k, a, b, whole, TILE_COLUMNS, accumulate);
    for (int r = 0; r < rows; r++) memcpy(c + r * c_stride, whole + r * TILE_COLUMNS, bytes);
}

// A tile's rows of A with one panel of `columns` columns.
static void panel_rows(int rows, ptrdiff_t columns, ptrdiff_t k, const Left *a, Right b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    for (ptrdiff_t j = 0; j < columns; j += TILE_COLUMNS, b.words += TILE_COLUMNS) {
        if (columns - j >= TILE_COLUMNS)
            some_rows(rows, k, a, &b, c + j, c_stride, accumulate);
        else
            some_columns(rows, (int)(columns - j), k, a, &b, c + j, c_stride, accumulate);
    }
}

// All rows of A with panels of `columns` columns.
static void panels(ptrdiff_t m, ptrdiff_t columns, ptrdiff_t k, Left a, Right b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    for (ptrdiff_t i = 0; i < m; i += TILE_ROWS, a.words += TILE_ROWS * a.row)
        for (ptrdiff_t p = 0; p < columns; p += VACCINE_PANEL) {
            const Right panel = {b.words + p * b.column, b.step, b.column};
            panel_rows((int)smaller(m - i, TILE_ROWS), smaller(columns - p, VACCINE_PANEL), k, &a,
                panel, c + i * c_stride + p, c_stride, accumulate);
        }
}

// Rows of B as they lie, from row `start` and column `j` on, or packed.
static Right right(VaccineWeight b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t length, ptrdiff_t j,
    ptrdiff_t columns, Word *packed) {
    if (IN_PLACE && !b.transposed && columns % TILE_COLUMNS == 0)
        return (Right){(const Word *)b.values + start * b.stride + j, b.stride, 1};
    if (b.transposed)
        for (ptrdiff_t p = 0; p < columns; p += VACCINE_PANEL)
            pack_panel((const Word *)b.values + (j + p) * (b.stride / WORD) + start,
                b.stride / WORD, smaller(columns - p, VACCINE_PANEL), k, packed + p * k);
    else
        pack_rows(b, start * WORD, length, j, columns, packed);
    return (Right){packed, VACCINE_PANEL, k};
}

bool FUNCTION(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c, ptrdiff_t c_stride,
    bool accumulate) {
    Word *packed = packing_buffer();
    if (packed == NULL) return false;
    const ptrdiff_t words = (shape.k + WORD - 1) / WORD, step = packed_rows(words);
    for (ptrdiff_t j = 0; j < shape.n; j += PACKED_PANELS * VACCINE_PANEL) {
        const ptrdiff_t columns = smaller(shape.n - j, PACKED_PANELS * VACCINE_PANEL);
        for (ptrdiff_t start = 0; start < words; start += step) {
            const ptrdiff_t k = smaller(words - start, step);
            const Left left = {(const Word *)a.words + start * a.step, a.row, a.step};
            panels(shape.m, columns, k, left,
                right(b, start, k, smaller(shape.k - start * WORD, k * WORD), j, columns, packed),
                c + j, c_stride, accumulate || start > 0);
        }
    }
    return true;
}

#include "row_product.h"
