// Chooses the variant for this processor.

#include "include/drift_rows.h"

#include "drift_rows_variants.h"
#include "processor.h"

void vaccine_drift_rows(VaccineRows x, VaccineRows y, VaccineRowOrder order,
    VaccineDriftColumns columns, double sums[VACCINE_DRIFT_SUMS]) {
#ifdef __x86_64__
    if (has_avx512()) {
        drift_rows_avx512(x, y, order, columns, sums);
        return;
    }
#endif
    drift_rows_baseline(x, y, order, columns, sums);
}

void vaccine_row_sums(VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count,
    double sums[VACCINE_DRIFT_SUMS]) {
#ifdef __x86_64__
    if (has_avx512()) {
        row_sums_avx512(x, y, first, count, sums);
        return;
    }
#endif
    row_sums_baseline(x, y, first, count, sums);
}

void vaccine_squared_distances(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,
    ptrdiff_t count, double *distances) {
#ifdef __x86_64__
    if (has_avx512()) {
        squared_distances_avx512(x, row, y, first, count, distances);
        return;
    }
#endif
    squared_distances_baseline(x, row, y, first, count, distances);
}
