// What a pass is asked to do, from Python. Arrays start zeroed and are held until they are
// released, which a failed fill allows too.

#ifndef VACCINE_SHIM_PASS_INPUTS_H
#define VACCINE_SHIM_PASS_INPUTS_H

#include "inputs.h"

// NULL and None mean that an argument was left out.
static inline bool is_given(PyObject *value) { return value != NULL && value != Py_None; }

// The numbers of a pass's random draws; NULL: left out.
bool pass_seeds(PyObject *seed, PyObject *stream, PyObject *draw, VaccinePassOptions *options);

// MARK: - Perturbations

typedef struct PerturbationInput {
    Input layers, values;
} PerturbationInput;

bool perturbation_input(PyObject *kind, PyObject *rho, PyObject *norm, PyObject *variance,
    PyObject *factor, PyObject *layers, PyObject *values, PerturbationInput *input,
    VaccinePerturbation *result);

static inline void perturbation_release(PerturbationInput *input) {
    input_release(&input->layers);
    input_release(&input->values);
}

// MARK: - Terms of the loss

typedef struct TermsInput {
    Input weights, reference;
} TermsInput;

bool terms_input(PyObject *weights, PyObject *reference, PyObject *reference_weight,
    TermsInput *input, VaccinePassOptions *options);

static inline void terms_release(TermsInput *input) {
    input_release(&input->weights);
    input_release(&input->reference);
}

// MARK: - A caller's gradients

typedef struct GradientInput {
    Input layers, values, logits;
} GradientInput;

bool gradient_input(PyObject *layers, PyObject *values, PyObject *logits, GradientInput *input,
    VaccineCallerGradients *result);

static inline void gradient_release(GradientInput *input) {
    input_release(&input->layers);
    input_release(&input->values);
    input_release(&input->logits);
}

// The number of each state's name in `tuple`; free the result.
int32_t *state_kinds(PyObject *tuple, Py_ssize_t count);

#endif
