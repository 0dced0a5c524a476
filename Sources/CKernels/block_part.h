// A part of a row: numbers 32 · part to 32 · part + 31.
//
// Every number is rounded as the reference decoders of ggml do it: no product is fused with a sum.

#ifndef VACCINE_BLOCK_PART_H
#define VACCINE_BLOCK_PART_H

#include <stddef.h>
#include <string.h>

#include "block_formats.h"

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

// Parts of a block of the K formats.
enum { SUPER_PARTS = SUPER / PART };

// The scales of a block of the K formats, multiplied out: of Q4_K and Q5_K one for each part, then
// its least value; of Q6_K two for each part.
typedef struct Scales {
    float values[2 * SUPER_PARTS];
} Scales;

// The scales of block `block` of a row; nothing for the other formats.
typedef void Prepare(const uint8_t *restrict row, ptrdiff_t block, Scales *scales);
// The numbers of a part, of whose block `scales` are prepared.
typedef void Part(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result);

INLINE void no_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    (void)row, (void)block, (void)scales;
}

// The six bits of the scale and of the least value of every part, as bytes.
INLINE void six_bits(const uint8_t scales[12], uint8_t values[2 * SUPER_PARTS]) {
    uint32_t first, second, both;
    memcpy(&first, scales, 4);
    memcpy(&second, scales + 4, 4);
    memcpy(&both, scales + 8, 4);
    const uint32_t words[4]
        = {first & 0x3F3F3F3F, (both & 0x0F0F0F0F) | (first >> 6 & 0x03030303) << 4,
            second & 0x3F3F3F3F, (both >> 4 & 0x0F0F0F0F) | (second >> 6 & 0x03030303) << 4};
    memcpy(values, words, sizeof words);
}

#endif
