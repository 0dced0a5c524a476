// Transposition and packing of columns for AVX-512: 16 × 16 words at a time through registers.
// Written for 4-byte words, whatever they hold.

#include <immintrin.h>
#include <string.h>

// target[j, i] = source[i, j] for 16 rows and columns.
static inline void transpose_16(
    const void *source, ptrdiff_t stride, void *target, ptrdiff_t target_stride) {
    __m512i r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512((const char *)source + i * stride);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
    for (int i = 0; i < 16; i++) _mm512_storeu_si512((char *)target + i * target_stride, r[i]);
}

static void transpose(const AnyWord *source, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
    AnyWord *target, ptrdiff_t target_stride) {
    const ptrdiff_t whole_rows = rows / 16 * 16, whole = columns / 16 * 16;
    for (ptrdiff_t i = 0; i < whole_rows; i += 16)
        for (ptrdiff_t j = 0; j < whole; j += 16)
            transpose_16(source + i * stride + j, 4 * stride, target + j * target_stride + i,
                4 * target_stride);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = i < whole_rows ? whole : 0; j < columns; j++)
            target[j * target_stride + i] = source[i * stride + j];
}

// The next panel's columns are fetched from memory meanwhile.
static void pack_panel(const Word *b, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t k, Word *panel) {
    const ptrdiff_t whole = width / 16 * 16;
    for (ptrdiff_t i = 0; i < k; i += 16) {
        if (k - i < 16) {
            for (ptrdiff_t j = 0; j < whole; j++)
                for (ptrdiff_t t = i; t < k; t++) panel[t * VACCINE_PANEL + j] = b[j * stride + t];
            break;
        }
        for (ptrdiff_t j = 0; j < whole; j++)
            __builtin_prefetch(b + (VACCINE_PANEL + j) * stride + i);
        for (ptrdiff_t j = 0; j < whole; j += 16)
            transpose_16(
                b + j * stride + i, 4 * stride, panel + i * VACCINE_PANEL + j, 4 * VACCINE_PANEL);
    }
    for (ptrdiff_t i = 0; i < k; i++)
        for (ptrdiff_t j = whole; j < VACCINE_PANEL; j++)
            panel[i * VACCINE_PANEL + j] = j < width ? b[j * stride + i] : 0;
}
