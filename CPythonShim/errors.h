// Status of the core to Python exception.

#ifndef VACCINE_SHIM_ERRORS_H
#define VACCINE_SHIM_ERRORS_H

#include <Python.h>

#include "CVaccine.h"

// Sets the exception for a status other than VACCINE_OK.
void raise_status(VaccineStatus status, const VaccineMessage *message);

// The word as it stands after a number in a message.
static inline const char *plural(long long count, const char *one, const char *many) {
    return count == 1 ? one : many;
}

#endif
