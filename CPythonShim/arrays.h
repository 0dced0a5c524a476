// numpy arrays of the package's own Python code, handed over for one call: exact formats, no
// conversion.

#ifndef VACCINE_SHIM_ARRAYS_H
#define VACCINE_SHIM_ARRAYS_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"

enum { MAXIMUM_ARRAYS = 12, MAXIMUM_COPIES = 4 };

// The buffers of one call, released together.
typedef struct Arrays {
    Py_buffer views[MAXIMUM_ARRAYS];
    int count;
    void *copies[MAXIMUM_COPIES];
    int copy_count;
} Arrays;

// a · b of two sizes, INT64_MAX where that overflows, which no array has.
static inline int64_t size_product(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

void arrays_release(Arrays *arrays);

// The memory of a C-contiguous array of the struct format ('d', 'f', 'l' for int64, 'L' for uint64,
// 'B') that holds `count` elements. NULL with TypeError or ValueError that names the argument.
const void *array_read(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count);
// A copy, which stays as it was checked whatever other threads write; freed with the buffers.
const void *array_copy(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count);
// The memory itself, to be written.
void *array_write(Arrays *arrays, PyObject *object, const char *name, char format, int64_t count);

// A contiguous 2-D array of float32, float64, float16, or uint16 that holds the bits of bfloat16.
bool array_embeddings(
    Arrays *arrays, PyObject *object, const char *name, VaccineEmbeddings *embeddings);

#endif
