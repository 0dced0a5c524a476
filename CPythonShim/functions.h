// The module's own functions.

#ifndef VACCINE_SHIM_FUNCTIONS_H
#define VACCINE_SHIM_FUNCTIONS_H

#include <Python.h>

extern PyMethodDef module_functions[];

#endif
