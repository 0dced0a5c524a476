#include <stddef.h>
#include <string.h>

#include "arguments.h"
#include "model.h"

typedef enum FieldKind { INT32, FLOAT, DOUBLE, BOOL, ROTARY_SCALING, PRECISION } FieldKind;

typedef struct Field {
    const char *name;
    size_t offset;
    FieldKind kind;
} Field;

#define FIELD(name, kind) {#name, offsetof(VaccineModelConfiguration, name), kind}

static const Field fields[] = {
    FIELD(vocabulary_size, INT32),
    FIELD(hidden_size, INT32),
    FIELD(feed_forward_size, INT32),
    FIELD(layer_count, INT32),
    FIELD(head_count, INT32),
    FIELD(key_value_head_count, INT32),
    FIELD(head_size, INT32),
    FIELD(context_length, INT32),
    FIELD(norm_epsilon, FLOAT),
    FIELD(tied_embeddings, BOOL),
    FIELD(query_key_value_bias, BOOL),
    FIELD(attention_output_bias, BOOL),
    FIELD(feed_forward_bias, BOOL),
    FIELD(rotary_scaling, ROTARY_SCALING),
    FIELD(rotary_base, DOUBLE),
    FIELD(rotary_factor, DOUBLE),
    FIELD(rotary_low_frequency_factor, DOUBLE),
    FIELD(rotary_high_frequency_factor, DOUBLE),
    FIELD(rotary_original_context_length, INT32),
    FIELD(precision, PRECISION),
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static const char *const rotary_scalings[] = {
    [VACCINE_ROTARY_DEFAULT] = "default",
    [VACCINE_ROTARY_LINEAR] = "linear",
    [VACCINE_ROTARY_LLAMA3] = "llama3",
    NULL,
};

static const char *const precisions[] = {
    [VACCINE_PRECISION_FLOAT32] = "float32",
    [VACCINE_PRECISION_BFLOAT16] = "bfloat16",
    NULL,
};

static bool set_field(void *target, const Field *field, PyObject *value) {
    double real;
    int choice;
    switch (field->kind) {
        case INT32: return argument_int32(value, field->name, INT32_MIN, target);
        case DOUBLE: return argument_double(value, field->name, target);
        case BOOL: return argument_bool(value, field->name, target);
        case FLOAT:
            if (!argument_double(value, field->name, &real)) return false;
            *(float *)target = (float)real;
            return true;
        case ROTARY_SCALING:
            if (!argument_choice(value, field->name, rotary_scalings, &choice)) return false;
            *(VaccineRotaryScaling *)target = (VaccineRotaryScaling)choice;
            return true;
        case PRECISION:
            if (!argument_choice(value, field->name, precisions, &choice)) return false;
            *(VaccinePrecision *)target = (VaccinePrecision)choice;
            return true;
    }
    Py_UNREACHABLE();
}

static PyObject *get_field(const void *source, FieldKind kind) {
    switch (kind) {
        case INT32: return PyLong_FromLong(*(const int32_t *)source);
        case FLOAT: return PyFloat_FromDouble(*(const float *)source);
        case DOUBLE: return PyFloat_FromDouble(*(const double *)source);
        case BOOL: return PyBool_FromLong(*(const bool *)source);
        case ROTARY_SCALING:
            return PyUnicode_FromString(rotary_scalings[*(const VaccineRotaryScaling *)source]);
        case PRECISION: return PyUnicode_FromString(precisions[*(const VaccinePrecision *)source]);
    }
    Py_UNREACHABLE();
}

static bool check_keys(PyObject *dict) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        bool known = false;
        for (int i = 0; i < FIELD_COUNT && !known; i++)
            known = PyUnicode_Check(key)
                && PyUnicode_CompareWithASCIIString(key, fields[i].name) == 0;
        if (!known) {
            PyErr_Format(PyExc_ValueError, "configuration has an unknown key: %R", key);
            return false;
        }
    }
    return true;
}

bool configuration_from_dict(PyObject *dict, VaccineModelConfiguration *configuration) {
    if (!PyDict_Check(dict)) {
        raise_type("configuration", "a dict", dict);
        return false;
    }
    if (!check_keys(dict)) return false;
    memset(configuration, 0, sizeof *configuration);
    for (int i = 0; i < FIELD_COUNT; i++) {
        PyObject *value = PyDict_GetItemString(dict, fields[i].name);
        if (value == NULL) {
            PyErr_Format(PyExc_ValueError, "configuration must have the key '%s'", fields[i].name);
            return false;
        }
        Py_INCREF(value);
        const bool set = set_field((char *)configuration + fields[i].offset, &fields[i], value);
        Py_DECREF(value);
        if (!set) return false;
    }
    return true;
}

PyObject *configuration_as_dict(const VaccineModelConfiguration *configuration) {
    PyObject *dict = PyDict_New();
    for (int i = 0; dict != NULL && i < FIELD_COUNT; i++) {
        PyObject *value = get_field((const char *)configuration + fields[i].offset, fields[i].kind);
        if (value == NULL || PyDict_SetItemString(dict, fields[i].name, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}
