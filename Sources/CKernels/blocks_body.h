// Decoding and dot products for one instruction set. The including file defines NAME(function).
// Every number is rounded as the reference decoders of ggml do it: no product is fused with a sum.

#include <string.h>

#include "block_formats.h"
#include "block_variants.h"

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

// Part `part` of a row: numbers 32 · part to 32 · part + 31.
typedef void Part(const uint8_t *restrict row, ptrdiff_t part, float *restrict result);

INLINE void q8_0(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ8_0 *block = (const BlockQ8_0 *)row + part;
    const float scale = block->scale.value;
    for (int i = 0; i < 32; i++) result[i] = scale * (float)block->numbers[i];
}

INLINE void q4_0(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ4_0 *block = (const BlockQ4_0 *)row + part;
    const float scale = block->scale.value;
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)((block->halves[i] & 15) - 8);
        result[i + 16] = scale * (float)((block->halves[i] >> 4) - 8);
    }
}

INLINE void q4_1(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ4_1 *block = (const BlockQ4_1 *)row + part;
    const float scale = block->scale.value, least = block->least.value;
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)(block->halves[i] & 15) + least;
        result[i + 16] = scale * (float)(block->halves[i] >> 4) + least;
    }
}

// The fifth bits as 16 or 0.
INLINE void fifth_bits(const uint8_t fifth[4], uint8_t bits[32]) {
    for (int i = 0; i < 32; i++) bits[i] = (fifth[i / 8] >> i % 8 & 1) << 4;
}

INLINE void q5_0(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ5_0 *block = (const BlockQ5_0 *)row + part;
    const float scale = block->scale.value;
    uint8_t bits[32];
    fifth_bits(block->fifth, bits);
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)(((block->halves[i] & 15) | bits[i]) - 16);
        result[i + 16] = scale * (float)((block->halves[i] >> 4 | bits[i + 16]) - 16);
    }
}

INLINE void q5_1(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ5_1 *block = (const BlockQ5_1 *)row + part;
    const float scale = block->scale.value, least = block->least.value;
    uint8_t bits[32];
    fifth_bits(block->fifth, bits);
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)((block->halves[i] & 15) | bits[i]) + least;
        result[i + 16] = scale * (float)(block->halves[i] >> 4 | bits[i + 16]) + least;
    }
}

// The six bits of a part's scale and of its least value.
typedef struct PartScale {
    float scale, least;
} PartScale;

INLINE PartScale part_scale(Half scale, Half least, const uint8_t scales[12], int part) {
    const uint8_t *own = scales + part % 4;
    const int first = part < 4 ? own[0] & 63 : (own[8] & 15) | own[0] >> 6 << 4;
    const int second = part < 4 ? own[4] & 63 : own[8] >> 4 | own[4] >> 6 << 4;
    return (PartScale){(float)scale.value * (float)first, (float)least.value * (float)second};
}

INLINE void q4_k(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ4_K *block = (const BlockQ4_K *)row + part / 8;
    const int own = part % 8, shift = own % 2 * 4;
    const PartScale scale = part_scale(block->scale, block->least, block->scales, own);
    const uint8_t *halves = block->halves + own / 2 * 32;
    for (int i = 0; i < 32; i++)
        result[i] = scale.scale * (float)(halves[i] >> shift & 15) - scale.least;
}

INLINE void q5_k(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ5_K *block = (const BlockQ5_K *)row + part / 8;
    const int own = part % 8, shift = own % 2 * 4;
    const PartScale scale = part_scale(block->scale, block->least, block->scales, own);
    const uint8_t *halves = block->halves + own / 2 * 32;
    for (int i = 0; i < 32; i++) {
        const int number = (halves[i] >> shift & 15) | (block->fifth[i] >> own & 1) << 4;
        result[i] = scale.scale * (float)number - scale.least;
    }
}

INLINE void q6_k(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    const BlockQ6_K *block = (const BlockQ6_K *)row + part / 8;
    const int own = part % 8, shift = own % 4 / 2 * 4;
    const uint8_t *low = block->low + own / 4 * 64 + own % 2 * 32;
    const uint8_t *high = block->high + own / 4 * 32;
    const float scale = block->scale.value;
    for (int half = 0; half < 2; half++) {
        const float both = scale * (float)block->scales[2 * own + half];
        for (int i = 16 * half; i < 16 * half + 16; i++) {
            const int number = (low[i] >> shift & 15) | (high[i] >> own % 4 * 2 & 3) << 4;
            result[i] = both * (float)(number - 32);
        }
    }
}

// Numbers of whole and of cut parts.
INLINE void parts(Part *decode, const uint8_t *restrict row, ptrdiff_t first, ptrdiff_t count,
    float *restrict result) {
    for (ptrdiff_t i = 0; i < count;) {
        const ptrdiff_t inside = (first + i) % PART, part = (first + i) / PART;
        if (inside == 0 && count - i >= PART) {
            decode(row, part, result + i);
            i += PART;
        } else {
            float whole[PART];
            const ptrdiff_t left = PART - inside, some = count - i < left ? count - i : left;
            decode(row, part, whole);
            memcpy(result + i, whole + inside, sizeof(float) * (size_t)some);
            i += some;
        }
    }
}

INLINE void f32(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    memcpy(result, row + 4 * PART * part, sizeof(float) * PART);
}

INLINE void from_half(const uint8_t *restrict row, ptrdiff_t count, float *restrict result) {
    const Half *halves = (const Half *)row;
    for (ptrdiff_t i = 0; i < count; i++) result[i] = halves[i].value;
}

INLINE void f16(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    from_half(row + 2 * PART * part, PART, result);
}

INLINE void from_bfloat16(const uint8_t *restrict row, ptrdiff_t count, float *restrict result) {
    for (ptrdiff_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, row + 2 * i, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        memcpy(result + i, &bits, sizeof bits);
    }
}

INLINE void bf16(const uint8_t *restrict row, ptrdiff_t part, float *restrict result) {
    from_bfloat16(row + 2 * PART * part, PART, result);
}

void NAME(from_blocks)(
    VaccineBlockRow row, ptrdiff_t first, ptrdiff_t count, float *restrict result) {
    const uint8_t *blocks = row.blocks;
    if (blocks == NULL) {
        memset(result, 0, sizeof(float) * (size_t)count);
        return;
    }
    switch (row.format) {
        case VACCINE_BLOCKS_F32:
            memcpy(result, blocks + 4 * first, sizeof(float) * (size_t)count);
            break;
        case VACCINE_BLOCKS_F16: from_half(blocks + 2 * first, count, result); break;
        case VACCINE_BLOCKS_BF16: from_bfloat16(blocks + 2 * first, count, result); break;
        case VACCINE_BLOCKS_Q8_0: parts(q8_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_0: parts(q4_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_1: parts(q4_1, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_0: parts(q5_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_1: parts(q5_1, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_K: parts(q4_k, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_K: parts(q5_k, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q6_K: parts(q6_k, blocks, first, count, result); break;
    }
}

// Sixteen sums side by side.
typedef float Lanes __attribute__((vector_size(64), aligned(4)));

// Rows of the weight that are multiplied at a time, so that their chains of sums overlap.
enum { DOT_ROWS = 4 };

INLINE float sum_of(Lanes lanes) {
    float values[16];
    memcpy(values, &lanes, sizeof values);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) values[i] += values[i + half];
    return values[0];
}

// Two vectors of sums take numbers 32p to 32p + 15 and 32p + 16 to 32p + 31 of every part p.
INLINE void add_part(const float numbers[PART], const float *x, Lanes sums[2]) {
    for (int v = 0; v < 2; v++)
        sums[v] = __builtin_elementwise_fma(
            *(const Lanes *)(numbers + 16 * v), *(const Lanes *)(x + 16 * v), sums[v]);
}

// y[r] = x · row r for `count` rows of one format; `count` is a constant wherever this is inlined.
INLINE void dots(Part *decode, const int count, const VaccineBlockRow *rows, ptrdiff_t k,
    const float *x, float *y) {
    Lanes sums[DOT_ROWS][2] = {{{0}}};
    const ptrdiff_t parts = k / PART, rest = k % PART;
    for (ptrdiff_t part = 0; part < parts; part++)
#pragma clang loop unroll(full)
        for (int r = 0; r < count; r++) {
            float numbers[PART];
            decode(rows[r].blocks, part, numbers);
            add_part(numbers, x + part * PART, sums[r]);
        }
    for (int r = 0; r < count; r++) {
        if (rest > 0) {
            float numbers[PART] = {0}, last[PART] = {0};
            NAME(from_blocks)(rows[r], parts * PART, rest, numbers);
            memcpy(last, x + parts * PART, sizeof(float) * (size_t)rest);
            add_part(numbers, last, sums[r]);
        }
        y[r] = sum_of(sums[r][0] + sums[r][1]);
    }
}

#define DOTS(FORMAT, decode)                                                                       \
    case VACCINE_BLOCKS_##FORMAT:                                                                  \
        if (count == DOT_ROWS)                                                                     \
            dots(decode, DOT_ROWS, rows, k, x, y);                                                 \
        else                                                                                       \
            for (int r = 0; r < count; r++) dots(decode, 1, rows + r, k, x, y + r);                \
        break;

// `count` rows of one format, at most DOT_ROWS.
static void dots_of_format(
    int count, const VaccineBlockRow *rows, ptrdiff_t k, const float *x, float *y) {
    switch (rows->format) {
        DOTS(F32, f32)
        DOTS(F16, f16)
        DOTS(BF16, bf16)
        DOTS(Q8_0, q8_0)
        DOTS(Q4_0, q4_0)
        DOTS(Q4_1, q4_1)
        DOTS(Q5_0, q5_0)
        DOTS(Q5_1, q5_1)
        DOTS(Q4_K, q4_k)
        DOTS(Q5_K, q5_k)
        DOTS(Q6_K, q6_k)
    }
}

#undef DOTS

void NAME(block_dots)(
    const VaccineBlockRow *rows, ptrdiff_t count, ptrdiff_t k, const float *x, float *y) {
    for (ptrdiff_t j = 0, next; j < count; j = next) {
        for (next = j + 1; next < count && next < j + DOT_ROWS; next++)
            if (rows[next].format != rows[j].format || rows[next].blocks == NULL) break;
        if (rows[j].blocks == NULL)
            y[j] = 0, next = j + 1;
        else
            dots_of_format((int)(next - j), rows + j, k, x, y + j);
    }
}
