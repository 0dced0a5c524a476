// What the drift analyser keeps of embeddings: states, made and merged. Arrays in, arrays filled;
// the callers are the package's own modules.

#include "drift.h"

#include "drift_call.h"

static bool same_shape(const VaccineEmbeddings *reference, const VaccineEmbeddings *current) {
    if (reference->rows == current->rows && reference->width == current->width) return true;
    PyErr_Format(PyExc_ValueError,
        "reference and current must have one shape, got [%lld, %lld] and [%lld, %lld]",
        (long long)reference->rows, (long long)reference->width, (long long)current->rows,
        (long long)current->width);
    return false;
}

// Indices that address the rows: every entry of `order` a row, `starts` ascending from 0 to the
// end, a row or more for every prompt.
static bool check_order(
    const int64_t *order, const int64_t *starts, int64_t prompts, int64_t rows) {
    bool fine = starts[0] == 0 && starts[prompts] == rows;
    for (int64_t i = 0; fine && i < prompts; i++) fine = starts[i] < starts[i + 1];
    for (int64_t i = 0; fine && i < rows; i++) fine = order[i] >= 0 && order[i] < rows;
    if (!fine) PyErr_SetString(PyExc_ValueError, "order and starts must divide the rows");
    return fine;
}

static PyObject *drift_table(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[11];
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t prompts, directions, folds;
    uint64_t seed;
    if (!unpack(args, "drift_table", 11, 11, a) || !size(a[5], "directions", 8, MOST, &directions)
        || !size(a[6], "folds", 1, MOST, &folds) || !argument_uint64(a[7], "seed", &seed))
        return NULL;
    if (directions % 8 != 0) {
        raise_expected(PyExc_ValueError, "directions", "a multiple of 8", a[5]);
        return NULL;
    }
    prompts = PyObject_Length(a[4]);
    if (prompts < 0 || !array_embeddings(&arrays, a[0], "reference", &x)
        || !array_embeddings(&arrays, a[1], "current", &y) || !same_shape(&x, &y))
        return failed(&arrays);
    const int64_t *order = array_copy(&arrays, a[2], "order", 'l', x.rows);
    const int64_t *starts = array_copy(&arrays, a[3], "starts", 'l', prompts + 1);
    const uint64_t *keys = array_read(&arrays, a[4], "keys", 'L', prompts);
    if (arrays.refused || !check_order(order, starts, prompts, x.rows)) return failed(&arrays);
    double *sums
        = array_write(&arrays, a[8], "sums", 'd', size_product(prompts, vaccine_drift_sum_count()));
    float *sketches
        = array_write(&arrays, a[9], "sketches", 'f', size_product(prompts, 2 * directions));
    double *moments = array_write(
        &arrays, a[10], "moments", 'd', size_product(folds, vaccine_drift_vector_count(x.width)));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_table(&x, &y, order, starts, keys, prompts,
        directions, folds, seed, sums, sketches, moments, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_paired(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[8] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t folds, sketch;
    uint64_t seed;
    if (!unpack(args, "drift_paired", 7, 8, a) || !size(a[3], "folds", 1, MOST, &folds)
        || !size(a[4], "sketch", 0, MOST, &sketch) || !argument_uint64(a[5], "seed", &seed))
        return NULL;
    if (!array_embeddings(&arrays, a[0], "reference", &x)
        || !array_embeddings(&arrays, a[1], "current", &y) || !same_shape(&x, &y))
        return failed(&arrays);
    const uint64_t *keys = array_read(&arrays, a[2], "keys", 'L', x.rows);
    double *states = array_write(&arrays, a[6], "states", 'd',
        size_product(folds, vaccine_drift_paired_count(sketch > 0 ? sketch : x.width)));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[7]);
    const VaccineStatus status = vaccine_drift_paired(
        &x, &y, keys, folds, sketch, seed, states, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

// Rows of one set, or of two of one width where the second is not None.
static bool one_or_two_sets(Arrays *arrays, PyObject *a, PyObject *b, VaccineEmbeddings *x,
    VaccineEmbeddings *y, const VaccineEmbeddings **second) {
    *second = b == Py_None ? NULL : y;
    if (!array_embeddings(arrays, a, "x", x)
        || (*second != NULL && !array_embeddings(arrays, b, "y", y)))
        return false;
    if (*second == NULL || x->width == y->width) return true;
    PyErr_SetString(PyExc_ValueError, "x and y must have one width");
    return false;
}

static PyObject *drift_unpaired(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[4] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    const VaccineEmbeddings *second;
    if (!unpack(args, "drift_unpaired", 3, 4, a)) return NULL;
    if (!one_or_two_sets(&arrays, a[0], a[1], &x, &y, &second)) return failed(&arrays);
    double *state = array_write(&arrays, a[2], "state", 'd', vaccine_drift_paired_count(x.width));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[3]);
    const VaccineStatus status
        = vaccine_drift_unpaired(&x, second, state, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_span(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[4] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    const VaccineEmbeddings *second;
    if (!unpack(args, "drift_span", 3, 4, a)) return NULL;
    if (!one_or_two_sets(&arrays, a[0], a[1], &x, &y, &second)) return failed(&arrays);
    const int64_t rows = x.rows + (second != NULL ? y.rows : 0);
    if (rows > MOST) {
        PyErr_Format(PyExc_ValueError, "x and y must have at most %lld rows, got %lld",
            (long long)MOST, (long long)rows);
        return failed(&arrays);
    }
    double *coordinates = array_write(&arrays, a[2], "coordinates", 'd', size_product(rows, rows));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[3]);
    const VaccineStatus status
        = vaccine_drift_span(&x, second, coordinates, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

typedef VaccineStatus (*Merge)(double *, const double *, int64_t, int64_t, VaccineMessage *);

static PyObject *merge(
    PyObject *args, const char *name, int64_t (*state_count)(int64_t), Merge merge_states) {
    PyObject *a[4];
    Arrays arrays = {.count = 0};
    int64_t count, width;
    if (!unpack(args, name, 4, 4, a) || !size(a[2], "count", 0, MOST_ROWS, &count)
        || !size(a[3], "width", 1, MOST, &width))
        return NULL;
    const int64_t numbers = size_product(count, state_count(width));
    double *into = array_write(&arrays, a[0], "a", 'd', numbers);
    const double *from = array_read(&arrays, a[1], "b", 'd', numbers);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    const VaccineStatus status = merge_states(into, from, count, width, &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_merge_vector(PyObject *module, PyObject *args) {
    (void)module;
    return merge(
        args, "drift_merge_vector", vaccine_drift_vector_count, vaccine_drift_merge_vector);
}

static PyObject *drift_merge_paired(PyObject *module, PyObject *args) {
    (void)module;
    return merge(
        args, "drift_merge_paired", vaccine_drift_paired_count, vaccine_drift_merge_paired);
}

typedef VaccineStatus (*Folds)(const double *, int64_t, int64_t, int64_t *, VaccineMessage *);

static PyObject *used_folds(
    PyObject *args, const char *name, int64_t (*state_count)(int64_t), Folds folds_of) {
    PyObject *a[3];
    Arrays arrays = {.count = 0};
    int64_t folds, width, used = 0;
    if (!unpack(args, name, 3, 3, a) || !size(a[1], "folds", 1, MOST, &folds)
        || !size(a[2], "width", 1, MOST, &width))
        return NULL;
    const double *states
        = array_read(&arrays, a[0], "states", 'd', size_product(folds, state_count(width)));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    const VaccineStatus status = folds_of(states, folds, width, &used, &call.message);
    const bool done = call_end(&call, status);
    arrays_release(&arrays);
    return done ? PyLong_FromLongLong(used) : NULL;
}

static PyObject *drift_vector_folds(PyObject *module, PyObject *args) {
    (void)module;
    return used_folds(
        args, "drift_vector_folds", vaccine_drift_vector_count, vaccine_drift_vector_folds);
}

static PyObject *drift_paired_folds(PyObject *module, PyObject *args) {
    (void)module;
    return used_folds(
        args, "drift_paired_folds", vaccine_drift_paired_count, vaccine_drift_paired_folds);
}

static PyObject *drift_state_counts(PyObject *module, PyObject *value) {
    (void)module;
    int64_t width;
    if (!size(value, "width", 1, MOST, &width)) return NULL;
    return Py_BuildValue("LLL", (long long)vaccine_drift_vector_count(width),
        (long long)vaccine_drift_paired_count(width), (long long)vaccine_drift_sum_count());
}

PyMethodDef drift_state_functions[] = {
    FUNCTION(drift_table),
    FUNCTION(drift_paired),
    FUNCTION(drift_unpaired),
    FUNCTION(drift_span),
    FUNCTION(drift_merge_vector),
    FUNCTION(drift_merge_paired),
    FUNCTION(drift_vector_folds),
    FUNCTION(drift_paired_folds),
    {"drift_state_counts", drift_state_counts, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
