#include "arrays.h"

#include <string.h>

#include "arguments.h"

static const int64_t nothing = 0;

void arrays_release(Arrays *arrays) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    for (int i = 0; i < arrays->count; i++) PyBuffer_Release(&arrays->views[i]);
    for (int i = 0; i < arrays->copy_count; i++) PyMem_Free(arrays->copies[i]);
    arrays->count = arrays->copy_count = 0;
    PyErr_Restore(type, value, traceback);
}

static Py_buffer *acquire(Arrays *arrays, PyObject *object, const char *name, int flags) {
    if (!PyObject_CheckBuffer(object)) {
        raise_type(name, "a contiguous numpy array", object);
        return NULL;
    }
    Py_buffer *view = &arrays->views[arrays->count];
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        if (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_ValueError))
            PyErr_Format(
                PyExc_ValueError, "%s must be a contiguous, writable array of a plain dtype", name);
        return NULL;
    }
    arrays->count++;
    return view;
}

// The one letter of a native format, 0 for others; 'q' and 'Q' count as 'l' and 'L'.
static char letter(const Py_buffer *view) {
    const char own = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    const char *format = view->format == NULL ? "B" : view->format;
    if (*format == '@' || *format == '=' || *format == own) format++;
    if (*format == '\0' || format[1] != '\0') return 0;
    return *format == 'q' ? 'l' : *format == 'Q' ? 'L' : *format;
}

static void *memory(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count, int flags) {
    Py_buffer *view = acquire(arrays, object, name, flags);
    if (view == NULL) return NULL;
    if (letter(view) != format || view->len != size_product(count, view->itemsize)
        || (uintptr_t)view->buf % (size_t)view->itemsize != 0) {
        PyErr_Format(PyExc_ValueError, "%s must hold %lld elements of format '%c', got %zd of '%s'",
            name, (long long)count, format, view->itemsize > 0 ? view->len / view->itemsize : 0,
            view->format == NULL ? "B" : view->format);
        return NULL;
    }
    return view->len == 0 ? (void *)&nothing : view->buf;
}

const void *array_read(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count) {
    return memory(arrays, object, name, format, count, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
}

const void *array_copy(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count) {
    const void *values = array_read(arrays, object, name, format, count);
    if (values == NULL) return NULL;
    const size_t size = (size_t)arrays->views[arrays->count - 1].len;
    void *copy = PyMem_Malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    arrays->copies[arrays->copy_count++] = copy;
    return memcpy(copy, values, size);
}

void *array_write(Arrays *arrays, PyObject *object, const char *name, char format, int64_t count) {
    return memory(
        arrays, object, name, format, count, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE);
}

bool array_embeddings(
    Arrays *arrays, PyObject *object, const char *name, VaccineEmbeddings *embeddings) {
    const Py_buffer *view = acquire(arrays, object, name, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    if (view == NULL) return false;
    const char *const formats = "fdeH";
    const char *place = letter(view) == 0 ? NULL : strchr(formats, letter(view));
    if (view->ndim != 2 || place == NULL || (uintptr_t)view->buf % (size_t)view->itemsize != 0) {
        PyErr_Format(PyExc_ValueError,
            "%s must be a 2-D array of float32, float64, float16 or uint16 (bfloat16)", name);
        return false;
    }
    *embeddings = (VaccineEmbeddings){
        .values = view->buf,
        .rows = view->shape[0],
        .width = view->shape[1],
        .element = (VaccineElement)(place - formats),
    };
    return true;
}
