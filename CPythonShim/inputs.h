// Arrays from Python, as the core reads them: a user's, converted where they must be, or those of
// the package's own code, which are exact.

#ifndef VACCINE_SHIM_INPUTS_H
#define VACCINE_SHIM_INPUTS_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"
#include "types.h"

// MARK: - A user's array

// Starts zeroed and is held until `input_release`, which a failed or missing fill allows too. The
// memory is the caller's own where its layout allows.
typedef struct Input {
    Py_buffer view;
    const void *values;  // never NULL
    int64_t count;
    int64_t rows, columns;  // columns: 0 for one dimension
    int width;              // bytes of an element
} Input;

// float32 without a copy if it is contiguous, aligned and in native byte order; any other real
// dtype or layout through numpy. TypeError for a dtype that is no real number, ValueError for a
// shape with fewer than `least` or more than `most` dimensions.
bool input_floats(PyObject *object, const char *name, int least, int most, Input *input);
// A tensor's values: one or two dimensions, ValueError if it is empty.
bool input_tensor(PyObject *object, const char *name, Input *input);
// One-dimensional int32 or int64, likewise; TypeError for anything that is no integer.
bool input_integers(PyObject *object, const char *name, Input *input);
// Keeps an exception that is set.
void input_release(Input *input);

static inline VaccineIntegers input_as_integers(const Input *input) {
    return (VaccineIntegers){.values = input->values, .count = input->count, .width = input->width};
}

// MARK: - Arrays of the package's own code

enum { MAXIMUM_ARRAYS = 12, MAXIMUM_COPIES = 4 };

// The buffers of one call, released together. Once one is refused, with an exception, all further
// ones are too, and keep it.
typedef struct Arrays {
    Py_buffer views[MAXIMUM_ARRAYS];
    int count;
    void *copies[MAXIMUM_COPIES];
    int copy_count;
    bool refused;
} Arrays;

// a · b of two sizes, INT64_MAX where that overflows, which no array has.
static inline int64_t size_product(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

// False with OSError if one of them is memory of a mapped file that was cut short.
bool arrays_are_whole(const Arrays *arrays);
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
