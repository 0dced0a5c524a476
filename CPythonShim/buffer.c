#include <stdlib.h>

#include "buffer.h"

enum { ELEMENT_BYTES = 4, ALIGNMENT = 64 };

_Static_assert(sizeof(float) == ELEMENT_BYTES && sizeof(int) == ELEMENT_BYTES,
    "the formats 'f' and 'i' are of four bytes");

// Requests below this are left to malloc alone, which promises more than there is: the process
// would be killed on the first touch.
static const Py_ssize_t CHECKED_BYTES = 64 << 20;

// The bytes of the shape, or -1 if they overflow.
static Py_ssize_t size_of(int dimensions, const int64_t *shape) {
    Py_ssize_t bytes = ELEMENT_BYTES;
    for (int i = 0; i < dimensions; i++)
        if (__builtin_mul_overflow(bytes, shape[i], &bytes)) return -1;
    return bytes > PY_SSIZE_T_MAX - ALIGNMENT ? -1 : bytes;
}

static void *allocate(Py_ssize_t bytes) {
    if (bytes < 0 || (bytes > CHECKED_BYTES && bytes > vaccine_available_memory())) return NULL;
    const size_t rounded = ((size_t)bytes / ALIGNMENT + 1) * ALIGNMENT;
    return aligned_alloc(ALIGNMENT, rounded);
}

BufferObject *buffer_new(PyTypeObject *type, char format, int dimensions, const int64_t *shape) {
    const Py_ssize_t bytes = size_of(dimensions, shape);
    void *values = allocate(bytes);
    if (values == NULL) {
        PyErr_Format(PyExc_MemoryError, "no memory for a result of %s%zd bytes",
            bytes < 0 ? "more than " : "", bytes < 0 ? PY_SSIZE_T_MAX : bytes);
        return NULL;
    }
    BufferObject *self = (BufferObject *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        free(values);
        return NULL;
    }
    self->values = values;
    self->bytes = bytes;
    self->format[0] = format;
    self->dimensions = dimensions;
    Py_ssize_t stride = ELEMENT_BYTES;
    for (int i = dimensions - 1; i >= 0; i--) {
        self->shape[i] = (Py_ssize_t)shape[i];
        self->strides[i] = stride;
        stride *= self->shape[i];
    }
    return self;
}

static int buffer_export(BufferObject *self, Py_buffer *view, int flags) {
    *view = (Py_buffer){
        .obj = Py_NewRef((PyObject *)self),
        .buf = self->values,
        .len = self->bytes,
        .itemsize = ELEMENT_BYTES,
        .ndim = self->dimensions,
        .format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? self->format : NULL,
        .shape = (flags & PyBUF_ND) == PyBUF_ND ? self->shape : NULL,
        .strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? self->strides : NULL,
    };
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !PyBuffer_IsContiguous(view, 'F')) {
        Py_CLEAR(view->obj);
        PyErr_SetString(PyExc_BufferError, "the array is C-contiguous, not Fortran-contiguous");
        return -1;
    }
    return 0;
}

static void buffer_dealloc(BufferObject *self) {
    PyObject_GC_UnTrack(self);
    free(self->values);
    free_object((PyObject *)self);
}

PyDoc_STRVAR(buffer_doc,
    "A C-contiguous float32 or int32 array that owns its memory (buffer protocol).\n\n"
    "Only the core makes them; numpy.asarray wraps one without a copy.");

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, (void *)buffer_doc},
    {Py_tp_traverse, traverse_type},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_bf_getbuffer, buffer_export},
    {0, NULL},
};

PyType_Spec buffer_spec = {
    .name = "vaccine_swift._core.Buffer",
    .basicsize = sizeof(BufferObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE
        | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = buffer_slots,
};
