// A tile of a product, whose sums stay in registers. The including file defines, for this file
// alone,
//   TILE                         the name of the function
//   Sums, Words, COUNT           a row of the tile: COUNT vectors of floats; a vector of words
//   ADD(sums, factor, words)     sums + factor · words, for one word of A
//   FETCH                        whether the rows of A that follow the tile's are fetched from
//   memory
// and, for all tiles, TILE_ROWS and Word.

#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)
#define ROWS_OF_TILE JOIN(rows_of_, TILE)

// c[rows, columns] (+)= a[rows, k] · b[k, columns]. `rows` is a constant wherever this is inlined.
static inline __attribute__((always_inline)) void ROWS_OF_TILE(const int rows, ptrdiff_t k,
    const Left *left, const Right *right, float *c, ptrdiff_t c_stride, bool accumulate) {
    const ptrdiff_t lanes = sizeof(Sums) / sizeof(float);
    const Left a = *left;
    Right b = *right;
    // Another core may hold them: they come while the sums are made.
    for (int r = 0; r < rows; r++)
        for (ptrdiff_t i = 0; i < COUNT * lanes; i += LINE)
            __builtin_prefetch(c + r * c_stride + i, 1, 3);
    Sums sums[TILE_ROWS][COUNT];
    // Four rows each; the compiler would add up the addresses of all, each from the one before.
    const Word *quads[(TILE_ROWS + 3) / 4];
#pragma clang loop unroll(full)
    for (int q = 0; 4 * q < rows; q++) {
        quads[q] = a.words + 4 * q * a.row;
        __asm__("" : "+r"(quads[q]));
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < COUNT; v++) sums[r][v] = (Sums){0};
    for (ptrdiff_t done = 0, next; done < k; done = next) {
        next = FETCH ? smaller(k, done + LINE) : k;
        for (int r = 0; FETCH && r < rows; r++)
            __builtin_prefetch(quads[r / 4] + (r % 4 + rows) * a.row, 0, 2);  // to the second level
        for (ptrdiff_t i = done; i < next; i++, b.words += b.step) {
            Words words[COUNT];
            for (int v = 0; v < COUNT; v++) words[v] = *(const Words *)(b.words + v * lanes);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++)
                for (int v = 0; v < COUNT; v++)
                    sums[r][v] = ADD(sums[r][v], quads[r / 4][r % 4 * a.row], words[v]);
#pragma clang loop unroll(full)
            for (int q = 0; 4 * q < rows; q++) quads[q] += a.step;
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < COUNT; v++) {
            Sums *const place = (Sums *)(c + r * c_stride + v * lanes);
            *place = accumulate ? *place + sums[r][v] : sums[r][v];
        }
}

#define CASE(rows)                                                                                 \
    case rows: ROWS_OF_TILE(rows, k, a, b, c, c_stride, accumulate); break;

// Factors by their address: a copy would be read from memory in other parts than it was written in,
// and so wait for every store before it.
static __attribute__((noinline)) void TILE(int rows, ptrdiff_t k, const Left *a, const Right *b,
    float *c, ptrdiff_t c_stride, bool accumulate) {
    switch (rows) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
#if TILE_ROWS > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
#endif
    }
}

#undef CASE
#undef ROWS_OF_TILE
#undef JOIN
#undef PASTE
#undef TILE
#undef Sums
#undef Words
#undef COUNT
#undef ADD
#undef FETCH
