#define NAME(function) function##_baseline
#include "drift_rows_body.h"
