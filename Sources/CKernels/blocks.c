// Sizes and checks of block formats.

#include <math.h>

#include "block_formats.h"
#include "include/block_product.h"

// A block's numbers and bytes, and where its float16 scales lie.
typedef struct Format {
    ptrdiff_t numbers, bytes, scale, scales;
} Format;

static const Format formats[] = {
    [VACCINE_BLOCKS_F32] = {1, 4, 0, 0},
    [VACCINE_BLOCKS_F16] = {1, 2, 0, 1},
    [VACCINE_BLOCKS_BF16] = {1, 2, 0, 0},
    [VACCINE_BLOCKS_Q8_0] = {32, sizeof(BlockQ8_0), 0, 1},
    [VACCINE_BLOCKS_Q4_0] = {32, sizeof(BlockQ4_0), 0, 1},
    [VACCINE_BLOCKS_Q4_1] = {32, sizeof(BlockQ4_1), 0, 2},
    [VACCINE_BLOCKS_Q5_0] = {32, sizeof(BlockQ5_0), 0, 1},
    [VACCINE_BLOCKS_Q5_1] = {32, sizeof(BlockQ5_1), 0, 2},
    [VACCINE_BLOCKS_Q4_K] = {SUPER, sizeof(BlockQ4_K), 0, 2},
    [VACCINE_BLOCKS_Q5_K] = {SUPER, sizeof(BlockQ5_K), 0, 2},
    [VACCINE_BLOCKS_Q6_K] = {SUPER, sizeof(BlockQ6_K), offsetof(BlockQ6_K, scale), 1},
};

ptrdiff_t vaccine_block_row_bytes(VaccineBlockFormat format, ptrdiff_t columns) {
    const Format *own = &formats[format];
    return columns % own->numbers == 0 ? columns / own->numbers * own->bytes : 0;
}

bool vaccine_blocks_are_finite(VaccineBlockRow row, ptrdiff_t columns) {
    const Format *own = &formats[row.format];
    float values[PART];
    if (row.blocks == NULL) return true;
    for (ptrdiff_t i = 0; own->scales == 0 && i < columns; i += PART) {
        const ptrdiff_t some = columns - i < PART ? columns - i : PART;
        vaccine_from_blocks(row, i, some, values);
        for (ptrdiff_t j = 0; j < some; j++)
            if (!isfinite(values[j])) return false;
    }
    // Numbers of a block are products of a finite scale.
    for (ptrdiff_t i = 0; own->scales > 0 && i < columns / own->numbers; i++) {
        const Half *scales = (const Half *)(row.blocks + i * own->bytes + own->scale);
        for (ptrdiff_t j = 0; j < own->scales; j++)
            if (!isfinite((float)scales[j].value)) return false;
    }
    return true;
}
