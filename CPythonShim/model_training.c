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
    [VACCINE_PERTURBATION_SCALED] = "scaled",
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

// Arrays that the terms of a loss refer to; starts zeroed.
typedef struct TermsInput {
    Input weights, reference;
} TermsInput;

static void terms_release(TermsInput *input) {
    input_release(&input->weights);
    input_release(&input->reference);
}

static void perturbation_release(PerturbationInput *input) {
    input_release(&input->layers);
    input_release(&input->values);
}

// NULL and None mean that an argument was left out.
static bool is_given(PyObject *value) { return value != NULL && value != Py_None; }

static bool seeds(PyObject *seed, PyObject *stream, PyObject *draw, VaccinePassOptions *options) {
    return argument_uint64(seed, "seed", &options->seed)
        && argument_uint64(stream, "stream", &options->stream)
        && argument_uint64(draw, "draw", &options->draw);
}

static bool perturbation_input(PyObject *kind, PyObject *rho, PyObject *norm, PyObject *variance,
    PyObject *factor, PyObject *layers, PyObject *values, PerturbationInput *input,
    VaccinePerturbation *result) {
    int choice = VACCINE_PERTURBATION_NONE, scope = VACCINE_NORM_CHOSEN;
    if (!argument_choice(kind, "perturbation", perturbations, &choice)
        || !argument_double(rho, "rho", &result->rho)
        || !argument_choice(norm, "norm", scopes, &scope)
        || !argument_double(variance, "variance", &result->variance)
        || !argument_double(factor, "factor", &result->factor)
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

static bool terms_input(PyObject *weights, PyObject *reference, PyObject *reference_weight,
    TermsInput *input, VaccinePassOptions *options) {
    if ((is_given(weights) && !input_floats(weights, "token_weights", 1, 1, &input->weights))
        || (is_given(reference) && !input_floats(reference, "reference", 2, 2, &input->reference))
        || !argument_double(reference_weight, "reference_weight", &options->reference_weight))
        return false;
    if (is_given(weights)) {
        options->token_weights = input->weights.values;
        options->token_weight_count = input->weights.count;
    }
    if (is_given(reference)) {
        options->reference = input->reference.values;
        options->reference_count = input->reference.count;
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
        || !seeds(seed, stream, draw, &options)
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
        || !seeds(seed, stream, draw, &options))
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

// The number of each name in `tuple`; free the result.
static int32_t *kinds_of(PyObject *tuple, Py_ssize_t count) {
    int32_t *kinds = calloc((size_t)count + 1, sizeof *kinds);
    if (kinds == NULL) PyErr_NoMemory();
    for (Py_ssize_t i = 0; kinds != NULL && i < count; i++) {
        int choice;
        if (!argument_choice(PyTuple_GetItem(tuple, i), "states", hidden_state_names, &choice)) {
            free(kinds);
            return NULL;
        }
        kinds[i] = choice;
    }
    return kinds;
}

// Arrays of a caller's gradients; starts zeroed.
typedef struct GradientInput {
    Input layers, values, logits;
} GradientInput;

static void gradient_release(GradientInput *input) {
    input_release(&input->layers);
    input_release(&input->values);
    input_release(&input->logits);
}

static bool gradient_input(PyObject *layers, PyObject *values, PyObject *logits,
    GradientInput *input, VaccineCallerGradients *result) {
    if ((is_given(layers) && !input_integers(layers, "layers", &input->layers))
        || (is_given(values) && !input_floats(values, "gradients", 3, 3, &input->values))
        || (is_given(logits) && !input_floats(logits, "logits", 2, 2, &input->logits)))
        return false;
    result->layers = input_as_integers(&input->layers);
    result->values = input->values.values;
    result->state_count = input->values.count;
    result->logits = is_given(logits) ? input->logits.values : NULL;
    result->logit_count = input->logits.count;
    return true;
}

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
        || !seeds(is_given(seed) ? seed : NULL, stream, draw, &options))
        return NULL;
    PyObject *tuple = states == NULL ? PyTuple_New(0)
                                     : argument_sequence(states, "states", "a sequence of str");
    if (tuple == NULL) return NULL;
    const Py_ssize_t count = PyTuple_Size(tuple);
    int32_t *kinds = kinds_of(tuple, count);
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
