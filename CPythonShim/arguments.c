#include "arguments.h"

#include <string.h>

void raise_expected(PyObject *exception, const char *name, const char *expected, PyObject *value) {
    PyErr_Format(exception, "%s must be %s, got %R", name, expected, value);
}

void raise_type(const char *name, const char *expected, PyObject *value) {
    PyObject *type = PyType_GetName(Py_TYPE(value));
    if (type == NULL) return;
    PyErr_Format(PyExc_TypeError, "%s must be %s, got %U", name, expected, type);
    Py_DECREF(type);
}

// A new reference to the exact int of `value`.
static PyObject *integer_of(PyObject *value, const char *name) {
    if (PyBool_Check(value) || !PyIndex_Check(value)) {
        raise_type(name, "an integer", value);
        return NULL;
    }
    return PyNumber_Index(value);
}

bool argument_int64(
    PyObject *value, const char *name, int64_t lowest, int64_t highest, int64_t *result) {
    if (value == NULL) return true;
    PyObject *integer = integer_of(value, name);
    if (integer == NULL) return false;
    int overflow;
    *result = PyLong_AsLongLongAndOverflow(integer, &overflow);
    const bool inside = overflow == 0 && lowest <= *result && *result <= highest;
    if (!inside)
        PyErr_Format(PyExc_ValueError, "%s must be in [%lld, %lld], got %R", name,
            (long long)lowest, (long long)highest, integer);
    Py_DECREF(integer);
    return inside;
}

bool argument_int32(PyObject *value, const char *name, int32_t lowest, int32_t *result) {
    if (value == NULL) return true;
    int64_t wide;
    if (!argument_int64(value, name, lowest, INT32_MAX, &wide)) return false;
    *result = (int32_t)wide;
    return true;
}

bool argument_uint64(PyObject *value, const char *name, uint64_t *result) {
    if (value == NULL) return true;
    PyObject *integer = integer_of(value, name);
    if (integer == NULL) return false;
    *result = PyLong_AsUnsignedLongLong(integer);
    const bool inside = !PyErr_Occurred();
    if (!inside) raise_expected(PyExc_ValueError, name, "in [0, 2**64)", integer);
    Py_DECREF(integer);
    return inside;
}

bool argument_double(PyObject *value, const char *name, double *result) {
    if (value == NULL) return true;
    if (PyBool_Check(value)) {
        raise_type(name, "a real number", value);
        return false;
    }
    *result = PyFloat_AsDouble(value);
    if (!PyErr_Occurred()) return true;
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        raise_expected(PyExc_ValueError, name, "a finite number", value);
    else if (PyErr_ExceptionMatches(PyExc_TypeError))
        raise_type(name, "a real number", value);
    return false;
}

bool argument_bool(PyObject *value, const char *name, bool *result) {
    if (!PyBool_Check(value)) {
        raise_type(name, "a bool", value);
        return false;
    }
    *result = value == Py_True;
    return true;
}

bool argument_string(PyObject *value, const char *name, const char **result) {
    if (!PyUnicode_Check(value)) {
        raise_type(name, "a str", value);
        return false;
    }
    Py_ssize_t length;
    *result = PyUnicode_AsUTF8AndSize(value, &length);
    if (*result == NULL && !PyErr_ExceptionMatches(PyExc_UnicodeError)) return false;
    if (*result == NULL || strlen(*result) != (size_t)length) {
        raise_expected(PyExc_ValueError, name, "Unicode text without NUL", value);
        return false;
    }
    return true;
}

bool argument_choice(PyObject *value, const char *name, const char *const *choices, int *result) {
    if (value == NULL) return true;
    const char *text;
    if (!argument_string(value, name, &text)) return false;
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *result = i;
            return true;
        }
    }
    PyObject *listed = PyUnicode_FromFormat("'%s'", choices[0]);
    for (int i = 1; listed != NULL && choices[i] != NULL; i++) {
        PyObject *longer = PyUnicode_FromFormat("%U, '%s'", listed, choices[i]);
        Py_DECREF(listed);
        listed = longer;
    }
    if (listed == NULL) return false;
    PyErr_Format(PyExc_ValueError, "%s must be one of %U, got %R", name, listed, value);
    Py_DECREF(listed);
    return false;
}

PyObject *argument_sequence(PyObject *value, const char *name, const char *expected) {
    PyObject *iterator = PyUnicode_Check(value) ? NULL : PyObject_GetIter(value);
    if (iterator == NULL) {
        if (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_TypeError))
            raise_type(name, expected, value);
        return NULL;
    }
    PyObject *tuple = PySequence_Tuple(iterator);
    Py_DECREF(iterator);
    return tuple;
}
