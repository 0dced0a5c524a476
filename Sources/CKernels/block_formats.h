// The block formats as they lie in memory, without padding.

#ifndef VACCINE_BLOCK_FORMATS_H
#define VACCINE_BLOCK_FORMATS_H

#include <stdint.h>

// A float16, at any address.
typedef struct __attribute__((packed)) Half {
    _Float16 value;
} Half;

// Numbers that are decoded at a time: a block, or a part of a larger one.
enum { PART = 32 };
// Numbers of a block of the K formats.
enum { SUPER = 256 };

typedef struct BlockQ8_0 {
    Half scale;
    int8_t numbers[32];
} BlockQ8_0;

// Halves of a byte: the first sixteen numbers, and the last.
typedef struct BlockQ4_0 {
    Half scale;
    uint8_t halves[16];
} BlockQ4_0;

typedef struct BlockQ4_1 {
    Half scale, least;
    uint8_t halves[16];
} BlockQ4_1;

// `fifth`: bit i belongs to number i.
typedef struct BlockQ5_0 {
    Half scale;
    uint8_t fifth[4], halves[16];
} BlockQ5_0;

typedef struct BlockQ5_1 {
    Half scale, least;
    uint8_t fifth[4], halves[16];
} BlockQ5_1;

// `scales`: eight pairs of six bits, a scale and a least value for each part.
typedef struct BlockQ4_K {
    Half scale, least;
    uint8_t scales[12], halves[128];
} BlockQ4_K;

// `fifth`: bit p of byte i belongs to number i of part p.
typedef struct BlockQ5_K {
    Half scale, least;
    uint8_t scales[12], fifth[32], halves[128];
} BlockQ5_K;

// Bits 0 to 3 and 4 to 5 of the numbers; a scale for each sixteen.
typedef struct BlockQ6_K {
    uint8_t low[128], high[64];
    int8_t scales[16];
    Half scale;
} BlockQ6_K;

#endif
