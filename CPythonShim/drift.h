// The drift analyser's functions.

#ifndef VACCINE_SHIM_DRIFT_H
#define VACCINE_SHIM_DRIFT_H

#include <Python.h>

extern PyMethodDef drift_functions[];

#endif
