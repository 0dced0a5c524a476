// What a pass is asked to do, from Python.

#include "pass_inputs.h"

#include <stdlib.h>

#include "arguments.h"
#include "model.h"

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

bool pass_seeds(PyObject *seed, PyObject *stream, PyObject *draw, VaccinePassOptions *options) {
    return argument_uint64(seed, "seed", &options->seed)
        && argument_uint64(stream, "stream", &options->stream)
        && argument_uint64(draw, "draw", &options->draw);
}

bool perturbation_input(PyObject *kind, PyObject *rho, PyObject *norm, PyObject *variance,
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

bool terms_input(PyObject *weights, PyObject *reference, PyObject *reference_weight,
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

int32_t *state_kinds(PyObject *tuple, Py_ssize_t count) {
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

bool gradient_input(PyObject *layers, PyObject *values, PyObject *logits, GradientInput *input,
    VaccineCallerGradients *result) {
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
