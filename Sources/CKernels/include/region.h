// The closure of a parallel region as two words, which any thread may call while the region lasts.
//
// Swift copies a closure to the heap before it lends it to other threads. Here it stays where its
// caller keeps it: `VaccineNumerics` declares `vaccine_with_region` with a closure in place of the
// region, which is how Swift's calling convention hands one over.

#ifndef VACCINE_REGION_H
#define VACCINE_REGION_H

#include <stddef.h>

typedef struct VaccineRegion {
    const void *function;
    void *captures;
} VaccineRegion;

// Calls the closure with `number`.
void vaccine_call_region(VaccineRegion region, ptrdiff_t number);

#endif
