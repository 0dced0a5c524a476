// What needs C. Kernels: their tiles must stay in registers, and their instruction set is chosen at
// run time, neither of which Swift offers. And what threads need to wait and to share a closure.

#ifndef VACCINE_KERNELS_H
#define VACCINE_KERNELS_H

#include "block_product.h"
#include "cached_attention.h"
#include "draws.h"
#include "drift_rows.h"
#include "low_rank.h"
#include "pairwise.h"
#include "pause.h"
#include "region.h"
#include "weight_product.h"

#endif
