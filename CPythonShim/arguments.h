// Python arguments to C values. A false result means that an exception naming the argument is set.
// To numbers and choices NULL is an argument that was left out: the result stays as it is.

#ifndef VACCINE_SHIM_ARGUMENTS_H
#define VACCINE_SHIM_ARGUMENTS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

// Anything with __index__ but bool; ValueError outside [lowest, highest].
bool argument_int64(
    PyObject *value, const char *name, int64_t lowest, int64_t highest, int64_t *result);
bool argument_int32(PyObject *value, const char *name, int32_t lowest, int32_t *result);
// In [0, 2^64).
bool argument_uint64(PyObject *value, const char *name, uint64_t *result);
// A real number but bool; NaN and infinity pass, for the core to refuse where they mean nothing.
bool argument_double(PyObject *value, const char *name, double *result);
bool argument_bool(PyObject *value, const char *name, bool *result);
// UTF-8 without NUL, borrowed from `value`.
bool argument_string(PyObject *value, const char *name, const char **result);
// Position of a string in a list of choices that NULL ends.
bool argument_choice(PyObject *value, const char *name, const char *const *choices, int *result);

// A tuple of the items of any iterable but a str, new; NULL with TypeError for anything else.
PyObject *argument_sequence(PyObject *value, const char *name, const char *expected);

// "{name} must be {expected}, got {value}"
void raise_expected(PyObject *exception, const char *name, const char *expected, PyObject *value);
// TypeError "{name} must be {expected}, got {type of value}"
void raise_type(const char *name, const char *expected, PyObject *value);

#endif
