#include "include/region.h"

#define SWIFT_CALL __attribute__((swiftcall))

typedef SWIFT_CALL void Closure(ptrdiff_t number, __attribute__((swift_context)) void *captures);

// Calls `use` with a Swift closure of type (Int) -> Void, which it may call until it returns.
SWIFT_CALL void vaccine_with_region(Closure *function, void *captures, ptrdiff_t count,
    void (*use)(VaccineRegion region, ptrdiff_t count)) {
    use((VaccineRegion){(const void *)function, captures}, count);
}

void vaccine_call_region(VaccineRegion region, ptrdiff_t number) {
    ((Closure *)region.function)(number, region.captures);
}
