// Arrays from Python, as the core reads them.

#ifndef VACCINE_SHIM_INPUTS_H
#define VACCINE_SHIM_INPUTS_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"
#include "types.h"

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

#endif
