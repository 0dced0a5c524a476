// Tests and the layer map of the drift analyser.

#include "drift.h"

#include "drift_call.h"

static PyObject *drift_sign_flips(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[8] = {NULL};
    Arrays arrays = {.count = 0};
    int64_t layers, directions, draws;
    uint64_t seed;
    if (!unpack(args, "drift_sign_flips", 7, 8, a) || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "directions", 1, MOST, &directions)
        || !size(a[4], "draws", 0, 1 << 20, &draws) || !argument_uint64(a[5], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[1]);
    if (prompts < 0) return NULL;
    const float *deltas
        = array_read(&arrays, a[0], "deltas", 'f', size_product(prompts, layers * directions));
    const uint64_t *keys = array_read(&arrays, a[1], "keys", 'L', prompts);
    double *norms = array_write(&arrays, a[6], "norms", 'd', size_product(draws + 1, layers + 1));
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[7]);
    const VaccineStatus status = vaccine_drift_sign_flips(deltas, keys, prompts, layers, directions,
        draws, seed, norms, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_contrast(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[10] = {NULL};
    Arrays arrays = {.count = 0};
    int64_t measures, draws;
    double confidence;
    uint64_t seed;
    if (!unpack(args, "drift_contrast", 9, 10, a) || !size(a[3], "measures", 1, MOST, &measures)
        || !size(a[4], "draws", 0, 1 << 20, &draws)
        || !argument_share(a[5], "confidence", &confidence)
        || !argument_uint64(a[6], "seed", &seed))
        return NULL;
    const int64_t prompts = PyObject_Length(a[2]);
    if (prompts < 0) return NULL;
    const double *values
        = array_read(&arrays, a[0], "values", 'd', size_product(prompts, measures));
    const uint8_t *first = array_read(&arrays, a[1], "first", 'B', prompts);
    const uint64_t *keys = array_read(&arrays, a[2], "keys", 'L', prompts);
    double *statistics
        = array_write(&arrays, a[7], "statistics", 'd', size_product(draws + 1, measures));
    double *bounds = array_write(&arrays, a[8], "bounds", 'd', measures * 2);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[9]);
    const VaccineStatus status = vaccine_drift_contrast(values, first, keys, prompts, measures,
        draws, confidence, seed, statistics, bounds, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

static PyObject *drift_layer_map(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *a[6] = {NULL};
    Arrays arrays = {.count = 0};
    int64_t prompts, layers, directions;
    if (!unpack(args, "drift_layer_map", 5, 6, a) || !size(a[1], "prompts", 0, MOST_ROWS, &prompts)
        || !size(a[2], "layers", 1, MOST, &layers)
        || !size(a[3], "directions", 1, MOST, &directions))
        return NULL;
    const float *sketches = array_read(&arrays, a[0], "sketches", 'f',
        size_product(prompts, size_product(layers, 2 * directions)));
    double *map = array_write(&arrays, a[4], "map", 'd', layers * layers);
    if (arrays.refused) return failed(&arrays);
    Call call;
    call_begin_told(&call, a[5]);
    const VaccineStatus status = vaccine_drift_layer_map(
        sketches, prompts, layers, directions, map, call_interrupt(&call), &call.message);
    return finish(&call, &arrays, status);
}

PyMethodDef drift_test_functions[] = {
    FUNCTION(drift_sign_flips),
    FUNCTION(drift_contrast),
    FUNCTION(drift_layer_map),
    {NULL, NULL, 0, NULL},
};
