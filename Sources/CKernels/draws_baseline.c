#define NAME(function) function##_baseline
#include "draws_body.h"
