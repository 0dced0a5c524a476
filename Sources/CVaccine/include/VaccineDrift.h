// The drift analyser's part of the contract. Its functions are pure: state is plain numbers that
// the caller keeps, and outputs are the caller's memory, sized as each comment says.
//
// Shapes: N rows of width d, P prompts, L layers, F folds, r directions, B draws.

#ifndef CVACCINE_DRIFT_H
#define CVACCINE_DRIFT_H

#include "CVaccineTypes.h"

// Numbers of the states of one fold.
int64_t vaccine_drift_vector_count(int64_t width);
int64_t vaccine_drift_paired_count(int64_t width);

// One layer of one update. `order` [N]: the rows, those of each prompt together; `starts` [P + 1]:
// where each prompt, of a row or more, begins in it; `keys` [P]; r a multiple of 8. Out: `sums` [P,
// 7], `sketches` [P, 2, r], `moments` [F, vector count].
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

// Merge `count` states of this width, b into a.
void vaccine_drift_merge_vector(double *a, const double *b, int64_t count, int64_t width);
void vaccine_drift_merge_paired(double *a, const double *b, int64_t count, int64_t width);

// An estimate is four doubles: value, low, high, and the number of the reason why one is NaN.

// Out: `estimates` [L + 1, 7, 4], the last row over all layers; `table` [P, L, 7] and `keys` [P]
// sorted by key.
VaccineStatus vaccine_drift_table_metrics(const double *table, const uint64_t *keys,
    int64_t prompts, int64_t layers, int64_t width, int64_t draws, double confidence, uint64_t seed,
    double *estimates, VaccineInterrupt interrupt, VaccineMessage *message);
// Out: `estimates` [3, 4]: mean shift, Mahalanobis distance, translation share. t: Student's
// quantile.
VaccineStatus vaccine_drift_vector_metrics(const double *states, int64_t folds, int64_t width,
    double t, double *estimates, VaccineMessage *message);
// `directions`: sets of orthonormal rows end to end, `set_rows` [sets] rows each. Out: `estimates`
// [19 + sets, 4]; `spectra` [2, spectrum].
VaccineStatus vaccine_drift_paired_metrics(const double *states, int64_t folds, int64_t width,
    double t, bool intervals, const double *directions, const int64_t *set_rows, int64_t sets,
    int64_t spectrum, double *estimates, double *spectra, VaccineInterrupt interrupt,
    VaccineMessage *message);
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
    const VaccineEmbeddings *y, double *statistics, double *p_values, VaccineMessage *message);
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
