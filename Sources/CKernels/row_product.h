// A product with a transposed weight for few rows of A. It is made as its transpose: the weight's
// rows are read as they lie, word by word, and rows of A stand side by side in the lanes. So
// nothing of the weight is packed, and an element is the same chain of additions as in product.h,
// which includes this file.

#include "turned_product.h"

// Rows that are transposed at once.
enum { SUM_ROWS = 16 };

#define TILE few_rows
#define Sums Vector
#define Words WordVector
#define COUNT 1
#define ADD multiply_add
#define FETCH true
#include "tile.h"

#define TILE more_rows
#define Sums Vector
#define Words WordVector
#define COUNT VECTORS
#define ADD multiply_add
#define FETCH true
#include "tile.h"

// The rows of A as columns [k, width], with zeros for those that are lacking.
static void pack_few(
    const Word *a, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t k, Word *packed) {
    transpose((const AnyWord *)a, stride, rows, k, (AnyWord *)packed, width);
    for (ptrdiff_t i = 0; rows < width && i < k; i++)
        memset(packed + i * width + rows, 0, sizeof(Word) * (size_t)(width - rows));
}

// A tile, and rows that fill it up to what is transposed at once.
typedef struct Outputs {
    float sums[SUM_ROWS * TILE_COLUMNS] __attribute__((aligned(64)));
} Outputs;

// c[rows, outputs] (+)= the transpose of sums[outputs, width].
static void add_transposed(const Outputs *tile, ptrdiff_t width, ptrdiff_t rows, ptrdiff_t outputs,
    float *c, ptrdiff_t c_stride, bool accumulate) {
    float turned[TILE_COLUMNS * SUM_ROWS] __attribute__((aligned(64)));
    transpose((const AnyWord *)tile->sums, width, SUM_ROWS, width, (AnyWord *)turned, SUM_ROWS);
    for (ptrdiff_t j = 0; j < rows; j++, c += c_stride) {
        const float *row = turned + j * SUM_ROWS;
        if (accumulate)
            for (ptrdiff_t r = 0; r < outputs; r++) c[r] += row[r];
        else if (outputs == TILE_ROWS)
            // The compiler would make one call of this and of what follows.
            __builtin_memcpy_inline(c, row, sizeof(float) * TILE_ROWS);
        else
            memcpy(c, row, sizeof(float) * (size_t)outputs);
    }
}

// The places of `outputs` results of each of `rows` rows, which another core may hold: they come
// while the sums are made.
static inline void fetch_results(ptrdiff_t rows, ptrdiff_t outputs, float *c, ptrdiff_t c_stride) {
    for (ptrdiff_t j = 0; j < rows; j++, c += c_stride) {
        __builtin_prefetch(c, 1, 3);
        __builtin_prefetch(c + outputs - 1, 1, 3);
    }
}

// One block of k for all outputs, and `rows` rows of A that are packed `width` side by side.
static void packed_rows_with_weight(ptrdiff_t rows, ptrdiff_t outputs, ptrdiff_t k,
    const Word *packed, ptrdiff_t width, Left weight, float *c, ptrdiff_t c_stride,
    bool accumulate) {
    Outputs tile = {{0}};
    for (ptrdiff_t o = 0; o < outputs; o += TILE_ROWS, weight.words += TILE_ROWS * weight.row) {
        const ptrdiff_t some = smaller(outputs - o, TILE_ROWS);
        for (ptrdiff_t p = 0; p < rows; p += width) {
            const Right columns = {packed + p * k, width, 1};
            const ptrdiff_t some_columns = smaller(rows - p, width);
            fetch_results(some_columns, some, c + p * c_stride + o, c_stride);
            if (width == LANES)
                few_rows((int)some, k, &weight, &columns, tile.sums, width, false);
            else
                more_rows((int)some, k, &weight, &columns, tile.sums, width, false);
            add_transposed(
                &tile, width, some_columns, some, c + p * c_stride + o, c_stride, accumulate);
        }
    }
}

bool ROW_FUNCTION(VaccineShape shape, VaccineFactor a, VaccineWeight b, float *c,
    ptrdiff_t c_stride, bool accumulate) {
    const ptrdiff_t words = (shape.k + WORD - 1) / WORD, step = packed_rows(words);
    const Left left = {(const Word *)a.words, a.row, 1};
    Left weight = {(const Word *)b.values, b.stride / WORD, 1};
    if (shape.m <= TURNED_ROWS) {
        const ptrdiff_t done
            = turned_product(shape, &left, &weight, words, step, c, c_stride, accumulate);
        weight.words += done * weight.row;
        c += done;
        shape.n -= done;
    }
    Word *packed = shape.n > 0 ? packing_buffer() : NULL;
    if (packed == NULL) return shape.n == 0;
    const ptrdiff_t chunk = PACKED_PANELS * VACCINE_PANEL;
    for (ptrdiff_t t = 0; t < shape.m; t += chunk) {
        const ptrdiff_t rows = smaller(shape.m - t, chunk);
        const ptrdiff_t width = rows <= LANES ? LANES : TILE_COLUMNS;
        for (ptrdiff_t start = 0; start < words; start += step) {
            const ptrdiff_t k = smaller(words - start, step);
            for (ptrdiff_t p = 0; p < rows; p += width)
                pack_few(left.words + (t + p) * left.row + start, left.row,
                    smaller(rows - p, width), width, k, packed + p * k);
            const Left part = {weight.words + start, weight.row, 1};
            packed_rows_with_weight(rows, shape.n, k, packed, width, part, c + t * c_stride,
                c_stride, accumulate || start > 0);
        }
    }
    return true;
}
