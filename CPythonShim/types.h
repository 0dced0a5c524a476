// The Python objects of the module and the state that binds them.

#ifndef VACCINE_SHIM_TYPES_H
#define VACCINE_SHIM_TYPES_H

#include <Python.h>

#include "CVaccine.h"
#include "turn.h"

enum { MAXIMUM_DIMENSIONS = 3 };

typedef struct ModuleState {
    PyTypeObject *buffer_type, *model_type, *adamw_type, *vector_type, *turn_type;
    PyTypeObject *mapped_file_type;
} ModuleState;

// An array that owns its memory. `format` is 'f' (float32) or 'i' (int32).
typedef struct BufferObject {
    PyObject_HEAD void *values;
    Py_ssize_t shape[MAXIMUM_DIMENSIONS], strides[MAXIMUM_DIMENSIONS];
    Py_ssize_t bytes;
    int dimensions;
    char format[2];
} BufferObject;

typedef struct ModelObject {
    PyObject_HEAD VaccineModel *handle;
    PyObject *configuration;  // dict of what `Description` holds
    PyObject *lent;           // list of memoryviews, whose memory the core reads
    PyObject *files;          // list of the MappedFiles that memory is of
    VaccineModelSizes sizes;
    Turn turn;
} ModelObject;

typedef struct AdamWObject {
    PyObject_HEAD VaccineAdamW *handle;
    PyObject *shapes;  // dict: name of an adapter tensor -> shape, as of the creation
    Turn turn;
} AdamWObject;

typedef struct VectorObject {
    PyObject_HEAD VaccineVector *handle;
    ModelObject *model;
} VectorObject;

typedef struct TurnObject {
    PyObject_HEAD Turn turn;
    PyObject *owner;  // str
} TurnObject;

typedef struct MappedFileObject {
    PyObject_HEAD void *memory;
    Py_ssize_t bytes;
    struct Region *region;
    PyObject *path;  // str
    int descriptor;
} MappedFileObject;

extern PyType_Spec buffer_spec, model_spec, adamw_spec, vector_spec, turn_spec, mapped_file_spec;

// Every type is final, so the type of an instance is the type that defines its methods.
static inline ModuleState *state_of(PyObject *object) {
    return PyType_GetModuleState(Py_TYPE(object));
}

// Instances own a reference to their heap type; it is all that a collection can visit in them.
static inline int traverse_type(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static inline void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

// Signatures of the module's method tables differ from PyCFunction by their keywords.
#define KEYWORD_METHOD(function) (PyCFunction)(void (*)(void))(function)

#endif
