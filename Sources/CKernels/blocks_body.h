// Decoding and dot products for one instruction set. The including file defines NAME(function) and
// includes the decoders of parts, block_parts_plain.h or those of its instructions.

#include "block_part.h"
#include "block_variants.h"

// Numbers of whole and of cut parts.
INLINE void parts(Prepare *prepare, Part *decode, const uint8_t *restrict row, ptrdiff_t first,
    ptrdiff_t count, float *restrict result) {
    Scales scales;
    for (ptrdiff_t i = 0; i < count;) {
        const ptrdiff_t inside = (first + i) % PART, part = (first + i) / PART;
        if (i == 0 || part % SUPER_PARTS == 0) prepare(row, part / SUPER_PARTS, &scales);
        if (inside == 0 && count - i >= PART) {
            decode(row, part, &scales, result + i);
            i += PART;
        } else {
            float whole[PART];
            const ptrdiff_t left = PART - inside, some = count - i < left ? count - i : left;
            decode(row, part, &scales, whole);
            memcpy(result + i, whole + inside, sizeof(float) * (size_t)some);
            i += some;
        }
    }
}

INLINE void f32(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    memcpy(result, row + 4 * PART * part, sizeof(float) * PART);
}

INLINE void from_half(const uint8_t *restrict row, ptrdiff_t count, float *restrict result) {
    const Half *halves = (const Half *)row;
    for (ptrdiff_t i = 0; i < count; i++) result[i] = halves[i].value;
}

INLINE void f16(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
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

INLINE void bf16(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
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
        case VACCINE_BLOCKS_Q8_0: parts(no_scales, q8_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_0: parts(no_scales, q4_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_1: parts(no_scales, q4_1, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_0: parts(no_scales, q5_0, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_1: parts(no_scales, q5_1, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q4_K: parts(q4_k_scales, q4_k, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q5_K: parts(q5_k_scales, q5_k, blocks, first, count, result); break;
        case VACCINE_BLOCKS_Q6_K: parts(q6_k_scales, q6_k, blocks, first, count, result); break;
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

// How far ahead of a part the memory of later rows is fetched: whole groups of DOT_ROWS rows that
// lie one after the other, at least 4 KiB, where the processor's own fetching stops.
INLINE ptrdiff_t fetched_ahead(const VaccineBlockRow *rows) {
    const ptrdiff_t group = DOT_ROWS * (rows[1].blocks - rows[0].blocks);
    return group > 0 ? (4096 + group - 1) / group * group : 0;
}

// y[r] = x · row r for `count` rows of one format; `count` is a constant wherever this is inlined.
INLINE void dots(Prepare *prepare, Part *decode, const int count, const VaccineBlockRow *rows,
    ptrdiff_t k, const float *x, float *y) {
    Lanes sums[DOT_ROWS][2] = {{{0}}};
    Scales scales[DOT_ROWS];
    const ptrdiff_t parts = k / PART, rest = k % PART;
    const ptrdiff_t bytes = count > 1 && parts > 0 ? (rows[1].blocks - rows[0].blocks) / parts : 0;
    const uintptr_t ahead = count > 1 ? (uintptr_t)fetched_ahead(rows) : 0;
    for (ptrdiff_t start = 0; start < parts; start += SUPER_PARTS) {
        const ptrdiff_t end = parts - start < SUPER_PARTS ? parts : start + SUPER_PARTS;
        for (int r = 0; r < count; r++) prepare(rows[r].blocks, start / SUPER_PARTS, &scales[r]);
        for (ptrdiff_t part = start; part < end; part++)
#pragma clang loop unroll(full)
            for (int r = 0; r < count; r++) {
                float numbers[PART];
                const uintptr_t place = (uintptr_t)rows[r].blocks + (uintptr_t)(part * bytes);
                __builtin_prefetch((const void *)(place + ahead), 0, 2);
                decode(rows[r].blocks, part, &scales[r], numbers);
                add_part(numbers, x + part * PART, sums[r]);
            }
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

#define DOTS(FORMAT, prepare, decode)                                                              \
    case VACCINE_BLOCKS_##FORMAT:                                                                  \
        if (count == DOT_ROWS)                                                                     \
            dots(prepare, decode, DOT_ROWS, rows, k, x, y);                                        \
        else                                                                                       \
            for (int r = 0; r < count; r++) dots(prepare, decode, 1, rows + r, k, x, y + r);       \
        break;

// `count` rows of one format, at most DOT_ROWS.
static void dots_of_format(
    int count, const VaccineBlockRow *rows, ptrdiff_t k, const float *x, float *y) {
    switch (rows->format) {
        DOTS(F32, no_scales, f32)
        DOTS(F16, no_scales, f16)
        DOTS(BF16, no_scales, bf16)
        DOTS(Q8_0, no_scales, q8_0)
        DOTS(Q4_0, no_scales, q4_0)
        DOTS(Q4_1, no_scales, q4_1)
        DOTS(Q5_0, no_scales, q5_0)
        DOTS(Q5_1, no_scales, q5_1)
        DOTS(Q4_K, q4_k_scales, q4_k)
        DOTS(Q5_K, q5_k_scales, q5_k)
        DOTS(Q6_K, q6_k_scales, q6_k)
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
