// The verbs of training: passes that leave gradients.

#include <stdlib.h>

#include "arguments.h"
#include "batch.h"
#include "buffer.h"
#include "model.h"
#include "pass_inputs.h"

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
        "variance", "factor", "layers", "values", "token_weights", "reference", "reference_weight",
        "weight", "seed", "stream", "draw", "first_sequence", "sequence_count", NULL};
    PyObject *token_weights = NULL, *reference = NULL, *reference_weight = NULL;
    PyObject *input_ids, *labels, *offsets, *kind = NULL, *rho = NULL, *norm = NULL;
    PyObject *variance = NULL, *factor = NULL, *layers = NULL, *values = NULL, *weight = NULL;
    PyObject *seed = NULL, *stream = NULL, *draw = NULL, *first = NULL, *taken = NULL;
    VaccinePassOptions options = {.weight = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$OOOOOOOOOOOOOOOO:forward_backward",
            names, &input_ids, &labels, &offsets, &kind, &rho, &norm, &variance, &factor, &layers,
            &values, &token_weights, &reference, &reference_weight, &weight, &seed, &stream, &draw,
            &first, &taken)
        || !pass_seeds(seed, stream, draw, &options)
        || !argument_double(weight, "weight", &options.weight))
        return NULL;
    const int32_t count = self->sizes.layer_count;
    double *norms = calloc((size_t)count, sizeof *norms);
    if (norms == NULL) return PyErr_NoMemory();
    BatchInput batch = {0};
    PerturbationInput arrays = {0};
    TermsInput terms = {0};
    VaccinePerturbation perturbation = {0};
    VaccineStepReport report;
    Call call;
    bool done = terms_input(token_weights, reference, reference_weight, &terms, &options)
        && perturbation_input(
            kind, rho, norm, variance, factor, layers, values, &arrays, &perturbation)
        && batch_part(first, taken, &batch) && batch_input(input_ids, labels, offsets, &batch)
        && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_forward_backward(self->handle, as_batch(&batch),
            options, perturbation, &report, norms, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    perturbation_release(&arrays);
    terms_release(&terms);
    PyObject *result = done ? report_as_dict(&report, norms, count) : NULL;
    free(norms);
    return result;
}

PyObject *model_attention_gradients(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "labels", "offsets", "token_weights", "reference",
        "reference_weight", "seed", "stream", "draw", "first_sequence", "sequence_count", NULL};
    PyObject *input_ids, *labels, *offsets, *seed = NULL, *stream = NULL, *draw = NULL;
    PyObject *token_weights = NULL, *reference = NULL, *reference_weight = NULL;
    PyObject *first = NULL, *taken = NULL;
    VaccinePassOptions options = {.weight = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$OOOOOOOO:attention_gradients", names,
            &input_ids, &labels, &offsets, &token_weights, &reference, &reference_weight, &seed,
            &stream, &draw, &first, &taken)
        || !pass_seeds(seed, stream, draw, &options))
        return NULL;
    const int32_t count = self->sizes.layer_count;
    double loss, *norms = calloc((size_t)count, sizeof *norms);
    if (norms == NULL) return PyErr_NoMemory();
    BatchInput batch = {0};
    TermsInput terms = {0};
    Call call;
    bool done = terms_input(token_weights, reference, reference_weight, &terms, &options)
        && batch_part(first, taken, &batch) && batch_input(input_ids, labels, offsets, &batch)
        && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_attention_gradients(self->handle,
            as_batch(&batch), options, &loss, norms, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    terms_release(&terms);
    PyObject *list = done ? float_list(norms, count) : NULL;
    free(norms);
    return list == NULL ? NULL : Py_BuildValue("dN", loss, list);
}

// MARK: - A caller's loss

PyObject *model_backward_from(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "labels", "offsets", "states", "layers", "gradients",
        "logits", "seed", "stream", "draw", "first_sequence", "sequence_count", NULL};
    PyObject *input_ids, *labels, *offsets, *states = NULL, *layers = NULL, *values = NULL;
    PyObject *logits = NULL, *seed = NULL, *stream = NULL, *draw = NULL;
    PyObject *first = NULL, *taken = NULL;
    VaccinePassOptions options = {.weight = 1};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOO|$OOOOOOOOO:backward_from", names,
            &input_ids, &labels, &offsets, &states, &layers, &values, &logits, &seed, &stream,
            &draw, &first, &taken)
        || !pass_seeds(is_given(seed) ? seed : NULL, stream, draw, &options))
        return NULL;
    PyObject *tuple = states == NULL ? PyTuple_New(0)
                                     : argument_sequence(states, "states", "a sequence of str");
    if (tuple == NULL) return NULL;
    const Py_ssize_t count = PyTuple_Size(tuple);
    int32_t *kinds = state_kinds(tuple, count);
    Py_DECREF(tuple);
    if (kinds == NULL) return NULL;
    BatchInput batch = {0};
    GradientInput arrays = {0};
    VaccineCallerGradients gradients = {.kinds = {.values = kinds, .count = count, .width = 4}};
    double norm;
    Call call;
    bool done = gradient_input(layers, values, logits, &arrays, &gradients)
        && batch_part(first, taken, &batch) && batch_input(input_ids, labels, offsets, &batch)
        && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_backward_from(self->handle, as_batch(&batch),
            gradients, options, is_given(seed), &norm, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    gradient_release(&arrays);
    free(kinds);
    return done ? PyFloat_FromDouble(norm) : NULL;
}

// MARK: - What a pass left

static PyObject *training_states(ModelObject *self, VaccineTrainingStates kind) {
    if (!turn_take(&self->turn, "model")) return NULL;
    if (!model_is_whole(self)) {
        turn_give(&self->turn);
        return NULL;
    }
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
