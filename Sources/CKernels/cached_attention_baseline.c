#define NAME(function) function##_baseline
#define VECTORS 1
#include "cached_attention_body.h"
