// float32: rows of B become a panel [k, VACCINE_PANEL] with zeros beyond `width`.

#include <string.h>

#include "words_float32.h"

enum { BUFFERED_WORDS = 1 };

static void pack_rows(VaccineWeight b, ptrdiff_t start, ptrdiff_t k, ptrdiff_t column,
    ptrdiff_t width, float *panel) {
    const float *row = (const float *)b.values + start * b.stride + column;
    for (ptrdiff_t i = 0; i < k; i++, row += b.stride, panel += VACCINE_PANEL) {
        if (width == VACCINE_PANEL) {
            memcpy(panel, row, sizeof(float) * VACCINE_PANEL);
        } else {
            memset(panel, 0, sizeof(float) * VACCINE_PANEL);
            memcpy(panel, row, sizeof(float) * (size_t)width);
        }
    }
}
