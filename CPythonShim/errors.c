#include "errors.h"

#include <string.h>

_Static_assert(VACCINE_OK == 0 && VACCINE_VALUE == 1 && VACCINE_MEMORY == 2 && VACCINE_STATE == 3
        && VACCINE_INTERRUPTED == 4 && VACCINE_TYPE == 5,
    "every status has its row in the table below");

static PyObject *exception_of(VaccineStatus status) {
    PyObject *const exceptions[] = {
        [VACCINE_VALUE] = PyExc_ValueError,
        [VACCINE_MEMORY] = PyExc_MemoryError,
        [VACCINE_STATE] = PyExc_RuntimeError,
        [VACCINE_INTERRUPTED] = PyExc_KeyboardInterrupt,
        [VACCINE_TYPE] = PyExc_TypeError,
    };
    const size_t count = sizeof exceptions / sizeof *exceptions;
    const size_t row = (size_t)status;
    return row < count && exceptions[row] != NULL ? exceptions[row] : PyExc_SystemError;
}

void raise_status(VaccineStatus status, const VaccineMessage *message) {
    // A message cut to fit may end inside a character.
    PyObject *text = PyUnicode_DecodeUTF8(
        message->text, (Py_ssize_t)strnlen(message->text, sizeof message->text), "replace");
    if (text == NULL) return;
    PyErr_SetObject(exception_of(status), text);
    Py_DECREF(text);
}
