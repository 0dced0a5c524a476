// The two routines of gfortran's run-time library that LAPACK inside the static OpenBLAS refers to.
// With them the extension module needs no Fortran compiler's library, whose version differs between
// systems.

#ifndef FORTRAN_RUNTIME_H
#define FORTRAN_RUNTIME_H

#include <stddef.h>

// target = left // right, blank-padded or cut to `length`: how LAPACK joins option letters for
// ILAENV.
void _gfortran_concat_string(size_t length, char *target, size_t left_length, const char *left,
    size_t right_length, const char *right);
// Processor time, asked for only by LAPACK's own timing programs: always 0.
float _gfortran_etime(void *times);

#endif
