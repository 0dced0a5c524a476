// Two-sample functions of the drift analyser.

#include "drift.h"
#include "drift_call.h"

static bool two_sets(
    Arrays *arrays, PyObject *a, PyObject *b, VaccineEmbeddings *x, VaccineEmbeddings *y) {
    if (!array_embeddings(arrays, a, "x", x) || !array_embeddings(arrays, b, "y", y)) return false;
    if (x->width == y->width) return true;
    PyErr_SetString(PyExc_ValueError, "x and y must have one width");
    return false;
}

static PyObject *drift_two_sample(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[14] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    VaccineTwoSample options = {.groups = NULL};
    int64_t relabelling;
    if (!unpack(args, "drift_two_sample", 13, 14, a)
        || !size(a[3], "relabelling", 0, 2, &relabelling)
        || !size(a[5], "draws", 0, 1 << 20, &options.draws)
        || !argument_bool(a[6], "unbiased", &options.unbiased)
        || !argument_bool(a[7], "paired", &options.paired)
        || !argument_uint64(a[8], "seed", &options.seed)
        || !size(a[9], "memory", 0, INT64_MAX, &options.memory))
        return NULL;
    options.relabelling = (VaccineRelabelling)relabelling;
    options.bandwidth_count = PyObject_Length(a[4]);
    if (options.bandwidth_count < 0 || !array_embeddings(&arrays, a[0], "x", &x)
        || !array_embeddings(&arrays, a[1], "y", &y))
        return failed(&arrays);
    if (x.width != y.width || (options.paired && x.rows != y.rows)) {
        PyErr_SetString(PyExc_ValueError, "x and y must have one width, and pairs one count");
        return failed(&arrays);
    }
    const int64_t rows = x.rows + y.rows;
    const int64_t kernels = options.bandwidth_count > 0 ? options.bandwidth_count : 1;
    if (relabelling != VACCINE_RELABEL_ROWS) {
        options.groups = array_copy(&arrays, a[2], "groups", 'l', rows);
        if (arrays.refused) return failed(&arrays);
        for (int64_t i = 0; i < rows; i++) {
            if (options.groups[i] < 0 || options.groups[i] >= rows) {
                PyErr_SetString(PyExc_ValueError, "groups must be numbered from 0");
                return failed(&arrays);
            }
        }
    }
    options.bandwidths = array_copy(&arrays, a[4], "bandwidths", 'd', options.bandwidth_count);
    if (arrays.refused) return failed(&arrays);
    double *statistics
        = array_write(&arrays, a[10], "statistics", 'd', size_product(kernels, options.draws + 1));
    double *means = array_write(&arrays, a[11], "means", 'd', size_product(kernels, 3));
    double *used = array_write(&arrays, a[12], "used", 'd', options.bandwidth_count);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[13]);
    const VaccineStatus status = vaccine_drift_two_sample(
        &x, &y, &options, statistics, means, used, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_kolmogorov_smirnov(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[5] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    if (!unpack(args, "drift_kolmogorov_smirnov", 4, 5, a)) return NULL;
    if (!two_sets(&arrays, a[0], a[1], &x, &y)) return failed(&arrays);
    double *statistics = array_write(&arrays, a[2], "statistics", 'd', x.width);
    double *p_values = array_write(&arrays, a[3], "p_values", 'd', x.width);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[4]);
    const VaccineStatus status = vaccine_drift_kolmogorov_smirnov(
        &x, &y, statistics, p_values, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_sliced_wasserstein(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[7] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t projections, p;
    uint64_t seed;
    if (!unpack(args, "drift_sliced_wasserstein", 6, 7, a)
        || !size(a[2], "projections", 1, 1 << 20, &projections) || !size(a[3], "p", 1, 2, &p)
        || !argument_uint64(a[4], "seed", &seed))
        return NULL;
    if (!two_sets(&arrays, a[0], a[1], &x, &y)) return failed(&arrays);
    double *powers = array_write(&arrays, a[5], "powers", 'd', projections);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[6]);
    const VaccineStatus status = vaccine_drift_sliced_wasserstein(
        &x, &y, projections, p, seed, powers, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_neighbour_overlap(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[5] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t k;
    if (!unpack(args, "drift_neighbour_overlap", 4, 5, a) || !size(a[2], "k", 1, MOST_ROWS, &k))
        return NULL;
    if (!two_sets(&arrays, a[0], a[1], &x, &y)) return failed(&arrays);
    if (x.rows != y.rows || k >= x.rows) {
        PyErr_SetString(PyExc_ValueError, "x and y must have one count of rows, above k");
        return failed(&arrays);
    }
    double *shares = array_write(&arrays, a[3], "shares", 'd', x.rows);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[4]);
    const VaccineStatus status
        = vaccine_drift_neighbour_overlap(&x, &y, k, shares, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_classifier_scores(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[6] = {NULL};
    Arrays arrays = {.count = 0};
    VaccineEmbeddings x, y;
    int64_t count;
    if (!unpack(args, "drift_classifier_scores", 5, 6, a) || !size(a[3], "count", 2, MOST, &count))
        return NULL;
    if (!two_sets(&arrays, a[0], a[1], &x, &y)) return failed(&arrays);
    const int64_t *folds = array_read(&arrays, a[2], "folds", 'l', x.rows + y.rows);
    double *scores = array_write(&arrays, a[4], "scores", 'd', x.rows + y.rows);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[5]);
    const VaccineStatus status = vaccine_drift_classifier_scores(
        &x, &y, folds, count, scores, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

PyMethodDef two_sample_functions[] = {
    FUNCTION(drift_two_sample),
    FUNCTION(drift_kolmogorov_smirnov),
    FUNCTION(drift_sliced_wasserstein),
    FUNCTION(drift_neighbour_overlap),
    FUNCTION(drift_classifier_scores),
    {NULL, NULL, 0, NULL},
};
