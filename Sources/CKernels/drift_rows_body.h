// drift_rows.h for one instruction set; `NAME` adds its suffix.

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "drift_rows_variants.h"

#define INLINE static inline __attribute__((always_inline))

typedef double Eight __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(32)));

#define UNROLL _Pragma("clang loop unroll(full)")

// Rows that share a sweep over the columns.
enum { TOGETHER = 4 };

INLINE ptrdiff_t size_of(VaccineRowFormat format) {
    if (format == VACCINE_ROWS_FLOAT64) return 8;
    return format == VACCINE_ROWS_FLOAT32 ? 4 : 2;
}

// Eight elements from `column` as doubles, zeros from the width on.
INLINE Eight read(const char *row, VaccineRowFormat format, ptrdiff_t column, ptrdiff_t left) {
    const size_t count = left < 8 ? (size_t)left : 8;
    switch (format) {
        case VACCINE_ROWS_FLOAT64: {
            double values[8] = {0};
            memcpy(values, row + column * 8, count * 8);
            Eight eight;
            memcpy(&eight, values, sizeof eight);
            return eight;
        }
        case VACCINE_ROWS_FLOAT32: {
            Floats values = {0};
            memcpy(&values, row + column * 4, count * 4);
            return __builtin_convertvector(values, Eight);
        }
        case VACCINE_ROWS_FLOAT16: {
            typedef _Float16 Halves __attribute__((vector_size(16)));
            Halves values = {0};
            memcpy(&values, row + column * 2, count * 2);
            return __builtin_convertvector(__builtin_convertvector(values, Floats), Eight);
        }
        case VACCINE_ROWS_BFLOAT16: {
            typedef uint16_t Shorts __attribute__((vector_size(16)));
            typedef uint32_t Words __attribute__((vector_size(32)));
            Shorts values = {0};
            memcpy(&values, row + column * 2, count * 2);
            const Words words = __builtin_convertvector(values, Words) << 16;
            Floats floats;
            memcpy(&floats, &words, sizeof floats);
            return __builtin_convertvector(floats, Eight);
        }
    }
    __builtin_unreachable();
}

INLINE Eight multiply_add(Eight a, Eight b, Eight sum) {
    return __builtin_elementwise_fma(a, b, sum);
}

INLINE double total(Eight v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

typedef struct RowSums {
    Eight xx, yy, xy, dd;
} RowSums;

INLINE void add_row(RowSums row, double *sums) {
    const double xx = total(row.xx), yy = total(row.yy), xy = total(row.xy), dd = total(row.dd);
    const double norms = sqrt(xx) * sqrt(yy);
    sums[0] += 1;
    sums[1] += dd;
    sums[2] += xx;
    sums[3] += yy;
    sums[4] += xy;
    sums[5] += sqrt(dd);
    sums[6] += norms > 0 ? xy / norms : (xx == yy ? 1 : 0);
}

// Rows of one side that share a sweep, and those that come next.
typedef struct Sweep {
    const char *rows[TOGETHER], *next[TOGETHER];
    VaccineRowFormat format;
} Sweep;

INLINE Sweep sweep(VaccineRows side, const ptrdiff_t *order, ptrdiff_t rows, ptrdiff_t listed) {
    const ptrdiff_t size = side.width * size_of(side.format);
    Sweep result = {.format = side.format};
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) {
        const ptrdiff_t next = row + TOGETHER < listed ? row + TOGETHER : row;
        result.rows[row] = (const char *)side.values + order[row] * size;
        result.next[row] = (const char *)side.values + order[next] * size;
    }
    return result;
}

INLINE void add_block(const Sweep *x, const Sweep *y, ptrdiff_t rows, ptrdiff_t column,
    ptrdiff_t left, VaccineDriftColumns columns, RowSums *sums) {
    Eight shift, sum_x, sum_delta, squares;
    memcpy(&shift, columns.shift + column, sizeof shift);
    memcpy(&sum_x, columns.x + column, sizeof sum_x);
    memcpy(&sum_delta, columns.delta + column, sizeof sum_delta);
    memcpy(&squares, columns.squares + column, sizeof squares);
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) {
        __builtin_prefetch(x->next[row] + column * size_of(x->format), 0, 2);
        __builtin_prefetch(y->next[row] + column * size_of(y->format), 0, 2);
        const Eight a = read(x->rows[row], x->format, column, left);
        const Eight b = read(y->rows[row], y->format, column, left);
        const Eight delta = b - a, centred = a - shift;
        sums[row].xx = multiply_add(a, a, sums[row].xx);
        sums[row].yy = multiply_add(b, b, sums[row].yy);
        sums[row].xy = multiply_add(a, b, sums[row].xy);
        sums[row].dd = multiply_add(delta, delta, sums[row].dd);
        sum_x += a;
        sum_delta += delta;
        squares = multiply_add(centred, centred, squares);
    }
    memcpy(columns.x + column, &sum_x, sizeof sum_x);
    memcpy(columns.delta + column, &sum_delta, sizeof sum_delta);
    memcpy(columns.squares + column, &squares, sizeof squares);
}

// `rows` is a constant where this is called, so that `of_rows` stays in registers.
INLINE void add_rows(VaccineRows x, VaccineRows y, const ptrdiff_t *order, ptrdiff_t rows,
    ptrdiff_t listed, VaccineDriftColumns columns, double *sums) {
    const ptrdiff_t width = x.width;
    const Sweep from_x = sweep(x, order, rows, listed), from_y = sweep(y, order, rows, listed);
    RowSums of_rows[TOGETHER] = {0};
    ptrdiff_t column = 0;
    for (; column + 8 <= width; column += 8)
        add_block(&from_x, &from_y, rows, column, 8, columns, of_rows);
    if (column < width) add_block(&from_x, &from_y, rows, column, width - column, columns, of_rows);
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) add_row(of_rows[row], sums);
}

INLINE void add_all(VaccineRows x, VaccineRows y, VaccineRowOrder order,
    VaccineDriftColumns columns, double *sums) {
    ptrdiff_t row = 0;
    for (; row + TOGETHER <= order.count; row += TOGETHER)
        add_rows(x, y, order.rows + row, TOGETHER, order.listed - row, columns, sums);
    for (; row < order.count; row++)
        add_rows(x, y, order.rows + row, 1, order.listed - row, columns, sums);
}

// With the formats as constants where both sides have one.
void NAME(drift_rows)(VaccineRows x, VaccineRows y, VaccineRowOrder order,
    VaccineDriftColumns columns, double sums[VACCINE_DRIFT_SUMS]) {
#define ADD(known)                                                                                 \
    if (x.format == known && y.format == known) {                                                  \
        x.format = y.format = known;                                                               \
        add_all(x, y, order, columns, sums);                                                       \
        return;                                                                                    \
    }
    ADD(VACCINE_ROWS_FLOAT32)
    ADD(VACCINE_ROWS_FLOAT64)
    ADD(VACCINE_ROWS_FLOAT16)
    ADD(VACCINE_ROWS_BFLOAT16)
#undef ADD
    add_all(x, y, order, columns, sums);
}

INLINE void add_products(const char *const *x, VaccineRowFormat x_format, const char *const *y,
    VaccineRowFormat y_format, ptrdiff_t rows, ptrdiff_t column, ptrdiff_t left, RowSums *sums) {
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) {
        const Eight a = read(x[row], x_format, column, left);
        const Eight b = read(y[row], y_format, column, left);
        const Eight delta = b - a;
        sums[row].xx = multiply_add(a, a, sums[row].xx);
        sums[row].yy = multiply_add(b, b, sums[row].yy);
        sums[row].xy = multiply_add(a, b, sums[row].xy);
        sums[row].dd = multiply_add(delta, delta, sums[row].dd);
    }
}

// `rows` is a constant where this is called, so that `of_rows` stays in registers.
INLINE void sums_of_rows(
    VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t rows, double *sums) {
    const char *from_x[TOGETHER], *from_y[TOGETHER];
    RowSums of_rows[TOGETHER] = {0};
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) {
        from_x[row] = (const char *)x.values + (first + row) * x.width * size_of(x.format);
        from_y[row] = (const char *)y.values + (first + row) * y.width * size_of(y.format);
    }
    ptrdiff_t column = 0;
    for (; column + 8 <= x.width; column += 8)
        add_products(from_x, x.format, from_y, y.format, rows, column, 8, of_rows);
    if (column < x.width)
        add_products(from_x, x.format, from_y, y.format, rows, column, x.width - column, of_rows);
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) add_row(of_rows[row], sums);
}

INLINE void sums_of_all(
    VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count, double *sums) {
    const ptrdiff_t end = first + count;
    ptrdiff_t row = first;
    for (; row + TOGETHER <= end; row += TOGETHER) sums_of_rows(x, y, row, TOGETHER, sums);
    for (; row < end; row++) sums_of_rows(x, y, row, 1, sums);
}

// With the formats as constants where both sides have one.
void NAME(row_sums)(VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count,
    double sums[VACCINE_DRIFT_SUMS]) {
#define ADD(known)                                                                                 \
    if (x.format == known && y.format == known) {                                                  \
        x.format = y.format = known;                                                               \
        sums_of_all(x, y, first, count, sums);                                                     \
        return;                                                                                    \
    }
    ADD(VACCINE_ROWS_FLOAT32)
    ADD(VACCINE_ROWS_FLOAT64)
    ADD(VACCINE_ROWS_FLOAT16)
    ADD(VACCINE_ROWS_BFLOAT16)
#undef ADD
    sums_of_all(x, y, first, count, sums);
}

INLINE void add_squares(const char *x, VaccineRowFormat x_format, const char *const *y,
    VaccineRowFormat y_format, ptrdiff_t rows, ptrdiff_t column, ptrdiff_t left, Eight *sums) {
    const Eight a = read(x, x_format, column, left);
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) {
        const Eight delta = read(y[row], y_format, column, left) - a;
        sums[row] = multiply_add(delta, delta, sums[row]);
    }
}

// `rows` is a constant where this is called, so that `sums` stay in registers.
INLINE void distances_of_rows(const char *x, VaccineRowFormat x_format, const char *y,
    VaccineRowFormat y_format, ptrdiff_t width, ptrdiff_t rows, double *distances) {
    const char *places[TOGETHER];
    Eight sums[TOGETHER] = {0};
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) places[row] = y + row * width * size_of(y_format);
    ptrdiff_t column = 0;
    for (; column + 8 <= width; column += 8)
        add_squares(x, x_format, places, y_format, rows, column, 8, sums);
    if (column < width)
        add_squares(x, x_format, places, y_format, rows, column, width - column, sums);
    UNROLL
    for (ptrdiff_t row = 0; row < rows; row++) distances[row] = total(sums[row]);
}

INLINE void all_distances(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,
    ptrdiff_t count, double *distances) {
    const char *from = (const char *)x.values + row * x.width * size_of(x.format);
    const ptrdiff_t size = y.width * size_of(y.format);
    const char *to = (const char *)y.values + first * size;
    ptrdiff_t j = 0;
    for (; j + TOGETHER <= count; j += TOGETHER)
        distances_of_rows(
            from, x.format, to + j * size, y.format, x.width, TOGETHER, distances + j);
    for (; j < count; j++)
        distances_of_rows(from, x.format, to + j * size, y.format, x.width, 1, distances + j);
}

// With the formats as constants where both sides have one.
void NAME(squared_distances)(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,
    ptrdiff_t count, double *distances) {
#define WRITE(known)                                                                               \
    if (x.format == known && y.format == known) {                                                  \
        x.format = y.format = known;                                                               \
        all_distances(x, row, y, first, count, distances);                                         \
        return;                                                                                    \
    }
    WRITE(VACCINE_ROWS_FLOAT32)
    WRITE(VACCINE_ROWS_FLOAT64)
    WRITE(VACCINE_ROWS_FLOAT16)
    WRITE(VACCINE_ROWS_BFLOAT16)
#undef WRITE
    all_distances(x, row, y, first, count, distances);
}
