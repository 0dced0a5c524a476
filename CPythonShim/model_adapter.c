// The adapter of a model: added, merged, held in parts.

#include <stdlib.h>

#include "arguments.h"
#include "model.h"

// The UTF-8 of every name, borrowed from the items of `tuple`; free the array, not the strings.
static const char **strings_of(PyObject *tuple, Py_ssize_t count, const char *argument) {
    const char **strings = calloc((size_t)count + 1, sizeof *strings);
    if (strings == NULL) PyErr_NoMemory();
    for (Py_ssize_t i = 0; strings != NULL && i < count; i++) {
        if (!argument_string(PyTuple_GetItem(tuple, i), argument, &strings[i])) {
            free(strings);
            strings = NULL;
        }
    }
    return strings;
}

// How the modules of a tuple are adapted; NULL with an exception. Free the array, not the names,
// which are borrowed from the tuple's items.
static VaccineAdaptedModule *adapted_modules(PyObject *targets, PyObject *ranks, PyObject *scales) {
    const Py_ssize_t count = PyTuple_Size(targets);
    if (PyTuple_Size(ranks) != count || PyTuple_Size(scales) != count) {
        PyErr_Format(PyExc_ValueError,
            "targets, ranks and scales must be equally many, got %zd, %zd and %zd", count,
            PyTuple_Size(ranks), PyTuple_Size(scales));
        return NULL;
    }
    VaccineAdaptedModule *modules = calloc((size_t)count + 1, sizeof *modules);
    if (modules == NULL) PyErr_NoMemory();
    for (Py_ssize_t i = 0; modules != NULL && i < count; i++) {
        VaccineAdaptedModule *module = &modules[i];
        if (!argument_string(PyTuple_GetItem(targets, i), "targets", &module->name)
            || !argument_int32(PyTuple_GetItem(ranks, i), "ranks", 0, &module->rank)
            || !argument_double(PyTuple_GetItem(scales, i), "scales", &module->scale)) {
            free(modules);
            modules = NULL;
        }
    }
    return modules;
}

PyObject *model_add_adapter(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"targets", "ranks", "scales", "dropout", "seed", NULL};
    PyObject *targets_value, *ranks_value, *scales_value, *dropout_value, *seed_value;
    double dropout;
    uint64_t seed;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOOO:add_adapter", names, &targets_value,
            &ranks_value, &scales_value, &dropout_value, &seed_value)
        || !argument_double(dropout_value, "dropout", &dropout)
        || !argument_uint64(seed_value, "seed", &seed))
        return NULL;
    PyObject *targets = argument_sequence(targets_value, "targets", "a sequence of str");
    PyObject *ranks
        = targets != NULL ? argument_sequence(ranks_value, "ranks", "a sequence of int") : NULL;
    PyObject *scales
        = ranks != NULL ? argument_sequence(scales_value, "scales", "a sequence of float") : NULL;
    VaccineAdaptedModule *modules = scales != NULL ? adapted_modules(targets, ranks, scales) : NULL;
    Call call;
    bool added = modules != NULL && model_begin(self, &call);
    if (added) {
        const VaccineStatus status = vaccine_model_add_adapter(
            self->handle, modules, PyTuple_Size(targets), dropout, seed, &call.message);
        added = model_end(self, &call, status);
    }
    free(modules);
    Py_XDECREF(targets);
    Py_XDECREF(ranks);
    Py_XDECREF(scales);
    return none_if(added);
}

PyObject *model_set_frozen(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *words[] = {"names", NULL};
    PyObject *names;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:set_frozen", words, &names)) return NULL;
    PyObject *tuple = argument_sequence(names, "names", "a sequence of str");
    if (tuple == NULL) return NULL;
    const Py_ssize_t count = PyTuple_Size(tuple);
    const char **strings = strings_of(tuple, count, "names");
    Call call;
    bool done = strings != NULL && model_begin(self, &call);
    if (done) {
        const VaccineStatus status
            = vaccine_model_set_frozen(self->handle, strings, (int32_t)count, &call.message);
        done = model_end(self, &call, status);
    }
    free(strings);
    Py_DECREF(tuple);
    return none_if(done);
}

PyObject *model_merge_adapter(ModelObject *self, PyObject *unused) {
    (void)unused;
    Call call;
    if (!model_begin(self, &call)) return NULL;
    const VaccineStatus status
        = vaccine_model_merge_adapter(self->handle, call_interrupt(&call), &call.message);
    return none_if(model_end(self, &call, status));
}
