// The verbs of training: passes that leave gradients.

#include <stdlib.h>

#include "arguments.h"
#include "batch.h"
#include "buffer.h"
#include "inputs.h"
#include "model.h"

// MARK: - What a pass is asked to do

static const char *const perturbations[] = {
    [VACCINE_PERTURBATION_NONE] = "none",
    [VACCINE_PERTURBATION_WORST] = "worst",
    [VACCINE_PERTURBATION_GAUSSIAN] = "gaussian",
    [VACCINE_PERTURBATION_GIVEN] = "given",
    NULL,
};

static const char *const scopes[] = {
    [VACCINE_NORM_CHOSEN] = "chosen",
    [VACCINE_NORM_ALL] = "all",
    NULL,
};

// Arrays that a perturbation refers to; starts zeroed.
typedef struct PerturbationInput {
    Input layers, values;
} PerturbationInput;

static void perturbation_release(PerturbationInput *input) {
    input_release(&input->layers);
    input_release(&input->values);
}

// NULL and None mean that an argument was left out.
static bool is_given(PyObject *value) { return value != NULL && value != Py_None; }

static bool seeds(PyObject *seed, PyObject *stream, PyObject *draw, VaccinePassOptions *options) {
    return (seed == NULL || argument_uint64(seed, "seed", &options->seed))
        && (stream == NULL || argument_uint64(stream, "stream", &options->stream))
        && (draw == NULL || argument_uint64(draw, "draw", &options->draw));
}

static bool perturbation_input(PyObject *kind, PyObject *rho, PyObject *norm, PyObject *variance,
    PyObject *layers, PyObject *values, PerturbationInput *input, VaccinePerturbation *result) {
    int choice = VACCINE_PERTURBATION_NONE, scope = VACCINE_NORM_CHOSEN;
    if ((kind != NULL && !argument_choice(kind, "perturbation", perturbations, &choice))
        || (rho != NULL && !argument_double(rho, "rho", &result->rho))
        || (norm != NULL && !argument_choice(norm, "norm", scopes, &scope))
        || (variance != NULL && !argument_double(variance, "variance", &result->variance))
        || (is_given(layers) && !input_integers(layers, "layers", &input->layers))
        || (is_given(values) && !input_floats(values, "values", 3, 3, &input->values)))
        return false;
    result->kind = (VaccinePerturbationKind)choice;
    result->norm = (VaccineNormScope)scope;
    if (is_given(layers)) result->layers = input_as_integers(&input->layers);
    if (is_given(values)) {
        result->values = input->values.values;
        result->count = input->values.count;
    }
    return true;
}

// MARK: - Passes

static PyObject *float_list(const double *values, int64_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        if (value == NULL)
            Py_CLEAR(list);
        else
            PyList_SetItem(list, i, value);
    }
    return list;
}

static PyObject *report_as_dict(
    const VaccineStepReport *report, const double *norms, int64_t layers) {
    PyObject *list = float_list(norms, layers);
    if (list == NULL) return NULL;
    return Py_BuildValue("{s:d, s:d, s:d, s:d, s:L, s:L, s:d, s:N}",  //
        "loss", report->loss,                                         //
        "clean_loss", report->clean_loss,                             //
        "gradient_norm", report->gradient_norm,                       //
        "attention_gradient_norm", report->attention_gradient_norm,   //
        "tokens", (long long)report->tokens,                          //
        "supervised", (long long)report->supervised,                  //
        "seconds", report->seconds,                                   //
        "perturbation_norms", list);
}

PyObject *model_forward_backward(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "labels", "offsets", "perturbation", "rho", "norm",
        "variance", "layers", "values", "weight", "seed", "stream", "draw", NULL};
    PyObject *input_ids, *labels, *offsets, *kind = NULL, *rho = NULL, *norm = NULL;
    PyObject *variance = NULL, *layers = NULL, *values = NULL, *weight = NULL;
    PyObject *seed = NULL, *stream = NULL, *draw = NULL;
    VaccinePassOptions options = {.weight = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$OOOOOOOOOO:forward_backward", names,
            &input_ids, &labels, &offsets, &kind, &rho, &norm, &variance, &layers, &values, &weight,
            &seed, &stream, &draw)
        || !seeds(seed, stream, draw, &options)
        || (weight != NULL && !argument_double(weight, "weight", &options.weight)))
        return NULL;
    const int32_t count = self->sizes.layer_count;
    double *norms = calloc((size_t)count, sizeof *norms);
    if (norms == NULL) return PyErr_NoMemory();
    BatchInput batch = {0};
    PerturbationInput arrays = {0};
    VaccinePerturbation perturbation = {0};
    VaccineStepReport report;
    Call call;
    bool done
        = perturbation_input(kind, rho, norm, variance, layers, values, &arrays, &perturbation)
        && batch_input(input_ids, labels, offsets, &batch) && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_forward_backward(self->handle, as_batch(&batch),
            options, perturbation, &report, norms, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    perturbation_release(&arrays);
    PyObject *result = done ? report_as_dict(&report, norms, count) : NULL;
    free(norms);
    return result;
}

PyObject *model_attention_gradients(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "labels", "offsets", "seed", "stream", "draw", NULL};
    PyObject *input_ids, *labels, *offsets, *seed = NULL, *stream = NULL, *draw = NULL;
    VaccinePassOptions options = {.weight = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$OOO:attention_gradients", names,
            &input_ids, &labels, &offsets, &seed, &stream, &draw)
        || !seeds(seed, stream, draw, &options))
        return NULL;
    const int32_t count = self->sizes.layer_count;
    double loss, *norms = calloc((size_t)count, sizeof *norms);
    if (norms == NULL) return PyErr_NoMemory();
    BatchInput batch = {0};
    Call call;
    bool done = batch_input(input_ids, labels, offsets, &batch) && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_attention_gradients(self->handle,
            as_batch(&batch), options, &loss, norms, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    PyObject *list = done ? float_list(norms, count) : NULL;
    free(norms);
    return list == NULL ? NULL : Py_BuildValue("dN", loss, list);
}

// MARK: - What a pass left

static PyObject *training_states(ModelObject *self, VaccineTrainingStates kind) {
    if (!turn_take(&self->turn, "model")) return NULL;
    const VaccineModelSizes *size = &self->sizes;
    const int64_t shape[]
        = {size->layer_count, vaccine_model_training_tokens(self->handle, kind), size->hidden_size};
    BufferObject *output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 3, shape);
    if (output != NULL) {
        Call call;
        call_begin(&call);
        const VaccineStatus status = vaccine_model_read_training_states(
            self->handle, kind, output->values, buffer_count(output), &call.message);
        if (!call_end(&call, status)) Py_CLEAR(output);
    }
    turn_give(&self->turn);
    return (PyObject *)output;
}

PyObject *model_perturbations(ModelObject *self, PyObject *unused) {
    (void)unused;
    return training_states(self, VACCINE_STATES_PERTURBATIONS);
}

PyObject *model_attention_gradient_states(ModelObject *self, PyObject *unused) {
    (void)unused;
    return training_states(self, VACCINE_STATES_ATTENTION_GRADIENTS);
}
