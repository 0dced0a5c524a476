#define NAME(function) function##_baseline
#define EXPANDED 1
#include "low_rank_body.h"
