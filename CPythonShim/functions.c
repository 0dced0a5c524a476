#include "functions.h"

#include <stdlib.h>

#include "arguments.h"
#include "buffer.h"
#include "call.h"
#include "errors.h"
#include "inputs.h"
#include "mapped_file.h"

// MARK: - The bare perturbation rule

// Everything of one call of `perturbation`, in arrays of `count`.
typedef struct Perturbation {
    Py_ssize_t count;
    Input *gradients;
    const float **inputs;
    int64_t *counts;
    float **outputs;
    PyObject *list;  // of Buffer
} Perturbation;

static bool allocate(Perturbation *work) {
    const size_t room = (size_t)work->count + 1;
    work->gradients = calloc(room, sizeof *work->gradients);
    work->inputs = calloc(room, sizeof *work->inputs);
    work->counts = calloc(room, sizeof *work->counts);
    work->outputs = calloc(room, sizeof *work->outputs);
    if (!work->gradients || !work->inputs || !work->counts || !work->outputs) {
        PyErr_NoMemory();
        return false;
    }
    work->list = PyList_New(0);
    return work->list != NULL;
}

static void release(Perturbation *work) {
    for (Py_ssize_t i = 0; work->gradients != NULL && i < work->count; i++)
        input_release(&work->gradients[i]);
    free(work->gradients);
    free(work->inputs);
    free(work->counts);
    free(work->outputs);
    Py_CLEAR(work->list);
}

static bool add(Perturbation *work, Py_ssize_t i, PyObject *gradient, PyTypeObject *buffer_type) {
    Input *input = &work->gradients[i];
    if (!input_floats(gradient, "gradients", 1, MAXIMUM_DIMENSIONS, input)) return false;
    int64_t shape[MAXIMUM_DIMENSIONS];
    for (int axis = 0; axis < input->view.ndim; axis++) shape[axis] = input->view.shape[axis];
    BufferObject *output = buffer_new(buffer_type, 'f', input->view.ndim, shape);
    if (output == NULL) return false;
    work->inputs[i] = input->values;
    work->counts[i] = input->count;
    work->outputs[i] = output->values;
    const int appended = PyList_Append(work->list, (PyObject *)output);
    Py_DECREF(output);
    return appended == 0;
}

static PyObject *perturb(PyObject *gradients, double rho, PyTypeObject *buffer_type) {
    Perturbation work = {.count = PyTuple_Size(gradients)};
    bool done = allocate(&work);
    for (Py_ssize_t i = 0; done && i < work.count; i++)
        done = add(&work, i, PyTuple_GetItem(gradients, i), buffer_type);
    if (done) {
        Call call;
        call_begin(&call);
        const VaccineStatus status = vaccine_perturbation(
            work.inputs, work.counts, work.count, rho, work.outputs, &call.message);
        done = call_end(&call, status);
    }
    PyObject *result = done ? Py_NewRef(work.list) : NULL;
    release(&work);
    return result;
}

static PyObject *perturbation(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"gradients", "rho", NULL};
    PyObject *gradients, *rho_value;
    double rho;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OO:perturbation", names, &gradients, &rho_value)
        || !argument_double(rho_value, "rho", &rho))
        return NULL;
    PyObject *tuple = argument_sequence(gradients, "gradients", "a sequence of arrays");
    if (tuple == NULL) return NULL;
    const ModuleState *state = PyModule_GetState(module);
    PyObject *result = perturb(tuple, rho, state->buffer_type);
    Py_DECREF(tuple);
    return result;
}

// MARK: - Schedule

static const char *const schedules[] = {
    [VACCINE_SCHEDULE_CONSTANT] = "constant",
    [VACCINE_SCHEDULE_CONSTANT_WITH_WARMUP] = "constant_with_warmup",
    [VACCINE_SCHEDULE_LINEAR] = "linear",
    [VACCINE_SCHEDULE_COSINE] = "cosine",
    NULL,
};

static PyObject *schedule_factor(PyObject *module, PyObject *args, PyObject *keywords) {
    (void)module;
    static char *names[] = {"schedule", "step", "warmup_steps", "total_steps", NULL};
    PyObject *schedule_value, *step_value, *warmup_value, *total_value;
    int schedule;
    int64_t step, warmup_steps, total_steps;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOO:schedule_factor", names, &schedule_value,
            &step_value, &warmup_value, &total_value)
        || !argument_choice(schedule_value, "schedule", schedules, &schedule)
        || !argument_int64(step_value, "step", 0, INT64_MAX, &step)
        || !argument_int64(warmup_value, "warmup_steps", 0, INT64_MAX, &warmup_steps)
        || !argument_int64(total_value, "total_steps", 0, INT64_MAX, &total_steps))
        return NULL;
    return PyFloat_FromDouble(
        vaccine_schedule_factor((VaccineSchedule)schedule, step, warmup_steps, total_steps));
}

// MARK: - Threads and machine

static PyObject *set_num_threads(PyObject *module, PyObject *args, PyObject *keywords) {
    (void)module;
    static char *names[] = {"n", NULL};
    PyObject *value;
    int32_t n;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:set_num_threads", names, &value)
        || !argument_int32(value, "n", INT32_MIN, &n))
        return NULL;
    call_begin(&call);
    const VaccineStatus status = vaccine_set_thread_count(n, &call.message);
    return none_if(call_end(&call, status));
}

static PyObject *available_memory(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLongLong(vaccine_available_memory());
}

static PyObject *get_num_threads(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLong(vaccine_thread_count());
}

static PyObject *dtypes(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return vaccine_precision_available(VACCINE_PRECISION_BFLOAT16)
        ? Py_BuildValue("(ss)", "float32", "bfloat16")
        : Py_BuildValue("(s)", "float32");
}

static PyObject *build_description(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    VaccineMessage text;
    vaccine_build_description(&text);
    return PyUnicode_FromString(text.text);
}

// MARK: - Table

#define FUNCTION(name, flags, doc) {#name, KEYWORD_METHOD(name), flags, PyDoc_STR(doc)}
#define KEYWORDS (METH_VARARGS | METH_KEYWORDS)

PyMethodDef module_functions[] = {
    FUNCTION(perturbation, KEYWORDS,
        "perturbation($module, /, gradients, rho)\n--\n\n"
        "rho * g / (norm of all gradients + 1e-7) for every gradient g, in its shape."),
    FUNCTION(schedule_factor, KEYWORDS,
        "schedule_factor($module, /, schedule, step, warmup_steps, total_steps)\n--\n\n"
        "The factor on the peak learning rate at a step counted from 0."),
    FUNCTION(set_num_threads, KEYWORDS,
        "set_num_threads($module, /, n)\n--\n\nThreads of every computation, 1 to 1024."),
    FUNCTION(available_memory, METH_NOARGS,
        "available_memory($module, /)\n--\n\nBytes that can be taken: of the machine, of the "
        "process's control groups and of its address space."),
    FUNCTION(get_num_threads, METH_NOARGS,
        "get_num_threads($module, /)\n--\n\nThreads of every computation; 1 after a fork."),
    FUNCTION(check_mapped, METH_VARARGS,
        "check_mapped($module, array=None, /)\n--\n\n"
        "OSError if the array is memory of a MappedFile that was cut short since; without it, "
        "if any is."),
    FUNCTION(dtypes, METH_NOARGS,
        "dtypes($module, /)\n--\n\nPrecisions of models on this processor, the fastest last."),
    FUNCTION(build_description, METH_NOARGS,
        "build_description($module, /)\n--\n\n"
        "One line: the BLAS library, its kernel, the instruction set of the build."),
    {NULL, NULL, 0, NULL},
};
