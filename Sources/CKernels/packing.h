// The buffer of packed panels that belongs to the calling thread.

#ifndef VACCINE_PACKING_H
#define VACCINE_PACKING_H

#include <stddef.h>
#include <stdint.h>

// Rows of B that are packed at a time: a panel of them stays in the second-level cache.
enum { PACKED_ROWS = 576 };
// Panels that are packed together; a tile's rows of A are read once for all of them.
enum { PACKED_PANELS = 6 };

// Rows of B that packing fetches from memory ahead of where it reads.
enum { FETCHED_ROWS = 16 };

// Four bytes, whatever they hold.
typedef uint32_t __attribute__((may_alias)) AnyWord;

// Bytes for PACKED_PANELS panels of PACKED_ROWS float32 rows, aligned for vectors; NULL: no memory.
// Freed when the thread ends.
void *packing_buffer(void);

// Floats from one decoded row of a transposed weight to the next.
enum { DECODED_ROW = PACKED_ROWS + 16 };
// Room for what is packed together, decoded; as `packing_buffer`.
float *decoding_buffer(void);

static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// The block length, at most PACKED_ROWS and a multiple of 16, that cuts k into even parts.
static inline ptrdiff_t packed_rows(ptrdiff_t k) {
    const ptrdiff_t parts = (k + PACKED_ROWS - 1) / PACKED_ROWS;
    return ((k + parts - 1) / parts + 15) / 16 * 16;
}

#endif
