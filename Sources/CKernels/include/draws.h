// Random weights of many streams.
//
// Every result is the same for every instruction set.

#ifndef VACCINE_DRAWS_H
#define VACCINE_DRAWS_H

#include <stddef.h>
#include <stdint.h>

// weights[i · count + j] ← a Poisson(1) variate: how many steps of the distribution function, 20 at
// most, are up to the uniform number `first` + j of the stream of keys[i] (RandomStream.swift).
// `count` is a multiple of 8.
void vaccine_poisson_weights(
    const uint64_t *keys, ptrdiff_t streams, uint64_t first, ptrdiff_t count, double *weights);

#endif
