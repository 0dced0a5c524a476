#include "turn.h"

#include <unistd.h>

// The longest that a signal meant for this thread can go unnoticed while it waits.
static const PY_TIMEOUT_T WAIT_MICROSECONDS = 50000;

bool turn_create(Turn *turn) {
    turn->lock = PyThread_allocate_lock();
    turn->process = getpid();
    if (turn->lock == NULL) PyErr_NoMemory();
    return turn->lock != NULL;
}

void turn_destroy(Turn *turn) {
    if (turn->lock != NULL) PyThread_free_lock(turn->lock);
}

static bool wait_for_lock(PyThread_type_lock lock) {
    if (PyThread_acquire_lock(lock, NOWAIT_LOCK)) return true;
    PyLockStatus status;
    do {
        Py_BEGIN_ALLOW_THREADS status = PyThread_acquire_lock_timed(lock, WAIT_MICROSECONDS, 1);
        Py_END_ALLOW_THREADS if (status != PY_LOCK_ACQUIRED
            && PyErr_CheckSignals() < 0) return false;
    } while (status != PY_LOCK_ACQUIRED);
    return true;
}

bool turn_take(Turn *turn, const char *owner) {
    const unsigned long thread = PyThread_get_thread_ident();
    if (turn->held && turn->holder == thread) {
        PyErr_Format(PyExc_RuntimeError,
            "the %s is already computing in this thread: it cannot be used from a signal handler",
            owner);
        return false;
    }
    if (turn->process != getpid()) {
        if (turn->threads > 0) {
            PyErr_Format(PyExc_RuntimeError,
                "the %s was in use by another thread when this process was forked: make a new %s "
                "in the child, or fork while no thread computes",
                owner, owner);
            return false;
        }
        turn->process = getpid();
    }
    turn->threads++;
    if (!wait_for_lock(turn->lock)) {
        turn->threads--;
        return false;
    }
    turn->held = true;
    turn->holder = thread;
    return true;
}

void turn_give(Turn *turn) {
    turn->held = false;
    turn->threads--;
    PyThread_release_lock(turn->lock);
}
