// Types that all parts of the contract share.

#ifndef CVACCINE_TYPES_H
#define CVACCINE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum VaccineStatus {
    VACCINE_OK = 0,
    VACCINE_VALUE = 1,        // ValueError: shape, range, configuration, non-finite number
    VACCINE_MEMORY = 2,       // MemoryError: refused before allocating
    VACCINE_STATE = 3,        // RuntimeError: the call does not fit the handle's state
    VACCINE_INTERRUPTED = 4,  // KeyboardInterrupt (or what the poll raised)
} VaccineStatus;

typedef struct VaccineMessage {
    char text[1024];  // UTF-8, NUL-terminated, cut to fit
} VaccineMessage;

typedef struct VaccineInterrupt {
    bool (*poll)(void *context);  // true: stop now
    void *context;
} VaccineInterrupt;

// Integers as the caller holds them: `width` is 4 (int32) or 8 (int64).
typedef struct VaccineIntegers {
    const void *values;
    int64_t count;
    int32_t width;
} VaccineIntegers;

// Number formats of embeddings.
typedef enum VaccineElement {
    VACCINE_FLOAT32 = 0,
    VACCINE_FLOAT64 = 1,
    VACCINE_FLOAT16 = 2,
    VACCINE_BFLOAT16 = 3,
} VaccineElement;

// An embedding set as the caller holds it: [rows, width] row-major, without gaps.
typedef struct VaccineEmbeddings {
    const void *values;
    int64_t rows;
    int64_t width;
    VaccineElement element;
} VaccineEmbeddings;

#endif
