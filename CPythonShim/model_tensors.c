// Tensors of a model by kind and name.

#include <string.h>

#include "arguments.h"
#include "buffer.h"
#include "call.h"
#include "errors.h"
#include "inputs.h"
#include "mapped_file.h"
#include "model.h"

static const char *const kinds[] = {
    [VACCINE_WEIGHT] = "weight",
    [VACCINE_ADAPTER] = "adapter",
    [VACCINE_GRADIENT] = "gradient",
    [VACCINE_FROZEN] = "frozen",
    NULL,
};

static bool kind_argument(PyObject *value, VaccineTensorKind *kind) {
    int choice;
    if (!argument_choice(value, "kind", kinds, &choice)) return false;
    *kind = (VaccineTensorKind)choice;
    return true;
}

static PyObject *tensor_buffer(ModelObject *self, const VaccineTensorInfo *info) {
    const int64_t shape[] = {info->rows, info->columns};
    PyTypeObject *type = state_of((PyObject *)self)->buffer_type;
    return (PyObject *)buffer_new(type, 'f', info->columns > 0 ? 2 : 1, shape);
}

static bool info_at(
    ModelObject *self, VaccineTensorKind kind, int64_t index, VaccineTensorInfo *info) {
    VaccineMessage message;
    const VaccineStatus status
        = vaccine_model_tensor_info(self->handle, kind, index, info, &message);
    if (status != VACCINE_OK) raise_status(status, &message);
    return status == VACCINE_OK;
}

// (name, shape)
static PyObject *described(const VaccineTensorInfo *info) {
    const long long rows = info->rows, columns = info->columns;
    return columns > 0 ? Py_BuildValue("s(LL)", info->name, rows, columns)
                       : Py_BuildValue("s(L)", info->name, rows);
}

PyObject *tensor_list(ModelObject *self, VaccineTensorKind kind) {
    VaccineTensorInfo info;
    PyObject *list = PyList_New(0);
    const int64_t count = vaccine_model_tensor_count(self->handle, kind);
    for (int64_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = info_at(self, kind, i, &info) ? described(&info) : NULL;
        if (item == NULL || PyList_Append(list, item) < 0) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyObject *model_tensors(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kind", NULL};
    PyObject *value;
    VaccineTensorKind kind;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:tensors", names, &value)
        || !kind_argument(value, &kind) || !turn_take(&self->turn, "model"))
        return NULL;
    PyObject *list = tensor_list(self, kind);
    turn_give(&self->turn);
    return list;
}

// A copy of a tensor; `merged`: of a weight with what the adapters add.
static PyObject *copied(ModelObject *self, VaccineTensorKind kind, const char *name, bool merged) {
    VaccineTensorInfo info;
    if (!turn_take(&self->turn, "model")) return NULL;
    VaccineMessage message;
    const VaccineStatus found
        = vaccine_model_find_tensor(self->handle, kind, name, &info, &message);
    if (found != VACCINE_OK) raise_status(found, &message);
    PyObject *result = found == VACCINE_OK ? tensor_buffer(self, &info) : NULL;
    if (result != NULL) {
        BufferObject *buffer = (BufferObject *)result;
        Call call;
        call_begin(&call);
        const VaccineStatus status = merged
            ? vaccine_model_read_merged(
                  self->handle, name, buffer->values, buffer_count(buffer), &call.message)
            : vaccine_model_read_tensor(
                  self->handle, kind, name, buffer->values, buffer_count(buffer), &call.message);
        const bool own = kind == VACCINE_ADAPTER || kind == VACCINE_FROZEN;
        if (!call_end(&call, status) || !(own || model_is_whole(self))) Py_CLEAR(result);
    }
    turn_give(&self->turn);
    return result;
}

PyObject *model_read(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kind", "name", NULL};
    PyObject *kind_value, *name_value;
    VaccineTensorKind kind;
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO:read", names, &kind_value, &name_value)
        || !kind_argument(kind_value, &kind) || !argument_string(name_value, "name", &name))
        return NULL;
    return copied(self, kind, name, false);
}

PyObject *model_read_merged(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", NULL};
    PyObject *name_value;
    const char *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:read_merged", names, &name_value)
        || !argument_string(name_value, "name", &name))
        return NULL;
    return copied(self, VACCINE_WEIGHT, name, true);
}

PyObject *model_write(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"kind", "name", "values", NULL};
    PyObject *kind_value, *name_value, *array;
    VaccineTensorKind kind;
    const char *name;
    Input values = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO:write", names, &kind_value, &name_value, &array)
        || !kind_argument(kind_value, &kind) || !argument_string(name_value, "name", &name))
        return NULL;
    Call call;
    bool written = input_tensor(array, "values", &values) && model_begin(self, &call);
    if (written) {
        const VaccineStatus status = vaccine_model_write_tensor(
            self->handle, kind, name, values.values, values.rows, values.columns, &call.message);
        written = model_end(self, &call, status) && mapped_memory_is_whole(values.values);
    }
    input_release(&values);
    return none_if(written);
}

// The memory of a two-dimensional array of bytes, whose object lies in `held`; false with an
// exception. The view is released by the caller.
static bool block_rows(PyObject *held, Py_buffer *view, VaccineBlockTensor *tensor) {
    if (PyObject_GetBuffer(held, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError)) return false;
    } else if (view->ndim == 2 && view->itemsize == 1) {
        tensor->bytes = view->buf;
        tensor->rows = view->shape[0];
        tensor->row_bytes = view->shape[1];
        return true;
    } else {
        PyBuffer_Release(view);
    }
    PyErr_SetString(PyExc_ValueError, "blocks must be a contiguous 2-D array of uint8");
    return false;
}

// Keeps the memory, and whose file it is, as long as the model.
static bool keep(ModelObject *self, PyObject *memory, const void *address) {
    PyObject *file = mapped_file_of(address);
    const int known = file != NULL ? PySequence_Contains(self->files, file) : 1;
    return known >= 0 && (known || PyList_Append(self->files, file) == 0)
        && PyList_Append(self->lent, memory) == 0;
}

PyObject *model_lend(ModelObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", "kind", "blocks", "order", NULL};
    PyObject *name_value, *kind_value, *blocks, *order_value = Py_None;
    const char *name;
    VaccineBlockTensor tensor = {0};
    Input order = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO|O:lend", names, &name_value, &kind_value, &blocks, &order_value)
        || !argument_string(name_value, "name", &name)
        || !argument_string(kind_value, "kind", &tensor.format)
        || (order_value != Py_None && !input_integers(order_value, "order", &order)))
        return NULL;
    if (order_value != Py_None) tensor.order = input_as_integers(&order);
    PyObject *memory = PyObject_CheckBuffer(blocks) ? PyMemoryView_FromObject(blocks) : NULL;
    if (memory == NULL && !PyErr_Occurred()) raise_type("blocks", "a numpy array", blocks);
    Py_buffer view;
    const bool readable = memory != NULL && block_rows(memory, &view, &tensor);
    Call call;
    // Held before the core reads it.
    bool lent = readable && keep(self, memory, view.buf) && model_begin(self, &call);
    if (lent) {
        const VaccineStatus status = vaccine_model_lend_tensor(
            self->handle, name, tensor, call_interrupt(&call), &call.message);
        lent = model_end(self, &call, status);
    }
    if (readable) PyBuffer_Release(&view);
    Py_XDECREF(memory);
    input_release(&order);
    return none_if(lent);
}
