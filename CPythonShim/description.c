#include "description.h"

#include <stdlib.h>

#include "arguments.h"

// Each of these gives a new reference to an exact object, NULL without an exception where the value
// is of another kind, NULL with one where it cannot be read.

static PyObject *no_kind_unless_raised_otherwise(void) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) PyErr_Clear();
    return NULL;
}

static PyObject *exact_integer(PyObject *value) {
    if (!PyIndex_Check(value)) return NULL;
    PyObject *integer = PyNumber_Index(value);
    return integer != NULL ? integer : no_kind_unless_raised_otherwise();
}

static PyObject *exact_real(PyObject *value) {
    if (PyBool_Check(value) || PyUnicode_Check(value)) return NULL;
    const double real = PyFloat_AsDouble(value);
    if (PyErr_Occurred()) return no_kind_unless_raised_otherwise();
    return PyFloat_FromDouble(real);
}

static PyObject *exact_numbers(PyObject *value) {
    if (!PySequence_Check(value) || PyUnicode_Check(value) || PyBytes_Check(value)) return NULL;
    PyObject *items = PySequence_Tuple(value);
    if (items == NULL) return no_kind_unless_raised_otherwise();
    const Py_ssize_t count = PyTuple_Size(items);
    PyObject *numbers = PyTuple_New(count);
    for (Py_ssize_t i = 0; numbers != NULL && i < count; i++) {
        PyObject *real = exact_real(PyTuple_GetItem(items, i));
        if (real == NULL)
            Py_CLEAR(numbers);
        else
            PyTuple_SetItem(numbers, i, real);
    }
    Py_DECREF(items);
    return numbers;
}

// The value as an exact object; NULL as above.
static PyObject *exact(PyObject *value) {
    if (PyBool_Check(value)) return Py_NewRef(value);
    if (PyUnicode_Check(value)) return PyUnicode_FromObject(value);
    PyObject *result = exact_integer(value);
    if (result == NULL && !PyErr_Occurred()) result = exact_real(value);
    if (result == NULL && !PyErr_Occurred()) result = exact_numbers(value);
    return result;
}

static bool fill_numbers(PyObject *tuple, VaccineNamedValue *item) {
    const Py_ssize_t count = PyTuple_Size(tuple);
    double *numbers = calloc((size_t)count + 1, sizeof *numbers);
    if (numbers == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) numbers[i] = PyFloat_AsDouble(PyTuple_GetItem(tuple, i));
    item->kind = VACCINE_NUMBERS;
    item->numbers = numbers;
    item->count = count;
    return true;
}

// `value` is exact and outlives the item.
static bool fill(PyObject *value, VaccineNamedValue *item) {
    if (PyBool_Check(value)) {
        item->kind = VACCINE_FLAG;
        item->integer = value == Py_True;
        return true;
    }
    if (PyLong_Check(value)) {
        item->kind = VACCINE_INTEGER;
        return argument_int64(value, item->name, INT64_MIN, INT64_MAX, &item->integer);
    }
    if (PyFloat_Check(value)) {
        item->kind = VACCINE_REAL;
        item->real = PyFloat_AsDouble(value);
        return true;
    }
    if (PyUnicode_Check(value)) {
        item->kind = VACCINE_TEXT;
        return argument_string(value, item->name, &item->text);
    }
    return fill_numbers(value, item);
}

// `dict` takes what the item borrows.
static bool add(PyObject *key, PyObject *value, PyObject *dict, VaccineNamedValue *item) {
    PyObject *kept = exact(value);
    if (kept == NULL && PyErr_Occurred()) return false;
    item->kind = VACCINE_OTHER;
    if (kept == NULL) kept = PyType_GetName(Py_TYPE(value));
    const bool is_other = kept != NULL && PyUnicode_Check(kept) && !PyUnicode_Check(value);
    bool added = kept != NULL && PyDict_SetItem(dict, key, kept) == 0;
    if (added) added = is_other ? argument_string(kept, item->name, &item->text) : fill(kept, item);
    Py_XDECREF(kept);
    return added;
}

static bool add_all(PyObject *source, Description *description) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(source, &position, &key, &value)) {
        PyObject *name = PyUnicode_Check(key) ? PyUnicode_FromObject(key) : NULL;
        VaccineNamedValue *item = &description->values[description->count];
        bool added = name != NULL && argument_string(name, "configuration", &item->name);
        if (!added) {
            PyErr_Clear();
            PyErr_Format(PyExc_ValueError, "configuration has an unknown key: %R", key);
        }
        // Two keys may be one text: a subclass of str compares as it likes.
        if (added && PyDict_Contains(description->dict, name) != 0) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ValueError, "configuration has the key %R twice", name);
            added = false;
        } else if (added) {
            description->count++;
            added = add(name, value, description->dict, item);
        }
        Py_XDECREF(name);
        if (!added) return false;
    }
    return true;
}

bool description_from_dict(PyObject *dict, const char *name, Description *description) {
    if (!PyDict_Check(dict)) {
        raise_type(name, "a dict", dict);
        return false;
    }
    // What runs while a value is read may change the caller's dict.
    PyObject *source = PyDict_Copy(dict);
    description->dict = PyDict_New();
    if (source != NULL)
        description->values = calloc((size_t)PyDict_Size(source) + 1, sizeof *description->values);
    if (source != NULL && description->values == NULL) PyErr_NoMemory();
    const bool done = source != NULL && description->dict != NULL && description->values != NULL
        && add_all(source, description);
    Py_XDECREF(source);
    return done;
}

void description_release(Description *description) {
    for (Py_ssize_t i = 0; i < description->count; i++)
        free((void *)(uintptr_t)description->values[i].numbers);
    free(description->values);
    Py_CLEAR(description->dict);
    *description = (Description){0};
}
