#define NAME(function) function##_baseline
#include "blocks_body.h"
