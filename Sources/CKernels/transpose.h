// Transposition and packing of columns, SQUARE × SQUARE words at a time by the including file's
// `transpose_square`.

#include <string.h>

static void transpose(const AnyWord *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
    AnyWord *target, ptrdiff_t target_stride) {
    const ptrdiff_t whole_rows = rows / SQUARE * SQUARE, whole = columns / SQUARE * SQUARE;
    for (ptrdiff_t i = 0; i < whole_rows; i += SQUARE)
        for (ptrdiff_t j = 0; j < whole; j += SQUARE)
            transpose_square(source + i * stride + j, 4 * stride, target + j * target_stride + i,
                4 * target_stride);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = i < whole_rows ? whole : 0; j < columns; j++)
            target[j * target_stride + i] = source[i * stride + j];
}

// The next panel's columns are fetched from memory meanwhile.
static void pack_panel(const Word *b, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t k, Word *panel) {
    const ptrdiff_t whole = width / SQUARE * SQUARE;
    for (ptrdiff_t i = 0; i < k; i += SQUARE) {
        if (k - i < SQUARE) {
            for (ptrdiff_t j = 0; j < whole; j++)
                for (ptrdiff_t t = i; t < k; t++) panel[t * VACCINE_PANEL + j] = b[j * stride + t];
            break;
        }
        for (ptrdiff_t j = 0; j < whole; j++)
            __builtin_prefetch(b + (VACCINE_PANEL + j) * stride + i);
        for (ptrdiff_t j = 0; j < whole; j += SQUARE)
            transpose_square(
                b + j * stride + i, 4 * stride, panel + i * VACCINE_PANEL + j, 4 * VACCINE_PANEL);
    }
    for (ptrdiff_t i = 0; i < k; i++)
        for (ptrdiff_t j = whole; j < VACCINE_PANEL; j++)
            panel[i * VACCINE_PANEL + j] = j < width ? b[j * stride + i] : 0;
}
