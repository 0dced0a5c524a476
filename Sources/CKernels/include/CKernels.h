// The kernels that need C: their tiles must stay in registers, and their instruction set is chosen
// at run time, neither of which Swift offers.

#ifndef VACCINE_KERNELS_H
#define VACCINE_KERNELS_H

#include "drift_rows.h"
#include "low_rank.h"
#include "pairwise.h"
#include "pause.h"
#include "weight_product.h"

#endif
