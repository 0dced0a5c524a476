#include "model.h"

#include "arguments.h"
#include "call.h"
#include "description.h"
#include "mapped_file.h"

static bool all_files(const ModelObject *self, bool (*hold)(PyObject *file)) {
    const Py_ssize_t count = PyList_Size(self->files);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!hold(PyList_GetItem(self->files, i))) return false;
    return true;
}

bool model_is_whole(const ModelObject *self) { return all_files(self, mapped_file_is_whole); }

bool model_begin(ModelObject *self, Call *call) {
    if (!turn_take(&self->turn, "model")) return false;
    if (!all_files(self, mapped_file_is_sound)) {
        turn_give(&self->turn);
        return false;
    }
    call_begin(call);
    return true;
}

bool model_end(ModelObject *self, Call *call, VaccineStatus status) {
    const bool done = call_end(call, status);
    // What zeros of a file led to is no answer, nor is the core's complaint of them.
    const bool whole = call->stopped || model_is_whole(self);
    turn_give(&self->turn);
    return done && whole;
}

ModelObject *model_argument(const ModuleState *state, PyObject *value) {
    if (PyObject_TypeCheck(value, state->model_type)) return (ModelObject *)value;
    raise_type("model", "a Model", value);
    return NULL;
}

// MARK: - Life

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"configuration", NULL};
    PyObject *dict;
    Description description = {0};
    Turn turn = {0};
    VaccineModel *handle = NULL;
    VaccineModelSizes sizes = {0};
    bool made = PyArg_ParseTupleAndKeywords(args, keywords, "O:Model", names, &dict)
        && description_from_dict(dict, "configuration", &description) && turn_create(&turn);
    if (made) {
        Call call;
        call_begin(&call);
        const VaccineStatus status = vaccine_model_create(description_for_core(&description),
            &handle, &sizes, call_interrupt(&call), &call.message);
        made = call_end(&call, status);
    }
    PyObject *lent = made ? PyList_New(0) : NULL;
    PyObject *files = lent != NULL ? PyList_New(0) : NULL;
    // Whole before the collector, and through it another thread, can see it.
    ModelObject *self = files != NULL ? (ModelObject *)PyType_GenericAlloc(type, 0) : NULL;
    if (self == NULL) {
        vaccine_model_destroy(handle);
        turn_destroy(&turn);
        Py_XDECREF(lent);
        Py_XDECREF(files);
    } else {
        self->handle = handle;
        self->configuration = Py_NewRef(description.dict);
        self->lent = lent;
        self->files = files;
        self->sizes = sizes;
        self->turn = turn;
    }
    description_release(&description);
    return (PyObject *)self;
}

static void model_dealloc(ModelObject *self) {
    PyObject_GC_UnTrack(self);
    vaccine_model_destroy(self->handle);
    turn_destroy(&self->turn);
    Py_XDECREF(self->configuration);
    Py_XDECREF(self->lent);
    Py_XDECREF(self->files);
    free_object((PyObject *)self);
}

static PyObject *model_configuration(ModelObject *self, void *unused) {
    (void)unused;
    return PyDict_Copy(self->configuration);
}

static PyObject *model_initialise(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"seed", NULL};
    PyObject *value;
    uint64_t seed;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:initialise", names, &value)
        || !argument_uint64(value, "seed", &seed) || !model_begin(self, &call))
        return NULL;
    const VaccineStatus status
        = vaccine_model_initialise(self->handle, seed, call_interrupt(&call), &call.message);
    return none_if(model_end(self, &call, status));
}

// MARK: - Methods without arguments

typedef VaccineStatus Action(VaccineModel *model, VaccineMessage *message);

static PyObject *act(ModelObject *self, Action *action) {
    Call call;
    if (!model_begin(self, &call)) return NULL;
    const VaccineStatus status = action(self->handle, &call.message);
    return none_if(model_end(self, &call, status));
}

#define ACTION(name)                                                                               \
    static PyObject *model_##name(ModelObject *self, PyObject *unused) {                           \
        (void)unused;                                                                              \
        return act(self, vaccine_model_##name);                                                    \
    }
ACTION(check_complete)
ACTION(zero_gradients)
ACTION(remove_adapter)
ACTION(freeze_adapter)
ACTION(remove_frozen_adapters)

// MARK: - Scratch

static const char *const workspaces[] = {
    [VACCINE_WORKSPACE_INFERENCE] = "inference",
    [VACCINE_WORKSPACE_TRAINING] = "training",
    [VACCINE_WORKSPACE_PERTURBED_TRAINING] = "perturbed training",
    NULL,
};

static PyObject *model_reserve(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"tokens", "sequences", "use", NULL};
    PyObject *tokens_value, *sequences_value, *use_value;
    int64_t tokens, sequences;
    int use;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO:reserve", names, &tokens_value, &sequences_value, &use_value)
        || !argument_int64(tokens_value, "tokens", 0, INT64_MAX, &tokens)
        || !argument_int64(sequences_value, "sequences", 0, INT64_MAX, &sequences)
        || !argument_choice(use_value, "use", workspaces, &use) || !model_begin(self, &call))
        return NULL;
    const VaccineStatus status = vaccine_model_reserve(
        self->handle, tokens, sequences, (VaccineWorkspace)use, &call.message);
    return none_if(model_end(self, &call, status));
}

// MARK: - Type

#define METHOD(name, flags, doc) {#name, KEYWORD_METHOD(model_##name), flags, PyDoc_STR(doc)}
#define KEYWORDS (METH_VARARGS | METH_KEYWORDS)

static PyMethodDef model_methods[] = {
    METHOD(initialise, KEYWORDS,
        "initialise($self, /, seed)\n--\n\n"
        "Random weights: linear and embedding ~ N(0, 0.02**2), norms 1, biases 0."),
    METHOD(check_complete, METH_NOARGS,
        "check_complete($self, /)\n--\n\n"
        "Raise ValueError with the names of the tensors that were never written."),
    METHOD(tensors, KEYWORDS,
        "tensors($self, /, kind)\n--\n\n"
        "Name and shape of every tensor of a kind: 'weight', 'adapter', 'gradient' or 'frozen'."),
    METHOD(read, KEYWORDS, "read($self, /, kind, name)\n--\n\nA copy of the tensor in float32."),
    METHOD(read_merged, KEYWORDS,
        "read_merged($self, /, name)\n--\n\n"
        "A copy of the weight in float32, with what every adapter adds to it."),
    METHOD(write, KEYWORDS,
        "write($self, /, kind, name, values)\n--\n\n"
        "Replace a tensor; the shape must agree and all values be finite."),
    METHOD(lend, KEYWORDS,
        "lend($self, /, name, kind, blocks, order=None)\n--\n\n"
        "Let a weight of a model of precision 'gguf' read its rows from `blocks`, uint8\n"
        "[rows, bytes of a row] of the GGUF type `kind`, which is not copied. Row i of the weight "
        "is blocks[order[i]]."),
    METHOD(add_adapter, KEYWORDS,
        "add_adapter($self, /, targets, ranks, scales, dropout, seed)\n--\n\n"
        "Add LoRA matrices to the named projections of all layers."),
    METHOD(remove_adapter, METH_NOARGS,
        "remove_adapter($self, /)\n--\n\nDrop the adapter and its gradients."),
    METHOD(freeze_adapter, METH_NOARGS,
        "freeze_adapter($self, /)\n--\n\nKeep the adapter, untrained, below the next one."),
    METHOD(remove_frozen_adapters, METH_NOARGS,
        "remove_frozen_adapters($self, /)\n--\n\nDrop the adapters that were frozen."),
    METHOD(merge_adapter, METH_NOARGS,
        "merge_adapter($self, /)\n--\n\nAdd scale * B A of all adapters to the weights and "
        "drop them."),
    METHOD(set_frozen, KEYWORDS,
        "set_frozen($self, /, names)\n--\n\n"
        "Leave these adapter tensors as they are in later steps; none: train all."),
    METHOD(reserve, KEYWORDS,
        "reserve($self, /, tokens, sequences, use)\n--\n\n"
        "Allocate the scratch memory of batches up to this size for 'inference', 'training' or\n"
        "'perturbed training'."),
    METHOD(logits, KEYWORDS,
        "logits($self, /, input_ids)\n--\n\nOne sequence [T] to float32 logits [T, V]."),
    METHOD(hidden_states, KEYWORDS,
        "hidden_states($self, /, input_ids, offsets, *, what, layers, rows, bounds)\n--\n\n"
        "A packed batch to float32 states [layers, bounds - 1, C].\n\n"
        "`what` is 'attention', 'mlp' or 'residual'. Result row i is the mean of the batch's\n"
        "rows `rows[bounds[i]:bounds[i + 1]]`."),
    METHOD(loss, KEYWORDS,
        "loss($self, /, input_ids, labels, offsets)\n--\n\n"
        "Mean loss and the number of supervised tokens."),
    METHOD(token_losses, KEYWORDS,
        "token_losses($self, /, input_ids, labels, offsets)\n--\n\n"
        "The loss of each supervised token, float32, in the order of the batch."),
    METHOD(forward_backward, KEYWORDS,
        "forward_backward($self, /, input_ids, labels, offsets, *, perturbation='none', rho=0.0, "
        "norm='chosen', variance=0.0, factor=0.0, layers=None, values=None, token_weights=None, "
        "reference=None, reference_weight=0.0, weight=1.0, seed=0, stream=0, draw=0, "
        "first_sequence=0, sequence_count=0)\n--\n\n"
        "Add weight * dloss/dadapter to the gradients; all gradients are zero after a failure.\n\n"
        "`perturbation` is 'none', 'worst' (rho, norm, layers), 'gaussian' (variance, layers),\n"
        "'given' (values) or 'scaled' (factor, layers): the last attention_gradients times\n"
        "`factor`. The result has the fields of VaccineStepReport and `perturbation_norms`, L\n"
        "floats. `sequence_count` sequences from `first_sequence` on are taken, 0 for all, with\n"
        "the masks and the noise that they have in the whole batch."),
    METHOD(backward_from, KEYWORDS,
        "backward_from($self, /, input_ids, labels, offsets, *, states=(), layers=None, "
        "gradients=None, logits=None, seed=None, stream=0, draw=0, first_sequence=0, "
        "sequence_count=0)\n--\n\n"
        "Add the gradient of a caller's loss, given at hidden states and at the logits of the\n"
        "supervised tokens; the norm of all gradients. `states` names what each of `gradients`,\n"
        "[N, T, C], belongs to. Without `seed` dropout is off."),
    METHOD(log_probabilities, KEYWORDS,
        "log_probabilities($self, /, input_ids, labels, offsets, rows)\n--\n\n"
        "Float32 [rows, V] at the supervised tokens, dropout off; `rows` is their number."),
    METHOD(attention_gradients, KEYWORDS,
        "attention_gradients($self, /, input_ids, labels, offsets, *, token_weights=None, "
        "reference=None, reference_weight=0.0, seed=0, stream=0, draw=0, first_sequence=0, "
        "sequence_count=0)\n--\n\n"
        "The loss, and the squared norm of its gradient at the attention output of every layer."),
    METHOD(attention_gradient_states, METH_NOARGS,
        "attention_gradient_states($self, /)\n--\n\n"
        "Float32 [L, T, C] of the last attention_gradients."),
    METHOD(zero_gradients, METH_NOARGS, "zero_gradients($self, /)\n--\n\nSet all gradients to 0."),
    METHOD(perturbations, METH_NOARGS,
        "perturbations($self, /)\n--\n\nFloat32 [L, T, C] of the last perturbed step."),
    METHOD(generate, KEYWORDS,
        "generate($self, /, input_ids, offsets, *, max_new_tokens, temperature, top_p, seed, "
        "first_prompt, end_tokens)\n--\n\n"
        "The new tokens of every prompt of a packed batch; an end token, if met, is the last."),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef model_properties[] = {
    {"configuration", (getter)model_configuration, NULL,
        PyDoc_STR("The dict that the model was made from."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(model_doc,
    "Model(configuration)\n--\n\n"
    "One decoder with its weights, its optional adapter and its gradients.\n\n"
    "`configuration` describes it by named values: numbers, strings, sequences of numbers. Every\n"
    "key that its blocks read has to be there, and no other. The weights start at zero.");

static PyType_Slot model_slots[] = {
    {Py_tp_doc, (void *)model_doc},
    {Py_tp_new, model_new},
    {Py_tp_traverse, traverse_type},
    {Py_tp_dealloc, model_dealloc},
    {Py_tp_methods, model_methods},
    {Py_tp_getset, model_properties},
    {0, NULL},
};

PyType_Spec model_spec = {
    .name = "vaccine_swift._core.Model",
    .basicsize = sizeof(ModelObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = model_slots,
};
