#include "block_parts_plain.h"

#define NAME(function) function##_baseline
#include "blocks_body.h"
