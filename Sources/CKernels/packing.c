#include "packing.h"

#include <pthread.h>
#include <stdlib.h>

#include "include/weight_product.h"

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create_key(void) { pthread_key_create(&key, free); }

void *packing_buffer(void) {
    pthread_once(&once, create_key);
    void *buffer = pthread_getspecific(key);
    if (buffer == NULL) {
        buffer = aligned_alloc(64, sizeof(float) * PACKED_PANELS * PACKED_ROWS * VACCINE_PANEL);
        pthread_setspecific(key, buffer);
    }
    return buffer;
}
