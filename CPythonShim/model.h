// The parts of the Model type.

#ifndef VACCINE_SHIM_MODEL_H
#define VACCINE_SHIM_MODEL_H

#include <Python.h>
#include <stdbool.h>

#include "call.h"
#include "types.h"

// model_tensors.c
// List of (name, shape); the caller has the turn.
PyObject *tensor_list(ModelObject *self, VaccineTensorKind kind);
PyObject *model_tensors(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_read(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_read_merged(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_write(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_lend(ModelObject *self, PyObject *args, PyObject *keywords);

// model_adapter.c
PyObject *model_add_adapter(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_set_frozen(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_merge_adapter(ModelObject *self, PyObject *unused);

// model_compute.c
// Words for VaccineHiddenState, ended by NULL.
extern const char *const hidden_state_names[];
PyObject *model_logits(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_hidden_states(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_loss(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_token_losses(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_log_probabilities(ModelObject *self, PyObject *args, PyObject *keywords);

// model_generate.c
PyObject *model_generate(ModelObject *self, PyObject *args, PyObject *keywords);

// model_training.c
PyObject *model_forward_backward(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_backward_from(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_attention_gradients(ModelObject *self, PyObject *args, PyObject *keywords);
PyObject *model_perturbations(ModelObject *self, PyObject *unused);
PyObject *model_attention_gradient_states(ModelObject *self, PyObject *unused);

// Borrowed; NULL with TypeError for anything but a Model.
ModelObject *model_argument(const ModuleState *state, PyObject *value);

// A call of the core on the model's handle: the turn taken and the GIL released, then both undone.
// `model_begin` raises what `turn_take` does, `model_end` what `call_end` does, and both what
// `model_is_whole` does.
bool model_begin(ModelObject *self, Call *call);
bool model_end(ModelObject *self, Call *call, VaccineStatus status);

// False with OSError if a file that weights are read from was cut short. Of what the model computes
// nothing is given out then, but its adapter is as it was.
bool model_is_whole(const ModelObject *self);

#endif
