// Flat vectors of a model; each call takes the model's turn.

#include "arguments.h"
#include "buffer.h"
#include "call.h"
#include "inputs.h"
#include "model.h"
#include "types.h"

static const char *const sources[] = {
    [VACCINE_VECTOR_ADAPTER] = "adapter",
    [VACCINE_VECTOR_GRADIENT] = "gradient",
    [VACCINE_VECTOR_ZEROS] = "zeros",
    NULL,
};

// MARK: - Life

static PyObject *vector_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"model", "source", NULL};
    PyObject *model_value, *source_value;
    int source;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OO:Vector", names, &model_value, &source_value)
        || !argument_choice(source_value, "source", sources, &source))
        return NULL;
    ModelObject *model = model_argument(PyType_GetModuleState(type), model_value);
    VaccineVector *handle = NULL;
    Call call;
    if (model == NULL || !model_begin(model, &call)) return NULL;
    const VaccineStatus status
        = vaccine_vector_create(model->handle, (VaccineVectorSource)source, &handle, &call.message);
    if (!model_end(model, &call, status)) return NULL;
    // Whole before the collector, and through it another thread, can see it.
    VectorObject *self = (VectorObject *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        vaccine_vector_destroy(handle);
        return NULL;
    }
    self->handle = handle;
    self->model = (ModelObject *)Py_NewRef((PyObject *)model);
    return (PyObject *)self;
}

static int vector_traverse(VectorObject *self, visitproc visit, void *arg) {
    Py_VISIT((PyObject *)self->model);
    return traverse_type((PyObject *)self, visit, arg);
}

static void vector_dealloc(VectorObject *self) {
    PyObject_GC_UnTrack(self);
    vaccine_vector_destroy(self->handle);
    Py_XDECREF((PyObject *)self->model);
    free_object((PyObject *)self);
}

// Borrowed; NULL with an exception for anything but a vector of the same model.
static VectorObject *companion(VectorObject *self, PyObject *value, const char *name) {
    if (!PyObject_TypeCheck(value, state_of((PyObject *)self)->vector_type)) {
        raise_type(name, "a Vector", value);
        return NULL;
    }
    VectorObject *other = (VectorObject *)value;
    if (other->model == self->model) return other;
    PyErr_Format(PyExc_ValueError, "%s must be a vector of the same model", name);
    return NULL;
}

// MARK: - Arithmetic

static PyObject *vector_copy(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"other", NULL};
    PyObject *value;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:copy", names, &value)) return NULL;
    VectorObject *other = companion(self, value, "other");
    Call call;
    if (other == NULL || !model_begin(self->model, &call)) return NULL;
    const VaccineStatus status = vaccine_vector_copy(self->handle, other->handle, &call.message);
    return none_if(model_end(self->model, &call, status));
}

static PyObject *vector_axpy(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"alpha", "other", NULL};
    PyObject *alpha_value, *value;
    double alpha;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO:axpy", names, &alpha_value, &value)
        || !argument_double(alpha_value, "alpha", &alpha))
        return NULL;
    VectorObject *other = companion(self, value, "other");
    Call call;
    if (other == NULL || !model_begin(self->model, &call)) return NULL;
    const VaccineStatus status
        = vaccine_vector_axpy(self->handle, alpha, other->handle, &call.message);
    return none_if(model_end(self->model, &call, status));
}

static PyObject *vector_add_product(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"alpha", "a", "b", NULL};
    PyObject *alpha_value, *first, *second;
    double alpha;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOO:add_product", names, &alpha_value, &first, &second)
        || !argument_double(alpha_value, "alpha", &alpha))
        return NULL;
    VectorObject *a = companion(self, first, "a");
    VectorObject *b = a == NULL ? NULL : companion(self, second, "b");
    Call call;
    if (b == NULL || !model_begin(self->model, &call)) return NULL;
    const VaccineStatus status
        = vaccine_vector_add_product(self->handle, alpha, a->handle, b->handle, &call.message);
    return none_if(model_end(self->model, &call, status));
}

static PyObject *vector_scale(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"alpha", NULL};
    PyObject *alpha_value;
    double alpha;
    Call call;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:scale", names, &alpha_value)
        || !argument_double(alpha_value, "alpha", &alpha) || !model_begin(self->model, &call))
        return NULL;
    const VaccineStatus status = vaccine_vector_scale(self->handle, alpha, &call.message);
    return none_if(model_end(self->model, &call, status));
}

static PyObject *vector_dot(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"other", NULL};
    PyObject *value;
    double result;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:dot", names, &value)) return NULL;
    VectorObject *other = companion(self, value, "other");
    Call call;
    if (other == NULL || !model_begin(self->model, &call)) return NULL;
    const VaccineStatus status
        = vaccine_vector_dot(self->handle, other->handle, &result, &call.message);
    return model_end(self->model, &call, status) ? PyFloat_FromDouble(result) : NULL;
}

// MARK: - Elements

static PyObject *vector_read(VectorObject *self, PyObject *unused) {
    (void)unused;
    ModelObject *model = self->model;
    int64_t count;
    Call call;
    if (!turn_take(&model->turn, "model")) return NULL;
    call_begin(&call);
    VaccineStatus status = vaccine_vector_count(self->handle, &count, &call.message);
    BufferObject *output = NULL;
    if (call_end(&call, status))
        output = buffer_new(state_of((PyObject *)self)->buffer_type, 'f', 1, &count);
    if (output != NULL) {
        call_begin(&call);
        status = vaccine_vector_read(
            self->handle, output->values, buffer_count(output), &call.message);
        if (!call_end(&call, status)) Py_CLEAR(output);
    }
    turn_give(&model->turn);
    return (PyObject *)output;
}

static PyObject *vector_write(VectorObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"values", NULL};
    PyObject *array;
    Input values = {0};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:write", names, &array)) return NULL;
    Call call;
    bool written = input_floats(array, "values", 1, 1, &values) && model_begin(self->model, &call);
    if (written) {
        const VaccineStatus status
            = vaccine_vector_write(self->handle, values.values, values.count, &call.message);
        written = model_end(self->model, &call, status);
    }
    input_release(&values);
    return none_if(written);
}

// MARK: - Type

#define METHOD(name, flags, doc) {#name, KEYWORD_METHOD(vector_##name), flags, PyDoc_STR(doc)}
#define KEYWORDS (METH_VARARGS | METH_KEYWORDS)

static PyMethodDef vector_methods[] = {
    METHOD(copy, KEYWORDS, "copy($self, /, other)\n--\n\nTake the elements of another vector."),
    METHOD(axpy, KEYWORDS, "axpy($self, /, alpha, other)\n--\n\nAdd alpha * other."),
    METHOD(add_product, KEYWORDS,
        "add_product($self, /, alpha, a, b)\n--\n\nAdd alpha * a * b, element by element."),
    METHOD(scale, KEYWORDS, "scale($self, /, alpha)\n--\n\nMultiply by alpha."),
    METHOD(dot, KEYWORDS, "dot($self, /, other)\n--\n\nThe inner product, in double precision."),
    METHOD(read, METH_NOARGS, "read($self, /)\n--\n\nA copy of the elements, float32."),
    METHOD(write, KEYWORDS, "write($self, /, values)\n--\n\nReplace all elements; finite."),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(vector_doc,
    "Vector(model, source)\n--\n\n"
    "The 'adapter' or the 'gradient' of a model, or 'zeros' of their shape, as one vector.");

static PyType_Slot vector_slots[] = {
    {Py_tp_doc, (void *)vector_doc},
    {Py_tp_new, vector_new},
    {Py_tp_traverse, vector_traverse},
    {Py_tp_dealloc, vector_dealloc},
    {Py_tp_methods, vector_methods},
    {0, NULL},
};

PyType_Spec vector_spec = {
    .name = "vaccine_swift._core.Vector",
    .basicsize = sizeof(VectorObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = vector_slots,
};
