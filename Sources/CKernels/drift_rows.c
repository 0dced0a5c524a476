// Chooses the variant for this processor.

#include "include/drift_rows.h"

#include "drift_rows_variants.h"
#include "processor.h"

void vaccine_drift_rows(VaccineRows x, VaccineRows y, VaccineRowOrder order,
    VaccineDriftColumns columns, double sums[VACCINE_DRIFT_SUMS]) {
    CALL(drift_rows, x, y, order, columns, sums);
}

void vaccine_row_sums(VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count,
    double sums[VACCINE_DRIFT_SUMS]) {
    CALL(row_sums, x, y, first, count, sums);
}

void vaccine_squared_distances(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,
    ptrdiff_t count, double *distances) {
    CALL(squared_distances, x, row, y, first, count, distances);
}
