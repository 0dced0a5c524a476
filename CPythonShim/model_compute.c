// Forward passes without gradients.

#include "arguments.h"
#include "batch.h"
#include "buffer.h"
#include "errors.h"
#include "inputs.h"
#include "model.h"

// MARK: - One sequence

// Refused here as well as in the core, since the result is allocated before the core sees the ids.
static bool check_length(const ModelObject *self, const Input *input_ids) {
    const int32_t longest = self->sizes.context_length;
    if (1 <= input_ids->count && input_ids->count <= longest) return true;
    PyErr_Format(PyExc_ValueError,
        "input_ids must have between 1 and context_length = %d tokens, got %lld", (int)longest,
        (long long)input_ids->count);
    return false;
}

PyObject *model_logits(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", NULL};
    PyObject *array;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:logits", names, &array)) return NULL;
    Input input_ids = {0};
    BufferObject *output = NULL;
    if (input_integers(array, "input_ids", &input_ids) && check_length(self, &input_ids)) {
        const int64_t shape[] = {input_ids.count, self->sizes.vocabulary_size};
        output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 2, shape);
    }
    Call call;
    bool done = output != NULL && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_logits(self->handle,
            input_as_integers(&input_ids), output->values, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    input_release(&input_ids);
    if (!done) Py_CLEAR(output);
    return (PyObject *)output;
}

// MARK: - Packed batches

const char *const hidden_state_names[] = {
    [VACCINE_STATE_ATTENTION] = "attention",
    [VACCINE_STATE_MLP] = "mlp",
    [VACCINE_STATE_RESIDUAL] = "residual",
    NULL,
};

// The bounds of an allocation that the core has not seen yet.
static bool check_state_counts(
    const ModelObject *self, const Input *layers, const Input *rows, const Input *bounds) {
    if (layers->count > self->sizes.layer_count) {
        PyErr_Format(PyExc_ValueError, "layers must name at most %d %s, got %lld",
            (int)self->sizes.layer_count, plural(self->sizes.layer_count, "layer", "layers"),
            (long long)layers->count);
        return false;
    }
    if (2 <= bounds->count && bounds->count <= rows->count + 1) return true;
    PyErr_Format(PyExc_ValueError,
        "bounds must rise strictly from 0 to the number of rows (%lld), got %lld %s",
        (long long)rows->count, (long long)bounds->count,
        plural(bounds->count, "entry", "entries"));
    return false;
}

PyObject *model_hidden_states(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "offsets", "what", "layers", "rows", "bounds", NULL};
    PyObject *arrays[5], *what;
    int kind;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO$OOOO:hidden_states", names, &arrays[0],
            &arrays[1], &what, &arrays[2], &arrays[3], &arrays[4])
        || !argument_choice(what, "what", hidden_state_names, &kind))
        return NULL;
    static const char *const labels[] = {"input_ids", "offsets", "layers", "rows", "bounds"};
    Input inputs[5] = {0};
    bool done = true;
    for (int i = 0; done && i < 5; i++) done = input_integers(arrays[i], labels[i], &inputs[i]);
    BufferObject *output = NULL;
    if (done && check_state_counts(self, &inputs[2], &inputs[3], &inputs[4])) {
        const int64_t shape[] = {inputs[2].count, inputs[4].count - 1, self->sizes.hidden_size};
        output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 3, shape);
    }
    Call call;
    done = output != NULL && model_begin(self, &call);
    if (done) {
        const VaccineStateChoice choice = {
            .kind = (VaccineHiddenState)kind,
            .layers = input_as_integers(&inputs[2]),
            .rows = input_as_integers(&inputs[3]),
            .bounds = input_as_integers(&inputs[4]),
        };
        const VaccineStatus status = vaccine_model_hidden_states(self->handle,
            input_as_integers(&inputs[0]), input_as_integers(&inputs[1]), choice, output->values,
            call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    for (int i = 0; i < 5; i++) input_release(&inputs[i]);
    if (!done) Py_CLEAR(output);
    return (PyObject *)output;
}

// `token_losses`: NULL, or receives a new buffer with the loss of each supervised token.
static bool evaluate(ModelObject *self, PyObject *args, PyObject *keywords, const char *format,
    double *loss, int64_t *supervised, BufferObject **token_losses) {
    static char *names[] = {"input_ids", "labels", "offsets", NULL};
    PyObject *input_ids, *labels, *offsets;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names, &input_ids, &labels, &offsets))
        return false;
    BatchInput batch = {0};
    BufferObject *output = NULL;
    bool done = batch_input(input_ids, labels, offsets, &batch);
    if (done && token_losses != NULL) {
        const int64_t shape[] = {batch.input_ids.count};
        output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 1, shape);
        done = output != NULL;
    }
    Call call;
    done = done && model_begin(self, &call);
    if (done) {
        const VaccineStatus status
            = vaccine_model_loss(self->handle, as_batch(&batch), loss, supervised,
                output == NULL ? NULL : output->values, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    if (!done) Py_CLEAR(output);
    if (output != NULL) {
        buffer_truncate(output, *supervised);
        *token_losses = output;
    }
    return done;
}

PyObject *model_loss(ModelObject *self, PyObject *args, PyObject *keywords) {
    double loss;
    int64_t supervised;
    if (!evaluate(self, args, keywords, "OOO:loss", &loss, &supervised, NULL)) return NULL;
    return Py_BuildValue("dL", loss, (long long)supervised);
}

PyObject *model_token_losses(ModelObject *self, PyObject *args, PyObject *keywords) {
    double loss;
    int64_t supervised;
    BufferObject *losses;
    if (!evaluate(self, args, keywords, "OOO:token_losses", &loss, &supervised, &losses))
        return NULL;
    return (PyObject *)losses;
}

PyObject *model_log_probabilities(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"input_ids", "labels", "offsets", "rows", NULL};
    PyObject *input_ids, *labels, *offsets, *rows_value;
    int64_t rows;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOO:log_probabilities", names, &input_ids,
            &labels, &offsets, &rows_value)
        || !argument_int64(rows_value, "rows", 1, (int64_t)1 << 32, &rows))
        return NULL;
    BatchInput batch = {0};
    BufferObject *output = NULL;
    if (batch_input(input_ids, labels, offsets, &batch)) {
        const int64_t shape[] = {rows, self->sizes.vocabulary_size};
        output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 2, shape);
    }
    Call call;
    bool done = output != NULL && model_begin(self, &call);
    if (done) {
        const VaccineStatus status = vaccine_model_log_probabilities(self->handle, as_batch(&batch),
            output->values, rows, call_interrupt(&call), &call.message);
        done = model_end(self, &call, status);
    }
    batch_release(&batch);
    if (!done) Py_CLEAR(output);
    return (PyObject *)output;
}
