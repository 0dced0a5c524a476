// float32: a word is a value.

typedef float Word;

enum { WORD = 1 };
