#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "call.h"
#include "errors.h"
#include "mapped_file.h"

// Taking the GIL may cost another thread's switch interval (5 ms), so it is not done at every poll.
static const int64_t POLL_NANOSECONDS = 50000000;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Calls inside the core, and whether the interpreter has begun to end.
static atomic_int calls;
static atomic_bool closing;

void call_begin(Call *call) { call_begin_told(call, NULL); }

void call_begin_told(Call *call, PyObject *progress) {
    mapped_files_guard();
    call->progress = progress == Py_None ? NULL : progress;
    call->message.text[0] = '\0';
    call->stopped = false;
    call->next_poll = now() + POLL_NANOSECONDS;
    atomic_fetch_add(&calls, 1);
    call->thread = PyEval_SaveThread();
}

// False with an exception set when it raised one.
static bool tell(PyObject *progress, double done) {
    if (progress == NULL || isnan(done)) return true;
    PyObject *answer = PyObject_CallFunction(progress, "d", done);
    Py_XDECREF(answer);
    return answer != NULL;
}

static bool poll(void *context, double done) {
    Call *call = context;
    if (call->stopped || atomic_load(&closing)) return call->stopped = true;
    if (now() < call->next_poll) return false;
    PyEval_RestoreThread(call->thread);
    call->stopped = PyErr_CheckSignals() < 0 || !tell(call->progress, done);
    call->thread = PyEval_SaveThread();
    call->next_poll = now() + POLL_NANOSECONDS;
    return call->stopped;
}

VaccineInterrupt call_interrupt(Call *call) {
    return (VaccineInterrupt){.poll = poll, .context = call};
}

bool call_end(Call *call, VaccineStatus status) {
    atomic_fetch_sub(&calls, 1);
    PyEval_RestoreThread(call->thread);
    if (call->stopped) {
        // What the handler raised outranks whatever the core made of it.
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return false;
    }
    if (status == VACCINE_OK) return true;
    raise_status(status, &call->message);
    return false;
}

// MARK: - End of the interpreter

// A daemon thread must be out of the core before the libraries that it computes with are unloaded.
static PyObject *stop_calls(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    atomic_store(&closing, true);
    Py_BEGIN_ALLOW_THREADS while (atomic_load(&calls) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    Py_END_ALLOW_THREADS return Py_NewRef(Py_None);
}

// The threads of the calls stay with the parent.
static void forget_calls(void) { atomic_store(&calls, 0); }

bool calls_stop_at_exit(void) {
    static PyMethodDef definition = {"stop_calls", stop_calls, METH_NOARGS, NULL};
    // The core ends with the main interpreter, whose number is 0.
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) return true;
    pthread_atfork(NULL, NULL, forget_calls);
    vaccine_follow_forks();
    PyObject *function = PyCFunction_New(&definition, NULL);
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *registered = function != NULL && atexit != NULL
        ? PyObject_CallMethod(atexit, "register", "O", function)
        : NULL;
    Py_XDECREF(function);
    Py_XDECREF(atexit);
    Py_XDECREF(registered);
    return registered != NULL;
}
