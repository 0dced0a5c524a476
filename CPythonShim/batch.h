// Packed batches from Python.

#ifndef VACCINE_SHIM_BATCH_H
#define VACCINE_SHIM_BATCH_H

#include "arguments.h"
#include "inputs.h"

// Starts zeroed and is held until `batch_release`, which a failed fill allows too.
typedef struct BatchInput {
    Input input_ids, labels, offsets;
    int64_t first_sequence, sequence_count;
} BatchInput;

static inline bool batch_input(
    PyObject *input_ids, PyObject *labels, PyObject *offsets, BatchInput *batch) {
    return input_integers(input_ids, "input_ids", &batch->input_ids)
        && input_integers(labels, "labels", &batch->labels)
        && input_integers(offsets, "offsets", &batch->offsets);
}

// NULL: left out.
static inline bool batch_part(
    PyObject *first_sequence, PyObject *sequence_count, BatchInput *batch) {
    return argument_int64(first_sequence, "first_sequence", 0, UINT32_MAX, &batch->first_sequence)
        && argument_int64(sequence_count, "sequence_count", 0, UINT32_MAX, &batch->sequence_count);
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
        .first_sequence = batch->first_sequence,
        .sequence_count = batch->sequence_count,
    };
}

#endif
