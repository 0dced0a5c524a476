// Packed batches from Python.

#ifndef VACCINE_SHIM_BATCH_H
#define VACCINE_SHIM_BATCH_H

#include "inputs.h"

// Starts zeroed and is held until `batch_release`, which a failed fill allows too.
typedef struct BatchInput {
    Input input_ids, labels, offsets;
} BatchInput;

static inline bool batch_input(
    PyObject *input_ids, PyObject *labels, PyObject *offsets, BatchInput *batch) {
    return input_integers(input_ids, "input_ids", &batch->input_ids)
        && input_integers(labels, "labels", &batch->labels)
        && input_integers(offsets, "offsets", &batch->offsets);
}

static inline void batch_release(BatchInput *batch) {
    input_release(&batch->input_ids);
    input_release(&batch->labels);
    input_release(&batch->offsets);
}

static inline VaccineBatch as_batch(const BatchInput *batch) {
    return (VaccineBatch){
        .input_ids = input_as_integers(&batch->input_ids),
        .labels = input_as_integers(&batch->labels),
        .offsets = input_as_integers(&batch->offsets),
    };
}

#endif
