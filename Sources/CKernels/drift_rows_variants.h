// The variants of drift_rows.h that the dispatcher chooses from.

#ifndef VACCINE_DRIFT_ROWS_VARIANTS_H
#define VACCINE_DRIFT_ROWS_VARIANTS_H

#include "include/drift_rows.h"

#define DECLARE(suffix)                                                                            \
    void drift_rows_##suffix(VaccineRows x, VaccineRows y, VaccineRowOrder order,                  \
        VaccineDriftColumns columns, double sums[VACCINE_DRIFT_SUMS]);                             \
    void row_sums_##suffix(VaccineRows x, VaccineRows y, ptrdiff_t first, ptrdiff_t count,         \
        double sums[VACCINE_DRIFT_SUMS]);                                                          \
    void squared_distances_##suffix(VaccineRows x, ptrdiff_t row, VaccineRows y, ptrdiff_t first,  \
        ptrdiff_t count, double *distances);

DECLARE(baseline)
#ifdef __x86_64__
DECLARE(avx512)
#endif

#undef DECLARE

#endif
