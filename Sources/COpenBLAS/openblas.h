// OpenBLAS: its CBLAS interface, the thread control, and the LAPACK routines of double precision
// that are used. Matrices of LAPACK are column-major; lengths of option strings are left out, as
// OpenBLAS's own callers do.
#include <cblas.h>

// A buffer that a product computes in: taken, and given back for the next.
void *blas_memory_alloc(int unused);
void blas_memory_free(void *buffer);

// Cholesky factor of a symmetric positive definite matrix.
void dpotrf_(const char *triangle, const int *n, double *a, const int *stride, int *info);
// The triangular factor of a triangle above a rectangle, or above another triangle where `l` is
// `m`.
void dtpqrt_(const int *m, const int *n, const int *l, const int *panel, double *triangle,
    const int *stride, double *rectangle, const int *rectangle_stride, double *reflections,
    const int *reflections_stride, double *work, int *info);
// Eigenvalues, ascending, and eigenvectors of a symmetric matrix, by divide and conquer.
void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *stride,
    double *values, double *work, const int *work_count, int *integers, const int *integers_count,
    int *info);
// Singular values and vectors, by divide and conquer.
void dgesdd_(const char *job, const int *rows, const int *columns, double *a, const int *stride,
    double *values, double *u, const int *u_stride, double *vt, const int *vt_stride, double *work,
    const int *work_count, int *integers, int *info);
