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
    VACCINE_TYPE = 5,         // TypeError: a value of another type than expected
} VaccineStatus;

typedef struct VaccineMessage {
    char text[1024];  // UTF-8, NUL-terminated, cut to fit
} VaccineMessage;

typedef struct VaccineInterrupt {
    // True: stop now. `done`: the share of the call that is done, or NaN.
    bool (*poll)(void *context, double done);
    void *context;
} VaccineInterrupt;

// Integers as the caller holds them: `width` is 4 (int32) or 8 (int64).
typedef struct VaccineIntegers {
    const void *values;
    int64_t count;
    int32_t width;
} VaccineIntegers;

typedef enum VaccineValueKind {
    VACCINE_FLAG = 0,     // `integer` is 0 or 1
    VACCINE_INTEGER = 1,  // `integer`
    VACCINE_REAL = 2,     // `real`
    VACCINE_TEXT = 3,     // `text`, UTF-8
    VACCINE_NUMBERS = 4,  // `numbers`, `count` of them
    VACCINE_OTHER = 5,    // nothing of these; `text` names its type
} VaccineValueKind;

// One value of a description; other members than its kind's are not read.
typedef struct VaccineNamedValue {
    const char *name;
    VaccineValueKind kind;
    int64_t integer;
    double real;
    const char *text;
    const double *numbers;
    int64_t count;
} VaccineNamedValue;

// Named values, in any order, each name once.
typedef struct VaccineDescription {
    const VaccineNamedValue *values;
    int64_t count;
} VaccineDescription;

// How a linear map is adapted, named as in files (model.layers.0.self_attn.q_proj), or by the last
// component of that: of every layer.
typedef struct VaccineAdaptedModule {
    const char *name;
    int32_t rank;
    double scale;
} VaccineAdaptedModule;

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
