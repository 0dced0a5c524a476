#ifdef __x86_64__
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#include "block_parts_avx512.h"

#define NAME(function) function##_avx512
#include "blocks_body.h"
#pragma clang attribute pop
#endif
