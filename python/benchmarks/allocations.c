// Counts what a process allocates between two calls, by size and by caller. Loaded with LD_PRELOAD, it takes
// the place of malloc and its kin and hands every call on to glibc's own.
//
//     cc -O1 -shared -fPIC -o allocations.so allocations.c

#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

enum { FRAMES = 12, RECORDS = 1 << 16 };

typedef struct {
    size_t size;
    void *callers[FRAMES];
} Allocation;

static Allocation records[RECORDS];
static atomic_bool counting;
static atomic_size_t count;
// backtrace may allocate.
static _Thread_local bool inside;

void allocations_start(void) {
    void *callers[FRAMES];
    backtrace(callers, FRAMES);  // loads the unwinder
    count = 0;
    counting = true;
}

// Stops counting; returns how many allocations there were, of which the first RECORDS are kept.
size_t allocations_stop(void) {
    counting = false;
    return count;
}

// The size of allocation `index`; its callers from the nearest on.
size_t allocations_read(size_t index, void *callers[FRAMES]) {
    for (int i = 0; i < FRAMES; i++) callers[i] = records[index].callers[i];
    return records[index].size;
}

static void note(size_t size) {
    if (!counting || inside) return;
    inside = true;
    size_t index = atomic_fetch_add(&count, 1);
    if (index < RECORDS) {
        records[index].size = size;
        void *callers[FRAMES + 2] = {NULL};
        backtrace(callers, FRAMES + 2);  // the first two are `note` and the function below
        for (int i = 0; i < FRAMES; i++) records[index].callers[i] = callers[i + 2];
    }
    inside = false;
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note(number * size);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    note(size);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    note(size);
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}
