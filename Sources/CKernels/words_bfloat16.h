// bfloat16: a word is a pair of neighbours along k.

#include <stdint.h>

typedef uint32_t Word;

enum { WORD = 2 };
