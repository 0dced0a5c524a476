// float32: a word is a value. Rows of B become a panel [k, VACCINE_PANEL] with zeros beyond
// `width`; rows of A are read in place.

#include <string.h>

enum { WORD = 1, BUFFERED_WORDS = 1 };

static inline const float *words_of(
    const float *a, ptrdiff_t *stride, int rows, ptrdiff_t count, float *buffer) {
    (void)stride, (void)rows, (void)count, (void)buffer;
    return a;
}

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
