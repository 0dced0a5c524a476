// The processor's hint that a thread waits for another one, some tens of cycles.

#ifndef VACCINE_PAUSE_H
#define VACCINE_PAUSE_H

static inline void vaccine_pause(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
