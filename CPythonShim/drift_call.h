// What the drift analyser's functions share: arguments, sizes, and the end of a call.

#ifndef VACCINE_SHIM_DRIFT_CALL_H
#define VACCINE_SHIM_DRIFT_CALL_H

#include "arguments.h"
#include "call.h"
#include "inputs.h"
#include "types.h"

// The arguments of a call, borrowed; those that were left out stay as they are in `result`.
static inline bool unpack(
    PyObject *args, const char *function, Py_ssize_t least, Py_ssize_t most, PyObject **result) {
    const Py_ssize_t count = PyTuple_Size(args);
    if (count < least || count > most) {
        PyErr_Format(PyExc_TypeError, "%s takes %zd to %zd arguments, got %zd", function, least,
            most, count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) result[i] = PyTuple_GetItem(args, i);
    return true;
}

// Sizes up to which products of four stay within 64 bits.
static const int64_t MOST = 1 << 15, MOST_ROWS = (int64_t)1 << 32;

static inline bool size(
    PyObject *value, const char *name, int64_t least, int64_t most, int64_t *result) {
    return argument_int64(value, name, least, most, result);
}

// A number in (0, 1).
static inline bool argument_share(PyObject *value, const char *name, double *result) {
    if (!argument_double(value, name, result)) return false;
    if (*result > 0 && *result < 1) return true;
    raise_expected(PyExc_ValueError, name, "in (0, 1)", value);
    return false;
}

// The end of a call of the core that fills its arguments: None, or NULL with an exception set.
static inline PyObject *finish(Call *call, Arrays *arrays, VaccineStatus status) {
    const bool done = call_end(call, status) && arrays_are_whole(arrays);
    arrays_release(arrays);
    return none_if(done);
}

// The end of one whose arguments were refused.
static inline PyObject *failed(Arrays *arrays) {
    arrays_release(arrays);
    return NULL;
}

#define FUNCTION(name) {#name, name, METH_VARARGS, NULL}

#endif
