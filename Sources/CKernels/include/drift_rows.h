// Sweeps over the caller's rows in double precision: all that the drift analyser keeps of a prompt
// beside the second moments, and squared distances.
//
// Results depend on the rows and their order alone, and are the same for every instruction set.

#ifndef VACCINE_DRIFT_ROWS_H
#define VACCINE_DRIFT_ROWS_H

#include <stddef.h>

typedef enum VaccineRowFormat {
    VACCINE_ROWS_FLOAT32,
    VACCINE_ROWS_FLOAT64,
    VACCINE_ROWS_FLOAT16,
    VACCINE_ROWS_BFLOAT16,
} VaccineRowFormat;

// Embeddings [rows, width], row-major; rows need no alignment beyond their elements'.
typedef struct VaccineRows {
    const void *values;
    ptrdiff_t width;
    VaccineRowFormat format;
} VaccineRows;

enum { VACCINE_DRIFT_SUMS = 7 };

// The running sums of rows, all of the width rounded up to eights, zeros beyond the width.
typedef struct VaccineDriftColumns {
    const double *shift;  // what x is centred on for `squares`
    double *x;            // Σ x
    double *delta;        // Σ (y - x)
    double *squares;      // Σ (x - shift)²
} VaccineDriftColumns;

// Rows by their numbers: the first `count` are meant, those up to `listed` come next and are
// fetched from memory meanwhile.
typedef struct VaccineRowOrder {
    const ptrdiff_t *rows;
    ptrdiff_t count, listed;
} VaccineRowOrder;

// Adds rows of both sides, one width, to `columns` and to
// sums = {rows, Σ|δ|², Σ|x|², Σ|y|², Σ x·y, Σ|δ|, Σ cos(x, y)}, δ = y - x. Two zero rows have
// cosine 1, one zero row has 0.
void vaccine_drift_rows(VaccineRows x, VaccineRows y, VaccineRowOrder order,
    VaccineDriftColumns columns, double sums[VACCINE_DRIFT_SUMS]);

// The same without columns, of rows `first` ..< `first` + `count`.
void vaccine_row_sums(VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count,
    double sums[VACCINE_DRIFT_SUMS]);

// distances[j] ← |y_(first + j) - x_row|² for 0 ≤ j < count, both sides of one width. Differences
// are squared, not norms subtracted: exact to rounding however close the rows are.
void vaccine_squared_distances(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,
    ptrdiff_t count, double *distances);

#endif
