// The drift analyser's functions.

#ifndef VACCINE_SHIM_DRIFT_H
#define VACCINE_SHIM_DRIFT_H

#include <Python.h>

extern PyMethodDef drift_state_functions[], drift_metric_functions[], drift_test_functions[],
    two_sample_functions[];

#endif
