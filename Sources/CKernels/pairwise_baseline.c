#define NAME(function) function##_baseline
#include "pairwise_body.h"
