// Chooses the variant for this processor.

#include "include/low_rank.h"

#include "low_rank_variants.h"
#include "processor.h"

void vaccine_dropout(VaccineMatrix x, VaccineDropout mask, ptrdiff_t first_row, VaccineMatrix y) {
    CALL(dropout, x, mask, first_row, y);
}

void vaccine_project(VaccineMatrix x, VaccineMatrix a, float scale, VaccineMatrix u) {
    CALL(project, x, a, scale, u);
}

void vaccine_expand(VaccineMatrix u, VaccineMatrix a, float scale, const VaccineDropout *mask,
    ptrdiff_t first_row, VaccineMatrix y) {
    CALL(expand, u, a, scale, mask, first_row, y);
}

void vaccine_outer(VaccineMatrix u, VaccineMatrix x, float scale, const VaccineDropout *mask,
    ptrdiff_t first_column, VaccineMatrix g) {
    CALL(outer, u, x, scale, mask, first_column, g);
}
