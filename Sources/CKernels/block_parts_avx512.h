// The decoders of parts with AVX-512: sixteen numbers a vector. Numbers of four bits choose from a
// table of the block's sixteen values, which `permutexvar` does by the lowest bits of every index.

#include <immintrin.h>

#include "block_part.h"

INLINE __m512 every(Half number) {
    int16_t bits;
    memcpy(&bits, &number, sizeof bits);
    return _mm512_cvtph_ps(_mm256_set1_epi16(bits));
}

INLINE __m512i bytes(const void *sixteen) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)sixteen));
}

INLINE __m512 signed_bytes(const void *sixteen) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)sixteen)));
}

// first, first + 1, … first + 15
INLINE __m512 counted(float first) {
    const __m512 from_zero = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_ps(from_zero, _mm512_set1_ps(first));
}

// The low halves of sixteen bytes, then the high ones.
INLINE void chosen(__m512 table, const uint8_t halves[16], float *restrict result) {
    const __m512i both = bytes(halves);
    _mm512_storeu_ps(result, _mm512_permutexvar_ps(both, table));
    _mm512_storeu_ps(result + 16, _mm512_permutexvar_ps(_mm512_srli_epi32(both, 4), table));
}

INLINE void q8_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ8_0 *block = (const BlockQ8_0 *)row + part;
    const __m512 scale = every(block->scale);
    for (int v = 0; v < 2; v++)
        _mm512_storeu_ps(
            result + 16 * v, _mm512_mul_ps(scale, signed_bytes(block->numbers + 16 * v)));
}

INLINE void q4_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ4_0 *block = (const BlockQ4_0 *)row + part;
    chosen(_mm512_mul_ps(every(block->scale), counted(-8)), block->halves, result);
}

INLINE void q4_1(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ4_1 *block = (const BlockQ4_1 *)row + part;
    const __m512 products = _mm512_mul_ps(every(block->scale), counted(0));
    chosen(_mm512_add_ps(products, every(block->least)), block->halves, result);
}

// The low halves of sixteen bytes and then the high ones, with 16 where `fifth` has a bit.
INLINE void five_bits(const uint8_t halves[16], const uint8_t fifth[4], __m512i numbers[2]) {
    const __m512i both = bytes(halves), sixteen = _mm512_set1_epi32(16);
    uint32_t bits;
    memcpy(&bits, fifth, sizeof bits);
    numbers[0] = _mm512_and_si512(both, _mm512_set1_epi32(15));
    numbers[1] = _mm512_srli_epi32(both, 4);
    numbers[0] = _mm512_mask_or_epi32(numbers[0], (__mmask16)bits, numbers[0], sixteen);
    numbers[1] = _mm512_mask_or_epi32(numbers[1], (__mmask16)(bits >> 16), numbers[1], sixteen);
}

INLINE void q5_0(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ5_0 *block = (const BlockQ5_0 *)row + part;
    const __m512 scale = every(block->scale);
    __m512i numbers[2];
    five_bits(block->halves, block->fifth, numbers);
    for (int v = 0; v < 2; v++) {
        const __m512i number = _mm512_sub_epi32(numbers[v], _mm512_set1_epi32(16));
        _mm512_storeu_ps(result + 16 * v, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(number)));
    }
}

INLINE void q5_1(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    (void)scales;
    const BlockQ5_1 *block = (const BlockQ5_1 *)row + part;
    const __m512 scale = every(block->scale), least = every(block->least);
    __m512i numbers[2];
    five_bits(block->halves, block->fifth, numbers);
    for (int v = 0; v < 2; v++) {
        const __m512 product = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(numbers[v]));
        _mm512_storeu_ps(result + 16 * v, _mm512_add_ps(product, least));
    }
}

INLINE void scales_and_least(Half scale, Half least, const uint8_t packed[12], Scales *scales) {
    uint8_t bits[2 * SUPER_PARTS];
    six_bits(packed, bits);
    const __m512 factors = _mm512_mask_blend_ps(0xFF00, every(scale), every(least));
    const __m512 numbers = _mm512_cvtepi32_ps(bytes(bits));
    _mm512_storeu_ps(scales->values, _mm512_mul_ps(factors, numbers));
}

INLINE void q4_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ4_K *own = (const BlockQ4_K *)row + block;
    scales_and_least(own->scale, own->least, own->scales, scales);
}

INLINE void q4_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ4_K *block = (const BlockQ4_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS);
    const __m512 scale = _mm512_set1_ps(scales->values[own]);
    const __m512 least = _mm512_set1_ps(scales->values[SUPER_PARTS + own]);
    const __m512 table = _mm512_sub_ps(_mm512_mul_ps(scale, counted(0)), least);
    const __m128i shift = _mm_cvtsi32_si128(own % 2 * 4);
    for (int v = 0; v < 2; v++) {
        const __m512i both = bytes(block->halves + own / 2 * 32 + 16 * v);
        _mm512_storeu_ps(
            result + 16 * v, _mm512_permutexvar_ps(_mm512_srl_epi32(both, shift), table));
    }
}

INLINE void q5_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ5_K *own = (const BlockQ5_K *)row + block;
    scales_and_least(own->scale, own->least, own->scales, scales);
}

INLINE void q5_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ5_K *block = (const BlockQ5_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS);
    const __m512 scale = _mm512_set1_ps(scales->values[own]);
    const __m512 least = _mm512_set1_ps(scales->values[SUPER_PARTS + own]);
    const __m128i shift = _mm_cvtsi32_si128(own % 2 * 4);
    const __m256i fifth = _mm256_loadu_si256((const __m256i *)block->fifth);
    const __mmask32 bits = _mm256_test_epi8_mask(fifth, _mm256_set1_epi8((char)(1 << own)));
    for (int v = 0; v < 2; v++) {
        const __m512i both = _mm512_srl_epi32(bytes(block->halves + own / 2 * 32 + 16 * v), shift);
        const __m512i low = _mm512_and_si512(both, _mm512_set1_epi32(15));
        const __m512i number
            = _mm512_mask_or_epi32(low, (__mmask16)(bits >> 16 * v), low, _mm512_set1_epi32(16));
        const __m512 product = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(number));
        _mm512_storeu_ps(result + 16 * v, _mm512_sub_ps(product, least));
    }
}

INLINE void q6_k_scales(const uint8_t *restrict row, ptrdiff_t block, Scales *scales) {
    const BlockQ6_K *own = (const BlockQ6_K *)row + block;
    _mm512_storeu_ps(scales->values, _mm512_mul_ps(every(own->scale), signed_bytes(own->scales)));
}

INLINE void q6_k(
    const uint8_t *restrict row, ptrdiff_t part, const Scales *scales, float *restrict result) {
    const BlockQ6_K *block = (const BlockQ6_K *)row + part / SUPER_PARTS;
    const int own = (int)(part % SUPER_PARTS);
    const uint8_t *low = block->low + own / 4 * 64 + own % 2 * 32;
    const uint8_t *high = block->high + own / 4 * 32;
    const __m128i low_shift = _mm_cvtsi32_si128(own % 4 / 2 * 4);
    const __m128i high_shift = _mm_cvtsi32_si128(own % 4 * 2);
    for (int v = 0; v < 2; v++) {
        const __m512 scale = _mm512_set1_ps(scales->values[2 * own + v]);
        const __m512i four = _mm512_and_si512(
            _mm512_srl_epi32(bytes(low + 16 * v), low_shift), _mm512_set1_epi32(15));
        const __m512i two = _mm512_and_si512(
            _mm512_srl_epi32(bytes(high + 16 * v), high_shift), _mm512_set1_epi32(3));
        const __m512i number = _mm512_sub_epi32(
            _mm512_or_si512(four, _mm512_slli_epi32(two, 4)), _mm512_set1_epi32(32));
        _mm512_storeu_ps(result + 16 * v, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(number)));
    }
}
