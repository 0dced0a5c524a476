// One call into the core: GIL off, Ctrl-C heard, status raised as a Python exception.

#ifndef VACCINE_SHIM_CALL_H
#define VACCINE_SHIM_CALL_H

#include <Python.h>
#include <stdbool.h>

#include "CVaccine.h"

typedef struct Call {
    VaccineMessage message;
    PyThreadState *thread;
    int64_t next_poll;  // nanoseconds of the monotonic clock
    bool stopped;
} Call;

// Between `call_begin` and `call_end` no Python object may be touched.
void call_begin(Call *call);
// Polled by the core on the calling thread; `call` must not move meanwhile.
VaccineInterrupt call_interrupt(Call *call);
// False with an exception set if the core failed or a signal handler raised.
bool call_end(Call *call, VaccineStatus status);
// From now on the end of the interpreter stops and awaits the calls of other threads. False with an
// exception set on failure.
bool calls_stop_at_exit(void);

#endif
