// pairwise.h for one instruction set. The including file defines NAME(function).

#include "lanes.h"
#include "pairwise_variants.h"

// e raised to each lane, as `exponential` of Lanes.swift: exp(x) = 2^k · exp(r), and exp(r) by a
// polynomial (Cephes expf). Below -87.3 the result stays what it is there.
INLINE Lanes exponential(Lanes x) {
    x = __builtin_elementwise_min(__builtin_elementwise_max(x, all(-87.3f)), all(88.3f));
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low bits.
    const Lanes shifted = multiply_add(x, all(1.44269504f), all(12582912));
    const Lanes k = shifted - 12582912;
    Lanes r = multiply_add(k, all(-0.693359375f), x);
    r = multiply_add(k, all(2.1219444e-4f), r);
    Lanes p = multiply_add(all(1.9875691e-4f), r, all(1.3981999e-3f));
    p = multiply_add(p, r, all(8.3334519e-3f));
    p = multiply_add(p, r, all(4.1665796e-2f));
    p = multiply_add(p, r, all(1.6666665e-1f));
    p = multiply_add(p, r, all(5.0000001e-1f));
    p = multiply_add(p, r * r, r + 1);
    return p * (Lanes)(((Integers)shifted - 0x4B400000 + 127) << 23);
}

INLINE Lanes value(
    VaccinePairwise function, float scale, float offset, float norm, Lanes norms, Lanes products) {
    const Lanes square = __builtin_elementwise_max((norms + norm) - 2 * products, all(0));
    if (function == VACCINE_GAUSSIAN) return exponential(square * scale) - offset;
    return -__builtin_elementwise_sqrt(square) - offset;
}

// `function` is a constant where this is called.
INLINE void map(VaccinePairwise function, float scale, float offset, float norm, const float *norms,
    float *products, ptrdiff_t count) {
    ptrdiff_t j = 0;
    for (; j + LANES <= count; j += LANES)
        store(value(function, scale, offset, norm, load(norms + j), load(products + j)),
            products + j);
    if (j < count)
        store_some(value(function, scale, offset, norm, load_some(norms + j, count - j),
                       load_some(products + j, count - j)),
            products + j, count - j);
}

void NAME(pairwise)(VaccinePairwise function, float scale, float offset, float norm,
    const float *norms, float *products, ptrdiff_t count) {
    if (function == VACCINE_GAUSSIAN)
        map(VACCINE_GAUSSIAN, scale, offset, norm, norms, products, count);
    else
        map(VACCINE_NEGATIVE_DISTANCE, scale, offset, norm, norms, products, count);
}

ptrdiff_t NAME(pairwise_close)(float share, float norm, const float *norms, const float *products,
    ptrdiff_t count, ptrdiff_t *places) {
    ptrdiff_t found = 0;
    for (ptrdiff_t j = 0; j < count; j += LANES) {
        const ptrdiff_t some = count - j < LANES ? count - j : LANES;
        const Lanes other = some < LANES ? load_some(norms + j, some) : load(norms + j);
        const Lanes product = some < LANES ? load_some(products + j, some) : load(products + j);
        const Integers close = 2 * product >= (1 - share) * (other + norm);
        if (__builtin_reduce_or(close) == 0) continue;
        for (ptrdiff_t lane = 0; lane < some; lane++)
            if (close[lane]) places[found++] = j + lane;
    }
    return found;
}

ptrdiff_t NAME(pairwise_within)(float limit, float slack, float norm, const float *norms,
    const float *products, ptrdiff_t count, ptrdiff_t *places) {
    const Lanes share = all(1 - (slack + 0x1p-21f));  // more than all rounding here
    ptrdiff_t found = 0;
    for (ptrdiff_t j = 0; j < count; j += LANES) {
        const ptrdiff_t some = count - j < LANES ? count - j : LANES;
        const Lanes other = some < LANES ? load_some(norms + j, some) : load(norms + j);
        const Lanes product = some < LANES ? load_some(products + j, some) : load(products + j);
        const Integers within = (other + norm) * share - 2 * product <= limit;
        if (__builtin_reduce_or(within) == 0) continue;
        for (ptrdiff_t lane = 0; lane < some; lane++)
            if (within[lane]) places[found++] = j + lane;
    }
    return found;
}
