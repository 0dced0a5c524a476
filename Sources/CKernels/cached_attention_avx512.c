#ifdef __x86_64__
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#define NAME(function) function##_avx512
#define VECTORS 4
#include "cached_attention_body.h"
#pragma clang attribute pop
#endif
