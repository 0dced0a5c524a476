// OpenBLAS through its CBLAS interface; the only functions used are cblas_sgemm and the thread control.
#include <cblas.h>
