// float32: a word is a value, and rows of A are read in place.

#include <stddef.h>

typedef float Word;

enum { WORD = 1 };

static inline const float *words_of(
    const float *a, ptrdiff_t *stride, int rows, ptrdiff_t count, float *buffer) {
    (void)stride, (void)rows, (void)count, (void)buffer;
    return a;
}
