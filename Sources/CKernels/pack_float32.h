// float32: rows of B become panels [k, VACCINE_PANEL] with zeros beyond `columns`.

#include <string.h>

#include "words_float32.h"

static void pack_rows(VaccineWeight b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t column,
    ptrdiff_t columns, float *packed) {
    const float *row = (const float *)b.values + start * b.stride + column;
    for (ptrdiff_t i = 0; i < k; i++, row += b.stride, packed += VACCINE_PANEL) {
        for (ptrdiff_t p = 0; p < columns; p += VACCINE_PANEL) {
            float *panel = packed + p * k;
            for (ptrdiff_t line = 0; line < VACCINE_PANEL; line += 16)
                __builtin_prefetch(row + p + line + FETCHED_ROWS * b.stride);
            if (columns - p >= VACCINE_PANEL) {
                memcpy(panel, row + p, sizeof(float) * VACCINE_PANEL);
            } else {
                memset(panel, 0, sizeof(float) * VACCINE_PANEL);
                memcpy(panel, row + p, sizeof(float) * (size_t)(columns - p));
            }
        }
    }
}
