#include <time.h>

#include "call.h"
#include "errors.h"

// Taking the GIL may cost another thread's switch interval (5 ms), so it is not done at every poll.
static const int64_t POLL_NANOSECONDS = 50000000;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void call_begin(Call *call) {
    call->message.text[0] = '\0';
    call->stopped = false;
    call->next_poll = now() + POLL_NANOSECONDS;
    call->thread = PyEval_SaveThread();
}

static bool poll(void *context) {
    Call *call = context;
    if (call->stopped || now() < call->next_poll) return call->stopped;
    PyEval_RestoreThread(call->thread);
    call->stopped = PyErr_CheckSignals() < 0;
    call->thread = PyEval_SaveThread();
    call->next_poll = now() + POLL_NANOSECONDS;
    return call->stopped;
}

VaccineInterrupt call_interrupt(Call *call) {
    return (VaccineInterrupt){.poll = poll, .context = call};
}

bool call_end(Call *call, VaccineStatus status) {
    PyEval_RestoreThread(call->thread);
    // What the handler raised outranks whatever the core made of it.
    if (call->stopped) return false;
    if (status == VACCINE_OK) return true;
    raise_status(status, &call->message);
    return false;
}
