#include "arguments.h"
#include "buffer.h"
#include "call.h"
#include "inputs.h"
#include "model.h"
#include "types.h"

// Up to which a double counts every step.
static const int64_t MAXIMUM_STEPS = (int64_t)1 << 53;

static const char *const moments[] = {
    [VACCINE_FIRST_MOMENT] = "first",
    [VACCINE_SECOND_MOMENT] = "second",
    NULL,
};

static bool moment_argument(PyObject *value, VaccineMoment *moment) {
    int choice;
    if (!argument_choice(value, "moment", moments, &choice)) return false;
    *moment = (VaccineMoment)choice;
    return true;
}

static bool adamw_begin(AdamWObject *self, Call *call) {
    if (!turn_take(&self->turn, "optimiser")) return false;
    call_begin(call);
    return true;
}

static bool adamw_end(AdamWObject *self, Call *call, VaccineStatus status) {
    const bool done = call_end(call, status);
    turn_give(&self->turn);
    return done;
}

// MARK: - Life

typedef struct Settings {
    double beta1, beta2, epsilon, weight_decay;
} Settings;

// What an optimiser consists of, while it is put together.
typedef struct Parts {
    VaccineAdamW *handle;
    PyObject *shapes;
    Turn turn;
} Parts;

static void discard(Parts *parts) {
    vaccine_adamw_destroy(parts->handle);
    Py_XDECREF(parts->shapes);
    turn_destroy(&parts->turn);
}

static bool make(Parts *parts, ModelObject *model, const Settings *settings) {
    if (!turn_create(&parts->turn) || !turn_take(&model->turn, "model")) return false;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_adamw_create(model->handle, settings->beta1,
        settings->beta2, settings->epsilon, settings->weight_decay, &parts->handle, &call.message);
    bool made = call_end(&call, status);
    PyObject *tensors = made ? tensor_list(model, VACCINE_ADAPTER) : NULL;
    turn_give(&model->turn);
    parts->shapes = tensors == NULL ? NULL : PyDict_New();
    made = parts->shapes != NULL && PyDict_MergeFromSeq2(parts->shapes, tensors, 1) == 0;
    Py_XDECREF(tensors);
    return made;
}

static PyObject *adamw_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"model", "beta1", "beta2", "epsilon", "weight_decay", NULL};
    PyObject *model_value, *beta1, *beta2, *epsilon, *weight_decay;
    Settings settings;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOOO:AdamW", names, &model_value, &beta1,
            &beta2, &epsilon, &weight_decay)
        || !argument_double(beta1, "beta1", &settings.beta1)
        || !argument_double(beta2, "beta2", &settings.beta2)
        || !argument_double(epsilon, "epsilon", &settings.epsilon)
        || !argument_double(weight_decay, "weight_decay", &settings.weight_decay))
        return NULL;
    ModelObject *model = model_argument(PyType_GetModuleState(type), model_value);
    if (model == NULL) return NULL;
    Parts parts = {0};
    // Whole before the collector, and through it another thread, can see it.
    AdamWObject *self
        = make(&parts, model, &settings) ? (AdamWObject *)PyType_GenericAlloc(type, 0) : NULL;
    if (self == NULL) {
        discard(&parts);
        return NULL;
    }
    self->handle = parts.handle;
    self->shapes = parts.shapes;
    self->turn = parts.turn;
    return (PyObject *)self;
}

static int adamw_traverse(AdamWObject *self, visitproc visit, void *arg) {
    Py_VISIT(self->shapes);
    return traverse_type((PyObject *)self, visit, arg);
}

static void adamw_dealloc(AdamWObject *self) {
    PyObject_GC_UnTrack(self);
    vaccine_adamw_destroy(self->handle);
    turn_destroy(&self->turn);
    Py_XDECREF(self->shapes);
    free_object((PyObject *)self);
}

// MARK: - Step

static PyObject *adamw_step(AdamWObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"model", "learning_rate", "max_gradient_norm", NULL};
    PyObject *model_value, *rate_value, *limit_value;
    double rate, limit, norm;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO:step", names, &model_value, &rate_value, &limit_value)
        || !argument_double(rate_value, "learning_rate", &rate)
        || !argument_double(limit_value, "max_gradient_norm", &limit))
        return NULL;
    ModelObject *model = model_argument(state_of((PyObject *)self), model_value);
    if (model == NULL || !turn_take(&self->turn, "optimiser")) return NULL;
    // Always the optimiser's turn first, so that two threads cannot wait for each other.
    Call call;
    bool done = model_begin(model, &call);
    if (done) {
        const VaccineStatus status = vaccine_adamw_step(
            self->handle, model->handle, rate, limit, &norm, call_interrupt(&call), &call.message);
        done = model_end(model, &call, status);
    }
    turn_give(&self->turn);
    return done ? PyFloat_FromDouble(norm) : NULL;
}

static PyObject *adamw_step_count(AdamWObject *self, void *unused) {
    (void)unused;
    if (!turn_take(&self->turn, "optimiser")) return NULL;
    const int64_t count = vaccine_adamw_step_count(self->handle);
    turn_give(&self->turn);
    return PyLong_FromLongLong(count);
}

static int adamw_set_step_count(AdamWObject *self, PyObject *value, void *unused) {
    (void)unused;
    int64_t count;
    Call call;
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "step_count cannot be deleted");
        return -1;
    }
    if (!argument_int64(value, "step_count", 0, MAXIMUM_STEPS, &count) || !adamw_begin(self, &call))
        return -1;
    const VaccineStatus status = vaccine_adamw_set_step_count(self->handle, count, &call.message);
    return adamw_end(self, &call, status) ? 0 : -1;
}

static PyObject *adamw_skipped(AdamWObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", NULL};
    PyObject *name_value;
    const char *name;
    int64_t count;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:skipped", names, &name_value)
        || !argument_string(name_value, "name", &name) || !adamw_begin(self, &call))
        return NULL;
    const VaccineStatus status = vaccine_adamw_skipped(self->handle, name, &count, &call.message);
    return adamw_end(self, &call, status) ? PyLong_FromLongLong(count) : NULL;
}

static PyObject *adamw_set_skipped(AdamWObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", "count", NULL};
    PyObject *name_value, *count_value;
    const char *name;
    int64_t count;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OO:set_skipped", names, &name_value, &count_value)
        || !argument_string(name_value, "name", &name)
        || !argument_int64(count_value, "count", 0, MAXIMUM_STEPS, &count)
        || !adamw_begin(self, &call))
        return NULL;
    const VaccineStatus status
        = vaccine_adamw_set_skipped(self->handle, name, count, &call.message);
    return none_if(adamw_end(self, &call, status));
}

// MARK: - Moments

// A buffer in the shape of the adapter tensor; NULL with ValueError for an unknown name.
static BufferObject *moment_buffer(AdamWObject *self, PyObject *name) {
    PyObject *shape = PyDict_GetItemWithError(self->shapes, name);
    if (shape == NULL) {
        if (!PyErr_Occurred())
            raise_expected(PyExc_ValueError, "name", "that of an adapter tensor", name);
        return NULL;
    }
    int64_t sizes[2] = {0, 0};
    const Py_ssize_t dimensions = PyTuple_Size(shape);
    for (Py_ssize_t axis = 0; axis < dimensions; axis++)
        sizes[axis] = PyLong_AsLongLong(PyTuple_GetItem(shape, axis));
    return buffer_new(state_of((PyObject *)self)->buffer_type, 'f', (int)dimensions, sizes);
}

static PyObject *adamw_read(AdamWObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"moment", "name", NULL};
    PyObject *moment_value, *name_value;
    VaccineMoment moment;
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO:read", names, &moment_value, &name_value)
        || !moment_argument(moment_value, &moment) || !argument_string(name_value, "name", &name))
        return NULL;
    BufferObject *output = moment_buffer(self, name_value);
    Call call;
    bool done = output != NULL && adamw_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_adamw_read_moment(
            self->handle, moment, name, output->values, buffer_count(output), &call.message);
        done = adamw_end(self, &call, status);
    }
    if (!done) Py_CLEAR(output);
    return (PyObject *)output;
}

static PyObject *adamw_write(AdamWObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"moment", "name", "values", NULL};
    PyObject *moment_value, *name_value, *array;
    VaccineMoment moment;
    const char *name;
    Input values = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO:write", names, &moment_value, &name_value, &array)
        || !moment_argument(moment_value, &moment) || !argument_string(name_value, "name", &name))
        return NULL;
    Call call;
    bool written = input_tensor(array, "values", &values) && adamw_begin(self, &call);
    if (written) {
        const VaccineStatus status = vaccine_adamw_write_moment(
            self->handle, moment, name, values.values, values.rows, values.columns, &call.message);
        written = adamw_end(self, &call, status);
    }
    input_release(&values);
    return none_if(written);
}

// MARK: - Type

#define METHOD(name, doc)                                                                          \
    {#name, KEYWORD_METHOD(adamw_##name), METH_VARARGS | METH_KEYWORDS, PyDoc_STR(doc)}

static PyMethodDef adamw_methods[] = {
    METHOD(step,
        "step($self, /, model, learning_rate, max_gradient_norm)\n--\n\n"
        "Clip the gradients, update the adapter; the global gradient norm before clipping."),
    METHOD(
        skipped, "skipped($self, /, name)\n--\n\nSteps during which an adapter tensor was frozen."),
    METHOD(set_skipped, "set_skipped($self, /, name, count)\n--\n\nRestore what `skipped` told."),
    METHOD(read,
        "read($self, /, moment, name)\n--\n\n"
        "A copy of the 'first' or 'second' moment of an adapter tensor."),
    METHOD(write,
        "write($self, /, moment, name, values)\n--\n\n"
        "Replace the 'first' or 'second' moment of an adapter tensor."),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef adamw_properties[] = {
    {"step_count", (getter)adamw_step_count, (setter)adamw_set_step_count,
        PyDoc_STR("Steps taken so far, which the bias correction depends on."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(adamw_doc,
    "AdamW(model, beta1, beta2, epsilon, weight_decay)\n--\n\n"
    "AdamW over a model's adapter; holds both moments and the step count.");

static PyType_Slot adamw_slots[] = {
    {Py_tp_doc, (void *)adamw_doc},
    {Py_tp_new, adamw_new},
    {Py_tp_traverse, adamw_traverse},
    {Py_tp_dealloc, adamw_dealloc},
    {Py_tp_methods, adamw_methods},
    {Py_tp_getset, adamw_properties},
    {0, NULL},
};

PyType_Spec adamw_spec = {
    .name = "vaccine_swift._core.AdamW",
    .basicsize = sizeof(AdamWObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = adamw_slots,
};
