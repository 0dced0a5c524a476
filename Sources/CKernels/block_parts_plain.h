// The decoders of parts in plain C.

#include "block_part.h"

INLINE void q8_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ8_0 *block = (const BlockQ8_0 *)row + part;
    const float scale = block->scale.value;
    for (int i = 0; i < 32; i++) result[i] = scale * (float)block->numbers[i];
}

INLINE void q4_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ4_0 *block = (const BlockQ4_0 *)row + part;
    const float scale = block->scale.value;
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)((block->halves[i] & 15) - 8);
        result[i + 16] = scale * (float)((block->halves[i] >> 4) - 8);
    }
}

INLINE void q4_1(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
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

INLINE void q5_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ5_0 *block = (const BlockQ5_0 *)row + part;
    const float scale = block->scale.value;
    uint8_t bits[32];
    fifth_bits(block->fifth, bits);
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)(((block->halves[i] & 15) | bits[i]) - 16);
        result[i + 16] = scale * (float)((block->halves[i] >> 4 | bits[i + 16]) - 16);
    }
}

INLINE void q5_1(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ5_1 *block = (const BlockQ5_1 *)row + part;
    const float scale = block->scale.value, least = block->least.value;
    uint8_t bits[32];
    fifth_bits(block->fifth, bits);
    for (int i = 0; i < 16; i++) {
        result[i] = scale * (float)((block->halves[i] & 15) | bits[i]) + least;
        result[i + 16] = scale * (float)(block->halves[i] >> 4 | bits[i + 16]) + least;
    }
}

INLINE void scales_and_least(Half scale, Half least, const uint8_t packed[12], Scales *scales) {
    uint8_t bits[2 * SUPER_PARTS];
    six_bits(packed, bits);
    for (int i = 0; i < SUPER_PARTS; i++) {
        scales->values[i] = (float)scale.value * (float)bits[i];
        scales->values[SUPER_PARTS + i] = (float)least.value * (float)bits[SUPER_PARTS + i];
    }
}

INLINE void q4_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ4_K *own = (const BlockQ4_K *)row + block;
    scales_and_least(own->scale, own->least, own->scales, scales);
}

INLINE void q4_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ4_K *block = (const BlockQ4_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS), shift = own % 2 * 4;
    const float scale = scales->values[own], least = scales->values[SUPER_PARTS + own];
    const uint8_t *halves = block->halves + own / 2 * 32;
    for (int i = 0; i < 32; i++) result[i] = scale * (float)(halves[i] >> shift & 15) - least;
}

INLINE void q5_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ5_K *own = (const BlockQ5_K *)row + block;
    scales_and_least(own->scale, own->least, own->scales, scales);
}

INLINE void q5_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ5_K *block = (const BlockQ5_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS), shift = own % 2 * 4;
    const float scale = scales->values[own], least = scales->values[SUPER_PARTS + own];
    const uint8_t *halves = block->halves + own / 2 * 32;
    for (int i = 0; i < 32; i++) {
        const int number = (halves[i] >> shift & 15) | (block->fifth[i] >> own & 1) << 4;
        result[i] = scale * (float)number - least;
    }
}

INLINE void q6_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ6_K *own = (const BlockQ6_K *)row + block;
    for (int i = 0; i < 2 * SUPER_PARTS; i++)
        scales->values[i] = (float)own->scale.value * (float)own->scales[i];
}

INLINE void q6_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ6_K *block = (const BlockQ6_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS), shift = own % 4 / 2 * 4;
    const uint8_t *low = block->low + own / 4 * 64 + own % 2 * 32;
    const uint8_t *high = block->high + own / 4 * 32;
    for (int half = 0; half < 2; half++) {
        const float scale = scales->values[2 * own + half];
        for (int i = 16 * half; i < 16 * half + 16; i++) {
            const int number = (low[i] >> shift & 15) | (high[i] >> own % 4 * 2 & 3) << 4;
            result[i] = scale * (float)(number - 32);
        }
    }
}
