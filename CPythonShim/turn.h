// A handle serves one thread at a time: threads take turns.

#ifndef VACCINE_SHIM_TURN_H
#define VACCINE_SHIM_TURN_H

#include <Python.h>
#include <pythread.h>
#include <stdbool.h>
#include <sys/types.h>

// All fields but `lock` are read and written with the GIL held.
typedef struct Turn {
    PyThread_type_lock lock;
    unsigned long holder;  // thread that has the turn, if `held`
    bool held;
    int threads;    // threads that have or await the turn
    pid_t process;  // where `threads` was counted
} Turn;

// Raises MemoryError when the system has no lock to give.
bool turn_create(Turn *turn);
void turn_destroy(Turn *turn);

// Waits for the turn with the GIL released. Raises RuntimeError where waiting could not end (the
// thread has the turn already, or had lost its holder in a fork), and what a signal handler raises.
// `owner` is the noun of the message, such as "model".
bool turn_take(Turn *turn, const char *owner);
void turn_give(Turn *turn);

#endif
