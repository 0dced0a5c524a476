// What this processor can do at most: multiply-adds in registers and bytes from memory. One thread each;
// `roofline.py` calls them from as many threads as it measures.
//
//     cc -O2 -march=native -shared -fPIC -o machine_limits.so machine_limits.c

#include <immintrin.h>
#include <stddef.h>

enum { CHAINS = 16 };

static volatile float sink;

#ifdef __AVX512F__
// Operations done: 16 independent chains of float32 multiply-adds.
double limit_float32(size_t rounds) {
    __m512 sums[CHAINS];
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
    const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
    for (int i = 1; i < CHAINS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
    sink = _mm512_reduce_add_ps(sums[0]);
    return 2.0 * 16 * CHAINS * (double)rounds;
}
#else
double limit_float32(size_t rounds) {
    __m256 sums[CHAINS - 4];
    for (int i = 0; i < CHAINS - 4; i++) sums[i] = _mm256_set1_ps((float)i);
    const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS - 4; i++) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
    for (int i = 1; i < CHAINS - 4; i++) sums[0] = _mm256_add_ps(sums[0], sums[i]);
    sink = _mm256_cvtss_f32(sums[0]);
    return 2.0 * 8 * (CHAINS - 4) * (double)rounds;
}
#endif

// The same with products of bfloat16 pairs; 0 where the processor has none.
double limit_bfloat16(size_t rounds) {
#ifdef __AVX512BF16__
    __m512 sums[CHAINS];
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps((float)i);
    const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.01f), _mm512_set1_ps(0.01f));
    for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], a, a);
    for (int i = 1; i < CHAINS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
    sink = _mm512_reduce_add_ps(sums[0]);
    return 2.0 * 2 * 16 * CHAINS * (double)rounds;
#else
    (void)rounds;
    return 0;
#endif
}

// STREAM's triad a = b + 3c, a written past the caches; returns the bytes moved.
double limit_triad(float *a, const float *b, const float *c, size_t count) {
    const __m256 factor = _mm256_set1_ps(3.0f);
    for (size_t i = 0; i + 8 <= count; i += 8)
        _mm256_stream_ps(
            a + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(c + i), _mm256_loadu_ps(b + i)));
    _mm_sfence();
    return 3.0 * sizeof(float) * (double)count;
}

// Two threads hand a line to and fro, `rounds` times each: thread 0 and 1 call this at once.
void limit_transfer(_Atomic int *turn, int thread, size_t rounds) {
    for (size_t round = 0; round < rounds; round++) {
        while (*turn != thread) {}
        *turn = 1 - thread;
    }
}
