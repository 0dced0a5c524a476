#define NAME(function) function##_baseline
#include "low_rank_body.h"
