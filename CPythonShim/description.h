// A dict of named values as the core reads it.

#ifndef VACCINE_SHIM_DESCRIPTION_H
#define VACCINE_SHIM_DESCRIPTION_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"

// Starts zeroed and is held until `description_release`, which a failed or missing fill allows too.
typedef struct Description {
    PyObject *dict;  // exact bool, int, float, str and tuple of float only, so no cycle passes it
    VaccineNamedValue *values;
    Py_ssize_t count;
} Description;

// ValueError for a key that is no text, and for an integer beyond 64 bits. A value of a type that
// no description has is passed on as such.
bool description_from_dict(PyObject *dict, const char *name, Description *description);
void description_release(Description *description);

static inline VaccineDescription description_for_core(const Description *description) {
    return (VaccineDescription){.values = description->values, .count = description->count};
}

#endif
