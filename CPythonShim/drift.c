// The drift analyser's functions: arrays in, arrays filled. Their callers are the package's own
// modules.

#include "drift.h"

#include "drift_call.h"

enum { TABLE_SUMS = 7, TABLE_METRICS = 7, VECTOR_METRICS = 3, PAIRED_METRICS = 19, ESTIMATE = 4 };

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
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOO:drift_table", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5],
            &a[6], &a[7], &a[8], &a[9], &a[10])
        || !size(a[5], "directions", 8, MOST, &directions) || !size(a[6], "folds", 1, MOST, &folds)
        || !argument_uint64(a[7], "seed", &seed))
        return NULL;
    if (directions % 8 != 0) {
        raise_expected(PyExc_ValueError, "directions", "a multiple of 8", a[5]);
        return NULL;
    }
    prompts = PyObject_Length(a[4]);
    if (prompts < 0 || !array_embeddings(&arrays, a[0], "reference", &x)
        || !array_embeddings(&arrays, a[1], "current", &y) || !same_shape(&x, &y))
        FAIL;
    const int64_t *order = array_read(&arrays, a[2], "order", 'l', x.rows);
    const int64_t *starts = order ? array_read(&arrays, a[3], "starts", 'l', prompts + 1) : NULL;
    const uint64_t *keys = starts ? array_read(&arrays, a[4], "keys", 'L', prompts) : NULL;
    if (keys == NULL || !check_order(order, starts, prompts, x.rows)) FAIL;
    double *sums = array_write(&arrays, a[8], "sums", 'd', prompts * TABLE_SUMS);
    float *sketches
        = sums ? array_write(&arrays, a[9], "sketches", 'f', prompts * 2 * directions) : NULL;
    double *moments = sketches
        ? array_write(&arrays, a[10], "moments", 'd', folds * vaccine_drift_vector_count(x.width))
        : NULL;
    if (moments == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_table(&x, &y, order, starts, keys, prompts,
        directions, folds, seed, sums, sketches, moments, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_paired(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[7];
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t folds, sketch;
    uint64_t seed;
    if (!PyArg_ParseTuple(
            args, "OOOOOOO:drift_paired", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &a[6])
        || !size(a[3], "folds", 1, MOST, &folds) || !size(a[4], "sketch", 0, MOST, &sketch)
        || !argument_uint64(a[5], "seed", &seed))
        return NULL;
    if (!array_embeddings(&arrays, a[0], "reference", &x)
        || !array_embeddings(&arrays, a[1], "current", &y) || !same_shape(&x, &y))
        FAIL;
    const uint64_t *keys = array_read(&arrays, a[2], "keys", 'L', x.rows);
    double *states = keys ? array_write(&arrays, a[6], "states", 'd',
                                folds * vaccine_drift_paired_count(sketch > 0 ? sketch : x.width))
                          : NULL;
    if (states == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_paired(
        &x, &y, keys, folds, sketch, seed, states, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *merge(PyObject *args, const char *format, int64_t (*state_count)(int64_t),
    void (*merge_states)(double *, const double *, int64_t, int64_t)) {
    PyObject *a[4];
    Arrays arrays = {.count = 0};
    int64_t count, width;
    if (!PyArg_ParseTuple(args, format, &a[0], &a[1], &a[2], &a[3])
        || !size(a[2], "count", 0, MOST_ROWS, &count) || !size(a[3], "width", 1, MOST, &width))
        return NULL;
    double *into = array_write(&arrays, a[0], "a", 'd', count * state_count(width));
    const double *from
        = into ? array_read(&arrays, a[1], "b", 'd', count * state_count(width)) : NULL;
    if (from == NULL) FAIL;
    Call call;
    call_begin(&call);
    merge_states(into, from, count, width);
    FINISH(VACCINE_OK);
}

static PyObject *drift_merge_vector(PyObject *module, PyObject *args) {
    (void)module;
    return merge(
        args, "OOOO:drift_merge_vector", vaccine_drift_vector_count, vaccine_drift_merge_vector);
}

static PyObject *drift_merge_paired(PyObject *module, PyObject *args) {
    (void)module;
    return merge(
        args, "OOOO:drift_merge_paired", vaccine_drift_paired_count, vaccine_drift_merge_paired);
}

static PyObject *drift_table_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[8];
    Arrays arrays = {.count = 0};
    int64_t layers, width, draws;
    double confidence;
    uint64_t seed;
    if (!PyArg_ParseTuple(args, "OOOOOOOO:drift_table_metrics", &a[0], &a[1], &a[2], &a[3], &a[4],
            &a[5], &a[6], &a[7])
        || !size(a[2], "layers", 1, MOST, &layers) || !size(a[3], "width", 1, MOST, &width)
        || !size(a[4], "draws", 0, 1 << 20, &draws)
        || !argument_double(a[5], "confidence", &confidence)
        || !argument_uint64(a[6], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[1]);
    if (prompts < 0) return NULL;
    const double *table = array_read(&arrays, a[0], "table", 'd', prompts * layers * TABLE_SUMS);
    const uint64_t *keys = table ? array_read(&arrays, a[1], "keys", 'L', prompts) : NULL;
    double *estimates = keys
        ? array_write(&arrays, a[7], "estimates", 'd', (layers + 1) * TABLE_METRICS * ESTIMATE)
        : NULL;
    if (estimates == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_table_metrics(table, keys, prompts, layers, width,
        draws, confidence, seed, estimates, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_vector_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[5];
    Arrays arrays = {.count = 0};
    int64_t folds, width;
    double t;
    if (!PyArg_ParseTuple(args, "OOOOO:drift_vector_metrics", &a[0], &a[1], &a[2], &a[3], &a[4])
        || !size(a[1], "folds", 1, MOST, &folds) || !size(a[2], "width", 1, MOST, &width)
        || !argument_double(a[3], "t", &t))
        return NULL;
    const double *states
        = array_read(&arrays, a[0], "states", 'd', folds * vaccine_drift_vector_count(width));
    double *estimates
        = states ? array_write(&arrays, a[4], "estimates", 'd', VECTOR_METRICS * ESTIMATE) : NULL;
    if (estimates == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status
        = vaccine_drift_vector_metrics(states, folds, width, t, estimates, &call.message);
    FINISH(status);
}

static PyObject *drift_paired_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[9];
    Arrays arrays = {.count = 0};
    int64_t folds, width, spectrum, rows = 0;
    double t;
    bool intervals;
    if (!PyArg_ParseTuple(args, "OOOOOOOOO:drift_paired_metrics", &a[0], &a[1], &a[2], &a[3], &a[4],
            &a[5], &a[6], &a[7], &a[8])
        || !size(a[1], "folds", 1, MOST, &folds) || !size(a[2], "width", 1, MOST, &width)
        || !argument_double(a[3], "t", &t) || !argument_bool(a[4], "intervals", &intervals))
        return NULL;
    const int64_t sets = PyObject_Length(a[6]);
    const double *states = sets < 0
        ? NULL
        : array_read(&arrays, a[0], "states", 'd', folds * vaccine_drift_paired_count(width));
    const int64_t *set_rows = states ? array_read(&arrays, a[6], "set_rows", 'l', sets) : NULL;
    for (int64_t i = 0; set_rows != NULL && i < sets; i++) {
        if (set_rows[i] < 0 || set_rows[i] > MOST) {
            PyErr_SetString(PyExc_ValueError, "set_rows must be counts");
            FAIL;
        }
        rows += set_rows[i];
    }
    const double *directions
        = set_rows ? array_read(&arrays, a[5], "directions", 'd', rows * width) : NULL;
    double *estimates = directions
        ? array_write(&arrays, a[7], "estimates", 'd', (PAIRED_METRICS + sets) * ESTIMATE)
        : NULL;
    spectrum = estimates ? PyObject_Length(a[8]) : -1;
    if (spectrum < 0) FAIL;
    spectrum /= 2;
    double *spectra = array_write(&arrays, a[8], "spectra", 'd', 2 * spectrum);
    if (spectra == NULL) FAIL;
    if (spectrum > width) {
        PyErr_SetString(PyExc_ValueError, "spectra must hold at most two times the width");
        FAIL;
    }
    Call call;
    call_begin(&call);
    const VaccineStatus status
        = vaccine_drift_paired_metrics(states, folds, width, t, intervals, directions, set_rows,
            sets, spectrum, estimates, spectra, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_sign_flips(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[7];
    Arrays arrays = {.count = 0};
    int64_t layers, directions, draws;
    uint64_t seed;
    if (!PyArg_ParseTuple(
            args, "OOOOOOO:drift_sign_flips", &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &a[6])
        || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "directions", 1, MOST, &directions)
        || !size(a[4], "draws", 0, 1 << 20, &draws) || !argument_uint64(a[5], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[1]);
    if (prompts < 0) return NULL;
    const float *deltas = array_read(&arrays, a[0], "deltas", 'f', prompts * layers * directions);
    const uint64_t *keys = deltas ? array_read(&arrays, a[1], "keys", 'L', prompts) : NULL;
    double *norms
        = keys ? array_write(&arrays, a[6], "norms", 'd', (draws + 1) * (layers + 1)) : NULL;
    if (norms == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_sign_flips(deltas, keys, prompts, layers, directions,
        draws, seed, norms, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_contrast(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[9];
    Arrays arrays = {.count = 0};
    int64_t measures, draws;
    double confidence;
    uint64_t seed;
    if (!PyArg_ParseTuple(args, "OOOOOOOOO:drift_contrast", &a[0], &a[1], &a[2], &a[3], &a[4],
            &a[5], &a[6], &a[7], &a[8])
        || !size(a[3], "measures", 1, MOST, &measures) || !size(a[4], "draws", 0, 1 << 20, &draws)
        || !argument_double(a[5], "confidence", &confidence)
        || !argument_uint64(a[6], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[2]);
    if (prompts < 0) return NULL;
    const double *values = array_read(&arrays, a[0], "values", 'd', prompts * measures);
    const uint8_t *first = values ? array_read(&arrays, a[1], "first", 'B', prompts) : NULL;
    const uint64_t *keys = first ? array_read(&arrays, a[2], "keys", 'L', prompts) : NULL;
    double *statistics
        = keys ? array_write(&arrays, a[7], "statistics", 'd', (draws + 1) * measures) : NULL;
    double *bounds = statistics ? array_write(&arrays, a[8], "bounds", 'd', measures * 2) : NULL;
    if (bounds == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_contrast(values, first, keys, prompts, measures,
        draws, confidence, seed, statistics, bounds, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_layer_map(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[5];
    Arrays arrays = {.count = 0};
    int64_t prompts, layers, directions;
    if (!PyArg_ParseTuple(args, "OOOOO:drift_layer_map", &a[0], &a[1], &a[2], &a[3], &a[4])
        || !size(a[1], "prompts", 0, MOST_ROWS, &prompts) || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "directions", 1, MOST, &directions))
        return NULL;
    const float *sketches
        = array_read(&arrays, a[0], "sketches", 'f', prompts * layers * 2 * directions);
    double *map = sketches ? array_write(&arrays, a[4], "map", 'd', layers * layers) : NULL;
    if (map == NULL) FAIL;
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_layer_map(
        sketches, prompts, layers, directions, map, call_interrupt(&call), &call.message);
    FINISH(status);
}

static PyObject *drift_state_counts(PyObject *module, PyObject *value) {
    (void)module;
    int64_t width;
    if (!size(value, "width", 1, MOST, &width)) return NULL;
    return Py_BuildValue("LL", (long long)vaccine_drift_vector_count(width),
        (long long)vaccine_drift_paired_count(width));
}

PyMethodDef drift_functions[] = {
    FUNCTION(drift_table),
    FUNCTION(drift_paired),
    FUNCTION(drift_merge_vector),
    FUNCTION(drift_merge_paired),
    FUNCTION(drift_table_metrics),
    FUNCTION(drift_vector_metrics),
    FUNCTION(drift_paired_metrics),
    FUNCTION(drift_sign_flips),
    FUNCTION(drift_contrast),
    FUNCTION(drift_layer_map),
    {"drift_state_counts", drift_state_counts, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
