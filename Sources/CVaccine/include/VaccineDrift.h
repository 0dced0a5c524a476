// The drift analyser's part of the contract. Its functions are pure: state is plain numbers that
// the caller keeps, and outputs are the caller's memory, sized as each comment says.
//
// Shapes: N rows of width d, P prompts, L layers, F folds, r directions, B draws.

#ifndef CVACCINE_DRIFT_H
#define CVACCINE_DRIFT_H

#include "CVaccineTypes.h"

// MARK: - Metrics

typedef enum VaccineUnit {
    VACCINE_UNIT_NONE = 0,
    VACCINE_UNIT_SHARE = 1,  // reads best in per cent
    VACCINE_UNIT_RADIANS = 2,
    VACCINE_UNIT_STATES = 3,
    VACCINE_UNIT_SQUARED_STATES = 4,
} VaccineUnit;

typedef struct VaccineDriftMetric {
    const char *name, *label;  // UTF-8, for ever
    VaccineUnit unit;
    double low, high;            // of its values; `high` NaN: the width
    int64_t rows;                // fewest that it needs; -1: more than columns
    bool table, vector, paired;  // what gives it: sums, first moments, second moments
} VaccineDriftMetric;

// The metric of a number; false for numbers that none has. Numbers rise from 0 in the order of
// presentation.
bool vaccine_drift_metric(int64_t number, VaccineDriftMetric *metric);
// Why an estimate is NaN: UTF-8, for ever; NULL for numbers that no reason has. 0: it is not.
const char *vaccine_drift_reason(int64_t number);

// MARK: - States

// Numbers of a prompt's sums in a layer, and of the states of one fold.
int64_t vaccine_drift_sum_count(void);
int64_t vaccine_drift_vector_count(int64_t width);
int64_t vaccine_drift_paired_count(int64_t width);
// Folds of these states that have rows. VACCINE_VALUE for counts that are not those of rows.
VaccineStatus vaccine_drift_vector_folds(
    const double *states, int64_t folds, int64_t width, int64_t *used, VaccineMessage *message);
VaccineStatus vaccine_drift_paired_folds(
    const double *states, int64_t folds, int64_t width, int64_t *used, VaccineMessage *message);

// One layer of one update. `order` [N]: the rows, those of each prompt together; `starts` [P + 1]:
// where each prompt, of a row or more, begins in it; `keys` [P]; r a multiple of 8. Out: `sums` [P,
// sum count], `sketches` [P, 2, r], `moments` [F, vector count].
VaccineStatus vaccine_drift_table(const VaccineEmbeddings *reference,
    const VaccineEmbeddings *current, const int64_t *order, const int64_t *starts,
    const uint64_t *keys, int64_t prompts, int64_t directions, int64_t folds, uint64_t seed,
    double *sums, float *sketches, double *moments, VaccineInterrupt interrupt,
    VaccineMessage *message);

// Second moments by fold. `keys` [N]: of each row's prompt; sketch 0: of the whole width. Out:
// `states` [F, paired count of the sketch or the width].
VaccineStatus vaccine_drift_paired(const VaccineEmbeddings *reference,
    const VaccineEmbeddings *current, const uint64_t *keys, int64_t folds, int64_t sketch,
    uint64_t seed, double *states, VaccineInterrupt interrupt, VaccineMessage *message);

// Second moments of two sets that are not paired, or of x alone where `y` is NULL, as one fold: for
// metrics that need no products of x with y. Out: `state` [paired count of the width].
VaccineStatus vaccine_drift_unpaired(const VaccineEmbeddings *x, const VaccineEmbeddings *y,
    double *state, VaccineInterrupt interrupt, VaccineMessage *message);

// Rows in an orthonormal basis of their span: of x less its mean, or where `y` is not NULL of both
// less x's mean. Out: `coordinates` [rows, rows] of the rows of x and then of y.
VaccineStatus vaccine_drift_span(const VaccineEmbeddings *x, const VaccineEmbeddings *y,
    double *coordinates, VaccineInterrupt interrupt, VaccineMessage *message);

// Metrics of tables of all rows together, by their numbers. Out: `values` [wanted], NaN where one
// is not defined.
VaccineStatus vaccine_drift_row_metrics(const VaccineEmbeddings *reference,
    const VaccineEmbeddings *current, const int64_t *metrics, int64_t wanted, double *values,
    VaccineInterrupt interrupt, VaccineMessage *message);

// Merge `count` states of this width, b into a. VACCINE_VALUE for counts that are not those of
// rows; a is then as before.
VaccineStatus vaccine_drift_merge_vector(
    double *a, const double *b, int64_t count, int64_t width, VaccineMessage *message);
VaccineStatus vaccine_drift_merge_paired(
    double *a, const double *b, int64_t count, int64_t width, VaccineMessage *message);

// An estimate is four doubles: value, low, high, and the number of the reason why one is NaN.

// Out: `estimates` [L + 1, metrics of tables, 4], the last row over all layers; `table` [P, L, sum
// count] and `keys` [P] sorted by key.
VaccineStatus vaccine_drift_table_metrics(const double *table, const uint64_t *keys,
    int64_t prompts, int64_t layers, int64_t width, int64_t draws, double confidence, uint64_t seed,
    double *estimates, VaccineInterrupt interrupt, VaccineMessage *message);
// One metric of tables for each prompt by itself. Out: `values` [P, L + 1], the last column over
// all layers.
void vaccine_drift_prompt_metric(const double *table, int64_t prompts, int64_t layers,
    int64_t width, int64_t metric, double *values);
// Out: `estimates` [metrics of first moments, 4]. t: Student's quantile.
VaccineStatus vaccine_drift_vector_metrics(const double *states, int64_t folds, int64_t width,
    double t, double *estimates, VaccineMessage *message);
// `metrics` [wanted]: numbers of metrics of second moments; nothing else is computed. `directions`:
// sets of orthonormal rows end to end, `set_rows` [sets] rows each. Out: `estimates` [wanted +
// sets, 4]; `spectra` [2, spectrum].
VaccineStatus vaccine_drift_paired_metrics(const double *states, int64_t folds, int64_t width,
    const int64_t *metrics, int64_t wanted, double t, bool intervals, const double *directions,
    const int64_t *set_rows, int64_t sets, int64_t spectrum, double *estimates, double *spectra,
    VaccineInterrupt interrupt, VaccineMessage *message);
// `deltas` [P, L · r]. Out: `norms` [B + 1, L + 1].
VaccineStatus vaccine_drift_sign_flips(const float *deltas, const uint64_t *keys, int64_t prompts,
    int64_t layers, int64_t directions, int64_t draws, uint64_t seed, double *norms,
    VaccineInterrupt interrupt, VaccineMessage *message);
// `values` [P, measures], `first` [P]. Out: `statistics` [B + 1, measures], `bounds` [measures, 2].
VaccineStatus vaccine_drift_contrast(const double *values, const uint8_t *first,
    const uint64_t *keys, int64_t prompts, int64_t measures, int64_t draws, double confidence,
    uint64_t seed, double *statistics, double *bounds, VaccineInterrupt interrupt,
    VaccineMessage *message);
// `sketches` [P, L, 2, r]. Out: `map` [L, L].
VaccineStatus vaccine_drift_layer_map(const float *sketches, int64_t prompts, int64_t layers,
    int64_t directions, double *map, VaccineInterrupt interrupt, VaccineMessage *message);

// MARK: - Two samples

typedef enum VaccineRelabelling {
    VACCINE_RELABEL_ROWS = 0,
    VACCINE_RELABEL_GROUPS = 1,  // groups are of one side each and move as a whole
    VACCINE_RELABEL_SWAPS = 2,   // groups have both sides, which swap
} VaccineRelabelling;

typedef struct VaccineTwoSample {
    const int64_t *groups;  // of the pooled rows, numbered from 0; NULL for rows
    VaccineRelabelling relabelling;
    const double *bandwidths;  // of Gaussian kernels; 0 of them: the negative distance
    int64_t bandwidth_count;   // a bandwidth of 0 asks for the median's, and is overwritten
    int64_t draws;
    bool unbiased, paired;
    uint64_t seed;
    int64_t memory;  // bytes beside the pooled rows
} VaccineTwoSample;

// Out, for every kernel: `statistics` [kernels, B + 1]; `means` [kernels, 3]: within x, within y,
// between; `used` [kernels]: the bandwidths.
VaccineStatus vaccine_drift_two_sample(const VaccineEmbeddings *x, const VaccineEmbeddings *y,
    const VaccineTwoSample *options, double *statistics, double *means, double *used,
    VaccineInterrupt interrupt, VaccineMessage *message);

// Out: `statistics` [d], `p_values` [d].
VaccineStatus vaccine_drift_kolmogorov_smirnov(const VaccineEmbeddings *x,
    const VaccineEmbeddings *y, double *statistics, double *p_values, VaccineInterrupt interrupt,
    VaccineMessage *message);
// Out: `powers` [projections]: W_p^p of each; p 1 or 2.
VaccineStatus vaccine_drift_sliced_wasserstein(const VaccineEmbeddings *x,
    const VaccineEmbeddings *y, int64_t projections, int64_t p, uint64_t seed, double *powers,
    VaccineInterrupt interrupt, VaccineMessage *message);
// Out: `shares` [n]; k below n.
VaccineStatus vaccine_drift_neighbour_overlap(const VaccineEmbeddings *x,
    const VaccineEmbeddings *y, int64_t k, double *shares, VaccineInterrupt interrupt,
    VaccineMessage *message);
// `folds` [n + m]: of each pooled row, 0 ..< count. Out: `scores` [n + m].
VaccineStatus vaccine_drift_classifier_scores(const VaccineEmbeddings *x,
    const VaccineEmbeddings *y, const int64_t *folds, int64_t count, double *scores,
    VaccineInterrupt interrupt, VaccineMessage *message);

#endif
