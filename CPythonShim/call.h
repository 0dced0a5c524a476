// One call into the core: GIL off, Ctrl-C heard, status raised as a Python exception.

#ifndef VACCINE_SHIM_CALL_H
#define VACCINE_SHIM_CALL_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"

typedef struct Call {
    VaccineMessage message;
    PyThreadState *thread;
    PyObject *progress;  // borrowed: what is told the share that is done, or NULL
    int64_t next_poll;   // nanoseconds of the monotonic clock
    bool stopped;
} Call;

// Between `call_begin` and `call_end` no Python object may be touched.
void call_begin(Call *call);
// The same, and `progress`, unless it is NULL or None, is called with the share that is done.
void call_begin_told(Call *call, PyObject *progress);
// Polled by the core on the calling thread; `call` must not move meanwhile.
VaccineInterrupt call_interrupt(Call *call);
// False with an exception set if the core failed or a signal handler raised.
bool call_end(Call *call, VaccineStatus status);
// What a method without a result returns.
static inline PyObject *none_if(bool done) { return done ? Py_NewRef(Py_None) : NULL; }
// From now on the end of the interpreter stops and awaits the calls of other threads. False with an
// exception set on failure.
bool calls_stop_at_exit(void);

#endif
