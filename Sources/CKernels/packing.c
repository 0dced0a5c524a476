#include "packing.h"

#include <pthread.h>
#include <stdlib.h>

#include "include/weight_product.h"

// Memory that belongs to a thread.
typedef struct Buffer {
    size_t bytes;
    void *memory;
} Buffer;

static pthread_key_t packing, decoding, pairs;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void destroy(void *buffer) {
    free(((Buffer *)buffer)->memory);
    free(buffer);
}

static void create_keys(void) {
    pthread_key_create(&packing, destroy);
    pthread_key_create(&decoding, destroy);
    pthread_key_create(&pairs, destroy);
}

// At least `bytes` of the calling thread's memory under `key`, aligned for vectors; NULL: no
// memory.
static void *buffer_of(pthread_key_t key, size_t bytes) {
    Buffer *buffer = pthread_getspecific(key);
    if (buffer == NULL) {
        buffer = calloc(1, sizeof *buffer);
        if (buffer == NULL || pthread_setspecific(key, buffer) != 0) return free(buffer), NULL;
    }
    if (buffer->bytes < bytes) {
        free(buffer->memory);
        buffer->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
        buffer->bytes = buffer->memory == NULL ? 0 : bytes;
    }
    return buffer->memory;
}

void *packing_buffer(void) {
    pthread_once(&once, create_keys);
    return buffer_of(packing, sizeof(float) * PACKED_PANELS * PACKED_ROWS * VACCINE_PANEL);
}

float *decoding_buffer(void) {
    pthread_once(&once, create_keys);
    return buffer_of(decoding, sizeof(float) * PACKED_PANELS * VACCINE_PANEL * DECODED_ROW);
}

uint32_t *vaccine_pairs_buffer(ptrdiff_t count) {
    pthread_once(&once, create_keys);
    return buffer_of(pairs, sizeof(uint32_t) * (size_t)count);
}
