// low_rank.h for one instruction set. The including file defines NAME(function) and EXPANDED, the
// vectors of a row (1 or 2) for whose sums `expand` has registers.

#include "include/low_rank.h"
#include "lanes.h"
#include "low_rank_variants.h"

enum { ROWS = 4, RANKS = 4 };

static const uint64_t golden = 0x9E3779B97F4A7C15;

// The finaliser of SplitMix64, as in RandomStream.
INLINE uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

INLINE uint64_t row_key(const VaccineDropout *mask, ptrdiff_t row) {
    return mixed(mask->key ^ mixed((uint64_t)(mask->origin + row) + golden));
}

// The factors (0 or the scale) of the 32 elements from column 32 · pair of a row.
INLINE void factors(const VaccineDropout *mask, uint64_t key, ptrdiff_t pair, Lanes result[2]) {
    const Words steps = {0, 1, 2, 3, 4, 5, 6, 7};
    Words z = key + golden * (8 * (uint64_t)pair + steps);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z = z ^ (z >> 31);
    const Halves low = (Halves)z & 0xFFFF, high = (Halves)z >> 16;
    const Integers scale = (Integers)all(mask->scale);
    const Integers bits[2] = {(Integers)__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7,
                                  16, 17, 18, 19, 20, 21, 22, 23),
        (Integers)__builtin_shufflevector(
            low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)};
    for (int v = 0; v < 2; v++) result[v] = (Lanes)(~((bits[v] - mask->threshold) >> 31) & scale);
}

void NAME(dropout)(VaccineMatrix x, VaccineDropout mask, ptrdiff_t first_row, VaccineMatrix y) {
    for (ptrdiff_t t = 0; t < x.rows; t++) {
        const uint64_t key = row_key(&mask, first_row + t);
        const float *from = x.values + t * x.stride;
        float *to = y.values + t * y.stride;
        for (ptrdiff_t i = 0; i < x.columns; i += 2 * LANES) {
            Lanes kept[2];
            factors(&mask, key, i / (2 * LANES), kept);
            for (int v = 0; v < 2; v++) {
                const ptrdiff_t column = i + v * LANES, count = x.columns - column;
                if (count >= LANES)
                    store(load(from + column) * kept[v], to + column);
                else if (count > 0)
                    store_some(load_some(from + column, count) * kept[v], to + column, count);
            }
        }
    }
}

INLINE void project_tile(const int rows, const int ranks, VaccineMatrix x, ptrdiff_t t,
    VaccineMatrix a, ptrdiff_t j, float scale, VaccineMatrix u) {
    const float *from = x.values + t * x.stride, *factor = a.values + j * a.stride;
    Lanes sums[ROWS][RANKS] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= x.columns; i += LANES)
        for (int q = 0; q < ranks; q++) {
            const Lanes weights = load(factor + q * a.stride + i);
            for (int r = 0; r < rows; r++)
                sums[r][q] = multiply_add(load(from + r * x.stride + i), weights, sums[r][q]);
        }
    if (i < x.columns)
        for (int q = 0; q < ranks; q++) {
            const Lanes weights = load_some(factor + q * a.stride + i, x.columns - i);
            for (int r = 0; r < rows; r++)
                sums[r][q] = multiply_add(
                    load_some(from + r * x.stride + i, x.columns - i), weights, sums[r][q]);
        }
    for (int r = 0; r < rows; r++) {
        float *place = u.values + (t + r) * u.stride + j;
        if (ranks == RANKS)
            store_four(totals(sums[r][0], sums[r][1], sums[r][2], sums[r][3]) * scale, place);
        else
            for (int q = 0; q < ranks; q++) place[q] = total(sums[r][q]) * scale;
    }
}

INLINE void project_rows(
    const int rows, VaccineMatrix x, ptrdiff_t t, VaccineMatrix a, float scale, VaccineMatrix u) {
    ptrdiff_t j = 0;
    for (; j + RANKS <= a.rows; j += RANKS) project_tile(rows, RANKS, x, t, a, j, scale, u);
    for (; j < a.rows; j++) project_tile(rows, 1, x, t, a, j, scale, u);
}

void NAME(project)(VaccineMatrix x, VaccineMatrix a, float scale, VaccineMatrix u) {
    ptrdiff_t t = 0;
    for (; t + ROWS <= x.rows; t += ROWS) project_rows(ROWS, x, t, a, scale, u);
    switch (x.rows - t) {
        case 3: project_rows(3, x, t, a, scale, u); break;
        case 2: project_rows(2, x, t, a, scale, u); break;
        case 1: project_rows(1, x, t, a, scale, u); break;
    }
}

// `vectors` whole vectors of columns from `i`; `scales` holds a factor for each.
INLINE void expand_tile(const int rows, const int vectors, VaccineMatrix u, ptrdiff_t t,
    VaccineMatrix a, ptrdiff_t i, Lanes scales[2][ROWS], VaccineMatrix y) {
    const float *factor = u.values + t * u.stride, *from = a.values + i;
    float *to = y.values + t * y.stride + i;
    Lanes sums[2][ROWS] = {0};
    for (ptrdiff_t j = 0; j < a.rows; j++, from += a.stride) {
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++)
                sums[v][r] = multiply_add(
                    all(factor[r * u.stride + j]), load(from + v * LANES), sums[v][r]);
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            float *place = to + r * y.stride + v * LANES;
            store(multiply_add(sums[v][r], scales[v][r], load(place)), place);
        }
}

// The last columns, fewer than a vector.
INLINE void expand_some(const int rows, VaccineMatrix u, ptrdiff_t t, VaccineMatrix a, ptrdiff_t i,
    const Lanes scales[ROWS], VaccineMatrix y) {
    const ptrdiff_t count = a.columns - i;
    for (int r = 0; r < rows; r++) {
        const float *factor = u.values + (t + r) * u.stride;
        float *place = y.values + (t + r) * y.stride + i;
        Lanes sum = {0};
        for (ptrdiff_t j = 0; j < a.rows; j++)
            sum = multiply_add(all(factor[j]), load_some(a.values + j * a.stride + i, count), sum);
        store_some(multiply_add(sum, scales[r], load_some(place, count)), place, count);
    }
}

INLINE void expand_rows(const int rows, const VaccineDropout *mask, VaccineMatrix u, ptrdiff_t t,
    VaccineMatrix a, float scale, ptrdiff_t first_row, VaccineMatrix y) {
    uint64_t keys[ROWS];
    for (int r = 0; mask != NULL && r < rows; r++) keys[r] = row_key(mask, first_row + t + r);
    for (ptrdiff_t i = 0; i < a.columns; i += 2 * LANES) {
        Lanes scales[2][ROWS];
        for (int r = 0; r < rows; r++) {
            Lanes kept[2] = {all(1), all(1)};
            if (mask != NULL) factors(mask, keys[r], i / (2 * LANES), kept);
            for (int v = 0; v < 2; v++) scales[v][r] = all(scale) * kept[v];
        }
        if (EXPANDED == 2 && a.columns - i >= 2 * LANES) {
            expand_tile(rows, 2, u, t, a, i, scales, y);
            continue;
        }
        for (int v = 0; v < 2 && i + v * LANES < a.columns; v++)
            if (a.columns - i - v * LANES >= LANES)
                expand_tile(rows, 1, u, t, a, i + v * LANES, scales + v, y);
            else
                expand_some(rows, u, t, a, i + v * LANES, scales[v], y);
    }
}

void NAME(expand)(VaccineMatrix u, VaccineMatrix a, float scale, const VaccineDropout *mask,
    ptrdiff_t first_row, VaccineMatrix y) {
    ptrdiff_t t = 0;
    if (mask == NULL)
        for (; t + ROWS <= u.rows; t += ROWS) expand_rows(ROWS, NULL, u, t, a, scale, first_row, y);
    else
        for (; t + ROWS <= u.rows; t += ROWS) expand_rows(ROWS, mask, u, t, a, scale, first_row, y);
    switch (u.rows - t) {
        case 3: expand_rows(3, mask, u, t, a, scale, first_row, y); break;
        case 2: expand_rows(2, mask, u, t, a, scale, first_row, y); break;
        case 1: expand_rows(1, mask, u, t, a, scale, first_row, y); break;
    }
}

// Thirty-two columns from `i`, a multiple of 32, for `ranks` ranks from `j`.
INLINE void outer_tile(const int ranks, VaccineMatrix u, ptrdiff_t j, VaccineMatrix x,
    const VaccineDropout *mask, ptrdiff_t first_column, ptrdiff_t i, float scale, VaccineMatrix g) {
    const ptrdiff_t counts[2] = {x.columns - i, x.columns - i - LANES};
    Lanes sums[2 * RANKS][2] = {0};
    for (ptrdiff_t t = 0; t < x.rows; t++) {
        const float *from = x.values + t * x.stride + i;
        Lanes row[2], kept[2];
        if (mask != NULL) factors(mask, row_key(mask, t), (first_column + i) / (2 * LANES), kept);
        for (int v = 0; v < 2; v++) {
            row[v] = counts[v] >= LANES ? load(from + v * LANES)
                : counts[v] > 0         ? load_some(from + v * LANES, counts[v])
                                        : all(0);
            if (mask != NULL) row[v] *= kept[v];
        }
        for (int q = 0; q < ranks; q++)
            for (int v = 0; v < 2; v++)
                sums[q][v] = multiply_add(all(u.values[t * u.stride + j + q]), row[v], sums[q][v]);
    }
    for (int q = 0; q < ranks; q++)
        for (int v = 0; v < 2 && counts[v] > 0; v++) {
            float *place = g.values + (j + q) * g.stride + i + v * LANES;
            if (counts[v] >= LANES)
                store(multiply_add(sums[q][v], all(scale), load(place)), place);
            else
                store_some(multiply_add(sums[q][v], all(scale), load_some(place, counts[v])), place,
                    counts[v]);
        }
}

INLINE void outer_columns(VaccineMatrix u, VaccineMatrix x, const VaccineDropout *mask,
    ptrdiff_t first_column, float scale, VaccineMatrix g) {
    for (ptrdiff_t i = 0; i < x.columns; i += 2 * LANES) {
        ptrdiff_t j = 0;
        for (; j + 2 * RANKS <= u.columns; j += 2 * RANKS)
            outer_tile(2 * RANKS, u, j, x, mask, first_column, i, scale, g);
        for (; j < u.columns; j++) outer_tile(1, u, j, x, mask, first_column, i, scale, g);
    }
}

void NAME(outer)(VaccineMatrix u, VaccineMatrix x, float scale, const VaccineDropout *mask,
    ptrdiff_t first_column, VaccineMatrix g) {
    if (mask == NULL)
        outer_columns(u, x, NULL, 0, scale, g);
    else
        outer_columns(u, x, mask, first_column, scale, g);
}
