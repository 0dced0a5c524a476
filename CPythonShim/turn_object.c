// `Turn`: the mutual exclusion of handles, for objects of the package's own Python code.

#include "arguments.h"
#include "types.h"

static PyObject *turn_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"owner", NULL};
    PyObject *owner;
    const char *text;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Turn", names, &owner)
        || !argument_string(owner, "owner", &text))
        return NULL;
    Turn turn;
    if (!turn_create(&turn)) return NULL;
    TurnObject *self = PyObject_GC_New(TurnObject, type);
    if (self == NULL) {
        turn_destroy(&turn);
        return NULL;
    }
    turn.held = false;
    turn.threads = 0;
    self->turn = turn;
    self->owner = Py_NewRef(owner);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static int turn_traverse(PyObject *self, visitproc visit, void *arg) {
    return traverse_type(self, visit, arg);
}

static void turn_dealloc(TurnObject *self) {
    PyObject_GC_UnTrack(self);
    turn_destroy(&self->turn);
    Py_DECREF(self->owner);
    free_object((PyObject *)self);
}

static PyObject *turn_enter(TurnObject *self, PyObject *nothing) {
    (void)nothing;
    const char *owner;
    if (!argument_string(self->owner, "owner", &owner) || !turn_take(&self->turn, owner))
        return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *turn_exit(TurnObject *self, PyObject *args) {
    (void)args;
    if (!self->turn.held || self->turn.holder != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "the turn is not this thread's to give");
        return NULL;
    }
    turn_give(&self->turn);
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(turn_doc,
    "Turn(owner)\n--\n\n"
    "A context that one thread at a time is in. RuntimeError, which names the owner, where "
    "waiting\n"
    "could not end: in a signal handler of the thread that is in it, and in a child of a fork.");

static PyMethodDef turn_methods[] = {
    {"__enter__", (PyCFunction)(void (*)(void))turn_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))turn_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot turn_slots[] = {
    {Py_tp_doc, (void *)turn_doc},
    {Py_tp_new, turn_new},
    {Py_tp_traverse, turn_traverse},
    {Py_tp_dealloc, turn_dealloc},
    {Py_tp_methods, turn_methods},
    {0, NULL},
};

PyType_Spec turn_spec = {
    .name = "vaccine_swift._core.Turn",
    .basicsize = sizeof(TurnObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = turn_slots,
};
