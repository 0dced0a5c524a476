#include "inputs.h"

#include <string.h>

#include "arguments.h"
#include "errors.h"
#include "mapped_file.h"

// Where an empty array is said to be.
static const int64_t nothing = 0;

// MARK: - A user's array

// What an argument asks for and how numpy is told of it.
typedef struct Element {
    const char *noun;
    const char *formats;  // letters of struct, in native size
    const char *widest;   // dtype that every accepted dtype casts to without loss
    const char *target;   // dtype that others are converted to
    bool eight_bytes;     // a width of 8 is taken as it is
} Element;

static const Element FLOATS = {"real numbers", "f", "float64", "float32", false};
static const Element INTEGERS = {"integers", "iln", "int64", "int64", true};

// The one letter of a native format, 0 for others; 'q' and 'Q' count as 'l' and 'L'.
static char letter(const Py_buffer *view) {
    const char own = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    const char *format = view->format == NULL ? "B" : view->format;
    if (*format == '@' || *format == '=' || *format == own) format++;
    if (*format == '\0' || format[1] != '\0') return 0;
    return *format == 'q' ? 'l' : *format == 'Q' ? 'L' : *format;
}

static bool is_one_of(char letter, const char *formats) {
    return letter != 0 && strchr(formats, letter) != NULL;
}

static bool taken_as_is(const Py_buffer *view, const Element *element) {
    const bool width = view->itemsize == 4 || (view->itemsize == 8 && element->eight_bytes);
    return width && is_one_of(letter(view), element->formats) && PyBuffer_IsContiguous(view, 'C')
        && (uintptr_t)view->buf % (size_t)view->itemsize == 0;
}

static bool check_dimensions(
    int dimensions, const char *name, const Element *element, int least, int most) {
    if (least <= dimensions && dimensions <= most) return true;
    if (least == most)
        PyErr_Format(PyExc_ValueError, "%s must be a %d-D array of %s, got %d %s", name, least,
            element->noun, dimensions, plural(dimensions, "dimension", "dimensions"));
    else
        PyErr_Format(PyExc_ValueError,
            "%s must be an array of %s with %d to %d dimensions, got %d %s", name, element->noun,
            least, most, dimensions, plural(dimensions, "dimension", "dimensions"));
    return false;
}

static void fill(Input *input) {
    const Py_buffer *view = &input->view;
    input->width = (int)view->itemsize;
    input->count = view->len / view->itemsize;
    input->values = input->count > 0 ? view->buf : &nothing;
    input->rows = view->shape[0];
    input->columns = view->ndim == 2 ? view->shape[1] : 0;
}

// Replaces what a conversion raised by a TypeError that names the argument, with it as the cause;
// KeyboardInterrupt, MemoryError and ImportError stay.
static void name_failure(const char *name, const Element *element, PyObject *object) {
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)
        || PyErr_ExceptionMatches(PyExc_ImportError))
        return;
    PyObject *type, *cause, *traceback, *ours, *noun;
    PyErr_Fetch(&type, &cause, &traceback);
    PyErr_NormalizeException(&type, &cause, &traceback);
    noun = PyType_GetName(Py_TYPE(object));
    if (noun != NULL) {
        PyErr_Format(PyExc_TypeError, "%s must be an array of %s, got %U that cannot be made one",
            name, element->noun, noun);
        Py_DECREF(noun);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    PyErr_Fetch(&type, &ours, &traceback);
    PyErr_NormalizeException(&type, &ours, &traceback);
    PyException_SetCause(ours, cause);
    PyErr_Restore(type, ours, traceback);
}

static bool integer_attribute(PyObject *object, const char *name, int64_t *result) {
    PyObject *value = PyObject_GetAttrString(object, name);
    if (value == NULL) return false;
    *result = PyLong_AsLongLong(value);
    Py_DECREF(value);
    return *result != -1 || !PyErr_Occurred();
}

// 1 if the dtype casts to the widest one without loss, 0 if not or if it is of booleans, -1 with
// an exception set.
static int accepts(PyObject *numpy, PyObject *dtype, const Element *element) {
    PyObject *kind = PyObject_GetAttrString(dtype, "kind");
    if (kind == NULL) return -1;
    const bool boolean = PyUnicode_CompareWithASCIIString(kind, "b") == 0;
    Py_DECREF(kind);
    if (boolean) return 0;
    PyObject *answer = PyObject_CallMethod(numpy, "can_cast", "Os", dtype, element->widest);
    if (answer == NULL) return -1;
    const int truth = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return truth;
}

static bool check_array(PyObject *numpy, PyObject *array, const char *name, const Element *element,
    int least, int most) {
    int64_t dimensions, size;
    if (!integer_attribute(array, "ndim", &dimensions) || !integer_attribute(array, "size", &size))
        return false;
    PyObject *dtype = PyObject_GetAttrString(array, "dtype");
    if (dtype == NULL) return false;
    // An empty list has no dtype of its own.
    const int accepted = size == 0 ? 1 : accepts(numpy, dtype, element);
    if (accepted == 0)
        PyErr_Format(
            PyExc_TypeError, "%s must be an array of %s, got dtype %S", name, element->noun, dtype);
    Py_DECREF(dtype);
    return accepted == 1 && check_dimensions((int)dimensions, name, element, least, most);
}

// A contiguous, aligned array of the target dtype, made once by numpy.
static PyObject *converted(
    PyObject *object, const char *name, const Element *element, int least, int most) {
    PyObject *numpy = PyImport_ImportModule("numpy");
    if (numpy == NULL) return NULL;
    PyObject *result = NULL;
    PyObject *array = PyObject_CallMethod(numpy, "asarray", "(O)", object);
    if (array == NULL) {
        name_failure(name, element, object);
    } else if (check_array(numpy, array, name, element, least, most)) {
        result = PyObject_CallMethod(numpy, "require", "Oss", array, element->target, "CA");
        if (result == NULL) name_failure(name, element, object);
    }
    Py_XDECREF(array);
    Py_DECREF(numpy);
    return result;
}

static bool acquire(
    PyObject *object, const char *name, const Element *element, int least, int most, Input *input) {
    if (PyObject_CheckBuffer(object)) {
        if (PyObject_GetBuffer(object, &input->view, PyBUF_RECORDS_RO) == 0) {
            if (taken_as_is(&input->view, element)) {
                if (!check_dimensions(input->view.ndim, name, element, least, most)) return false;
                fill(input);
                return true;
            }
            PyBuffer_Release(&input->view);
        } else if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return false;
        } else {
            PyErr_Clear();  // numpy knows dtypes that the buffer protocol cannot describe
        }
    }
    PyObject *array = converted(object, name, element, least, most);
    if (array == NULL) return false;
    const bool held = PyObject_GetBuffer(array, &input->view, PyBUF_RECORDS_RO) == 0;
    Py_DECREF(array);
    if (held) fill(input);
    return held;
}

bool input_floats(PyObject *object, const char *name, int least, int most, Input *input) {
    return acquire(object, name, &FLOATS, least, most, input);
}

bool input_tensor(PyObject *object, const char *name, Input *input) {
    if (!input_floats(object, name, 1, 2, input)) return false;
    if (input->count == 0) PyErr_Format(PyExc_ValueError, "%s must not be empty", name);
    return input->count > 0;
}

bool input_integers(PyObject *object, const char *name, Input *input) {
    return acquire(object, name, &INTEGERS, 1, 1, input);
}

void input_release(Input *input) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyBuffer_Release(&input->view);
    PyErr_Restore(type, value, traceback);
}

// MARK: - Arrays of the package's own code

bool arrays_are_whole(const Arrays *arrays) {
    for (int i = 0; i < arrays->count; i++)
        if (!mapped_memory_is_whole(arrays->views[i].buf)) return false;
    return true;
}

void arrays_release(Arrays *arrays) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    for (int i = 0; i < arrays->count; i++) PyBuffer_Release(&arrays->views[i]);
    for (int i = 0; i < arrays->copy_count; i++) PyMem_Free(arrays->copies[i]);
    arrays->count = arrays->copy_count = 0;
    PyErr_Restore(type, value, traceback);
}

static bool refuse(Arrays *arrays) {
    arrays->refused = true;
    return false;
}

// NULL where the array is refused.
static Py_buffer *hold(Arrays *arrays, PyObject *object, const char *name, int flags) {
    if (arrays->refused) return NULL;
    Py_buffer *view = &arrays->views[arrays->count];
    if (!PyObject_CheckBuffer(object)) {
        raise_type(name, "a contiguous numpy array", object);
    } else if (PyObject_GetBuffer(object, view, flags) == 0) {
        arrays->count++;
        return view;
    } else if (PyErr_ExceptionMatches(PyExc_BufferError)
        || PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Format(
            PyExc_ValueError, "%s must be a contiguous, writable array of a plain dtype", name);
    }
    refuse(arrays);
    return NULL;
}

static void *memory(
    Arrays *arrays, PyObject *object, const char *name, char format, int64_t count, int flags) {
    Py_buffer *view = hold(arrays, object, name, flags);
    if (view == NULL) return NULL;
    if (letter(view) != format || view->len != size_product(count, view->itemsize)
        || (uintptr_t)view->buf % (size_t)view->itemsize != 0) {
        PyErr_Format(PyExc_ValueError, "%s must hold %lld %s of format '%c', got %zd of '%s'", name,
            (long long)count, plural(count, "element", "elements"), format,
            view->itemsize > 0 ? view->len / view->itemsize : 0,
            view->format == NULL ? "B" : view->format);
        refuse(arrays);
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
        refuse(arrays);
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
    const Py_buffer *view = hold(arrays, object, name, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT);
    if (view == NULL) return false;
    const char *const formats = "fdeH";
    if (view->ndim != 2 || !is_one_of(letter(view), formats)
        || (uintptr_t)view->buf % (size_t)view->itemsize != 0) {
        PyErr_Format(PyExc_ValueError,
            "%s must be a 2-D array of float32, float64, float16 or uint16 (bfloat16)", name);
        return refuse(arrays);
    }
    *embeddings = (VaccineEmbeddings){
        .values = view->buf,
        .rows = view->shape[0],
        .width = view->shape[1],
        .element = (VaccineElement)(strchr(formats, letter(view)) - formats),
    };
    return true;
}
