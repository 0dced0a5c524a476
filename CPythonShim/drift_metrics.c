// Metrics of the drift analyser's states: the core's table of them, and their values.

#include "drift.h"

#include <math.h>

#include "drift_call.h"

enum { ESTIMATE = 4 };
typedef enum Source { TABLE, VECTOR, PAIRED } Source;

static bool comes_from(const VaccineDriftMetric *metric, Source source) {
    return source == TABLE ? metric->table : source == VECTOR ? metric->vector : metric->paired;
}

// How many metrics a source gives.
static int64_t metrics_of(Source source) {
    int64_t count = 0;
    VaccineDriftMetric metric;
    for (int64_t i = 0; vaccine_drift_metric(i, &metric); i++) count += comes_from(&metric, source);
    return count;
}

static bool check_metric(int64_t number, Source source) {
    VaccineDriftMetric metric;
    if (vaccine_drift_metric(number, &metric) && comes_from(&metric, source)) return true;
    PyErr_Format(PyExc_ValueError, "metrics must be numbers of metrics that %s give, got %lld",
        source == TABLE ? "tables" : "second moments", (long long)number);
    return false;
}

static bool check_paired(const int64_t *metrics, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!check_metric(metrics[i], PAIRED)) return false;
    return true;
}

static int64_t table_size(int64_t prompts, int64_t layers) {
    return size_product(size_product(prompts, layers), vaccine_drift_sum_count());
}

// (name, label, unit, low, high or None, rows, sources)
static PyObject *described(const VaccineDriftMetric *metric) {
    static const char *const units[] = {"", "share", "radians", "states", "squared states"};
    PyObject *high = isnan(metric->high) ? Py_NewRef(Py_None) : PyFloat_FromDouble(metric->high);
    if (high == NULL) return NULL;
    return Py_BuildValue("sssdNLNNN", metric->name, metric->label, units[metric->unit], metric->low,
        high, (long long)metric->rows, PyBool_FromLong(metric->table),
        PyBool_FromLong(metric->vector), PyBool_FromLong(metric->paired));
}

static PyObject *drift_metrics(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    PyObject *list = PyList_New(0);
    VaccineDriftMetric metric;
    for (int64_t i = 0; list != NULL && vaccine_drift_metric(i, &metric); i++) {
        PyObject *each = described(&metric);
        if (each == NULL || PyList_Append(list, each) < 0) Py_CLEAR(list);
        Py_XDECREF(each);
    }
    return list;
}

static PyObject *drift_reasons(PyObject *module, PyObject *nothing) {
    (void)module;
    (void)nothing;
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list != NULL && vaccine_drift_reason(i) != NULL; i++) {
        PyObject *each = PyUnicode_FromString(vaccine_drift_reason(i));
        if (each == NULL || PyList_Append(list, each) < 0) Py_CLEAR(list);
        Py_XDECREF(each);
    }
    return list;
}

static PyObject *drift_table_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[9] = {NULL};
    Arrays arrays = {.count = 0};
    int64_t layers, width, draws;
    double confidence;
    uint64_t seed;
    if (!unpack(args, "drift_table_metrics", 8, 9, a) || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "width", 1, MOST, &width) || !size(a[4], "draws", 0, 1 << 20, &draws)
        || !argument_share(a[5], "confidence", &confidence)
        || !argument_uint64(a[6], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[1]);
    if (prompts < 0) return NULL;
    const double *table = array_read(&arrays, a[0], "table", 'd', table_size(prompts, layers));
    const uint64_t *keys = array_read(&arrays, a[1], "keys", 'L', prompts);
    double *estimates
        = array_write(&arrays, a[7], "estimates", 'd', (layers + 1) * metrics_of(TABLE) * ESTIMATE);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[8]);
    const VaccineStatus status = vaccine_drift_table_metrics(table, keys, prompts, layers, width,
        draws, confidence, seed, estimates, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_prompt_metric(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[6];
    Arrays arrays = {.count = 0};
    int64_t prompts, layers, width, metric;
    if (!unpack(args, "drift_prompt_metric", 6, 6, a)
        || !size(a[1], "prompts", 0, MOST_ROWS, &prompts) || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "width", 1, MOST, &width) || !size(a[4], "metric", 0, MOST, &metric)
        || !check_metric(metric, TABLE))
        return NULL;
    const double *table = array_read(&arrays, a[0], "table", 'd', table_size(prompts, layers));
    double *values = array_write(&arrays, a[5], "values", 'd', size_product(prompts, layers + 1));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    vaccine_drift_prompt_metric(table, prompts, layers, width, metric, values);
    return finish(&call, &arrays, VACCINE_OK);
}

static PyObject *drift_vector_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[5];
    Arrays arrays = {.count = 0};
    int64_t folds, width;
    double t;
    if (!unpack(args, "drift_vector_metrics", 5, 5, a) || !size(a[1], "folds", 1, MOST, &folds)
        || !size(a[2], "width", 1, MOST, &width) || !argument_double(a[3], "t", &t))
        return NULL;
    const double *states = array_read(
        &arrays, a[0], "states", 'd', size_product(folds, vaccine_drift_vector_count(width)));
    double *estimates = array_write(&arrays, a[4], "estimates", 'd', metrics_of(VECTOR) * ESTIMATE);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    const VaccineStatus status
        = vaccine_drift_vector_metrics(states, folds, width, t, estimates, &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_paired_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[11] = {NULL};
    Arrays arrays = {.count = 0};
    int64_t folds, width, rows = 0;
    double t;
    bool intervals;
    if (!unpack(args, "drift_paired_metrics", 10, 11, a) || !size(a[1], "folds", 1, MOST, &folds)
        || !size(a[2], "width", 1, MOST, &width) || !argument_double(a[4], "t", &t)
        || !argument_bool(a[5], "intervals", &intervals))
        return NULL;
    const int64_t wanted = PyObject_Length(a[3]);
    const int64_t sets = wanted >= 0 ? PyObject_Length(a[7]) : -1;
    const int64_t length = sets >= 0 ? PyObject_Length(a[9]) : -1, spectrum = length / 2;
    if (length < 0) return NULL;
    if (spectrum > width) {
        PyErr_SetString(PyExc_ValueError, "spectra must hold at most two times the width");
        return NULL;
    }
    const double *states = array_read(
        &arrays, a[0], "states", 'd', size_product(folds, vaccine_drift_paired_count(width)));
    const int64_t *metrics = array_copy(&arrays, a[3], "metrics", 'l', wanted);
    if (arrays.refused || !check_paired(metrics, wanted)) return failed(&arrays);
    const int64_t *set_rows = array_copy(&arrays, a[7], "set_rows", 'l', sets);
    for (int64_t i = 0; !arrays.refused && i < sets; i++) {
        if (set_rows[i] < 0 || set_rows[i] > MOST) {
            PyErr_SetString(PyExc_ValueError, "set_rows must be counts");
            return failed(&arrays);
        }
        rows += set_rows[i];
    }
    const double *directions
        = array_read(&arrays, a[6], "directions", 'd', size_product(rows, width));
    double *estimates = array_write(&arrays, a[8], "estimates", 'd', (wanted + sets) * ESTIMATE);
    double *spectra = array_write(&arrays, a[9], "spectra", 'd', 2 * spectrum);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[10]);
    const VaccineStatus status = vaccine_drift_paired_metrics(states, folds, width, metrics, wanted,
        t, intervals, directions, set_rows, sets, spectrum, estimates, spectra,
        call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_row_metrics(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[4];
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    if (!unpack(args, "drift_row_metrics", 4, 4, a)) return NULL;
    const int64_t wanted = PyObject_Length(a[2]);
    if (wanted < 0 || !array_embeddings(&arrays, a[0], "reference", &x)
        || !array_embeddings(&arrays, a[1], "current", &y))
        return failed(&arrays);
    if (x.rows != y.rows || x.width != y.width) {
        PyErr_SetString(PyExc_ValueError, "reference and current must have one shape");
        return failed(&arrays);
    }
    const int64_t *metrics = array_copy(&arrays, a[2], "metrics", 'l', wanted);
    for (int64_t i = 0; !arrays.refused && i < wanted; i++)
        if (!check_metric(metrics[i], TABLE)) return failed(&arrays);
    double *values = array_write(&arrays, a[3], "values", 'd', wanted);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin(&call);
    const VaccineStatus status = vaccine_drift_row_metrics(
        &x, &y, metrics, wanted, values, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

PyMethodDef drift_metric_functions[] = {
    {"drift_metrics", drift_metrics, METH_NOARGS, NULL},
    {"drift_reasons", drift_reasons, METH_NOARGS, NULL},
    FUNCTION(drift_row_metrics),
    FUNCTION(drift_table_metrics),
    FUNCTION(drift_prompt_metric),
    FUNCTION(drift_vector_metrics),
    FUNCTION(drift_paired_metrics),
    {NULL, NULL, 0, NULL},
};
