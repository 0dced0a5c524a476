// Arrays to Python: memory that belongs to the Python object alone.

#ifndef VACCINE_SHIM_BUFFER_H
#define VACCINE_SHIM_BUFFER_H

#include <Python.h>

#include "types.h"

// Uninitialised memory of this shape, C-contiguous; `format` is 'f' (float32) or 'i' (int32).
// MemoryError if the size overflows, or the machine has less memory to give. NULL on failure.
BufferObject *buffer_new(PyTypeObject *type, char format, int dimensions, const int64_t *shape);

// Elements of the buffer; both formats take four bytes.
static inline int64_t buffer_count(const BufferObject *buffer) {
    return buffer->bytes / (int64_t)sizeof(float);
}

// Keeps the first `count` elements of a new buffer with one dimension.
static inline void buffer_truncate(BufferObject *buffer, int64_t count) {
    buffer->shape[0] = (Py_ssize_t)count;
    buffer->bytes = buffer->shape[0] * (Py_ssize_t)sizeof(float);
}

#endif
