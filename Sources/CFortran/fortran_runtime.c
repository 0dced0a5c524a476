#include "fortran_runtime.h"

#include <string.h>

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void _gfortran_concat_string(size_t length, char *target, size_t left_length, const char *left,
    size_t right_length, const char *right) {
    const size_t from_left = smaller(left_length, length);
    const size_t from_right = smaller(right_length, length - from_left);
    memmove(target, left, from_left);
    memmove(target + from_left, right, from_right);
    memset(target + from_left + from_right, ' ', length - from_left - from_right);
}

float _gfortran_etime(void *times) {
    (void)times;
    return 0;
}
