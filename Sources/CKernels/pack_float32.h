// float32 rows of B into a panel: [k, VACCINE_PANEL], zeros beyond `width`.

#include <string.h>

static void pack_rows(const float *b, ptrdiff_t stride, ptrdiff_t column, ptrdiff_t width,
    ptrdiff_t start, ptrdiff_t k, float *panel) {
    const float *row = b + start * stride + column;
    for (ptrdiff_t i = 0; i < k; i++, row += stride, panel += VACCINE_PANEL) {
        if (width == VACCINE_PANEL) {
            memcpy(panel, row, sizeof(float) * VACCINE_PANEL);
        } else {
            memset(panel, 0, sizeof(float) * VACCINE_PANEL);
            memcpy(panel, row, sizeof(float) * (size_t)width);
        }
    }
}
