// float32 products of few rows for the build's own instruction set.

#include "include/weight_product.h"
#include "packing.h"
#include "products.h"
#include "words_float32.h"

#define FUNCTION row_product_baseline
#define ROWS 1
#define dot_add(sums, a, b) multiply_add(a, b, sums)

#include "row_product_body.h"
