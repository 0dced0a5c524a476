// cached_attention.h for one instruction set. The including file defines NAME(function) and
// VECTORS, the vectors of a row for whose sums a context has registers.

#include "cached_attention_variants.h"
#include "lanes.h"

// Query heads, and keys, of a tile of scores.
enum { HEADS = 4, KEYS = 4 };
enum { LINE = 64 };

typedef uint16_t Tops __attribute__((vector_size(32), aligned(2)));

INLINE Lanes widened(Tops tops) { return (Lanes)(__builtin_convertvector(tops, Halves) << 16); }

INLINE ptrdiff_t size_of(const bool bfloat16) { return bfloat16 ? 2 : 4; }

// Sixteen elements, or `count` and zeros.
INLINE Lanes elements(const bool bfloat16, const char *from, const ptrdiff_t count) {
    if (!bfloat16)
        return count < LANES ? load_some((const float *)from, count) : load((const float *)from);
    if (count >= LANES) return widened(*(const Tops *)from);
    Tops tops = {0};
    memcpy(&tops, from, sizeof(uint16_t) * (size_t)count);
    return widened(tops);
}

// Where a stream's rows begin, and how far apart in bytes.
typedef struct Stream {
    const char *row;
    ptrdiff_t step, bytes, left;
} Stream;

INLINE Stream stream(const bool bfloat16, VaccineCachedRows rows) {
    const ptrdiff_t size = size_of(bfloat16);
    return (Stream){rows.values, rows.stride * size, rows.columns * size, rows.rows};
}

// The next row of a stream to the first-level cache.
INLINE void fetch(Stream *next) {
    if (next->left <= 0) return;
    for (ptrdiff_t i = 0; i < next->bytes; i += LINE) __builtin_prefetch(next->row + i);
    next->row += next->step;
    next->left--;
}

// `count` columns, at most LANES, of some heads and keys.
INLINE void add_scores(const bool bfloat16, const int heads, const int keys, const float *query,
    ptrdiff_t query_step, const char *key, ptrdiff_t key_step, const ptrdiff_t count,
    Lanes sums[HEADS][KEYS]) {
    Lanes queries[HEADS];
    for (int h = 0; h < heads; h++)
        queries[h] = elements(false, (const char *)(query + h * query_step), count);
    for (int k = 0; k < keys; k++) {
        const Lanes values = elements(bfloat16, key + k * key_step, count);
        for (int h = 0; h < heads; h++) sums[h][k] = multiply_add(queries[h], values, sums[h][k]);
    }
}

INLINE void score_tile(const bool bfloat16, const int heads, const int keys, VaccineMatrix queries,
    const Stream *rows, float *scores, ptrdiff_t stride) {
    Lanes sums[HEADS][KEYS] = {0};
    const float *query = queries.values;
    const char *key = rows->row;
    ptrdiff_t left = queries.columns;
    for (; left >= LANES; left -= LANES, query += LANES, key += LANES * size_of(bfloat16))
        add_scores(bfloat16, heads, keys, query, queries.stride, key, rows->step, LANES, sums);
    if (left > 0)
        add_scores(bfloat16, heads, keys, query, queries.stride, key, rows->step, left, sums);
    for (int h = 0; h < heads; h++, scores += stride)
        if (keys == KEYS)
            store_four(totals(sums[h][0], sums[h][1], sums[h][2], sums[h][3]), scores);
        else
            for (int k = 0; k < keys; k++) scores[k] = total(sums[h][k]);
}

INLINE void score_rows(const bool bfloat16, const int heads, VaccineMatrix queries,
    VaccineCachedRows keys, VaccineCachedRows next, VaccineMatrix scores) {
    Stream rows = stream(bfloat16, keys), fetched = stream(bfloat16, next);
    float *place = scores.values;
    for (; rows.left >= KEYS; rows.left -= KEYS, rows.row += KEYS * rows.step, place += KEYS) {
        for (int k = 0; k < KEYS; k++) fetch(&fetched);
        score_tile(bfloat16, heads, KEYS, queries, &rows, place, scores.stride);
    }
    for (; rows.left > 0; rows.left--, rows.row += rows.step, place++) {
        fetch(&fetched);
        score_tile(bfloat16, heads, 1, queries, &rows, place, scores.stride);
    }
}

// `vectors` vectors of columns, the last of `count`.
INLINE void context_tile(const bool bfloat16, const int heads, const int vectors,
    const ptrdiff_t count, VaccineMatrix weights, Stream rows, Stream *fetched, float *context,
    ptrdiff_t stride) {
    Lanes sums[HEADS][VECTORS] = {0};
    for (ptrdiff_t t = 0; t < rows.left; t++, rows.row += rows.step) {
        fetch(fetched);
        for (int v = 0; v < vectors; v++) {
            const Lanes value = elements(bfloat16, rows.row + v * LANES * size_of(bfloat16),
                v + 1 < vectors ? LANES : count);
            for (int h = 0; h < heads; h++)
                sums[h][v]
                    = multiply_add(all(weights.values[h * weights.stride + t]), value, sums[h][v]);
        }
    }
    for (int h = 0; h < heads; h++, context += stride)
        for (int v = 0; v < vectors; v++)
            if (v + 1 < vectors || count >= LANES)
                store(sums[h][v], context + v * LANES);
            else
                store_some(sums[h][v], context, count);
}

INLINE void context_rows(const bool bfloat16, const int heads, VaccineMatrix weights,
    VaccineCachedRows values, VaccineCachedRows next, VaccineMatrix context) {
    Stream rows = stream(bfloat16, values), fetched = stream(bfloat16, next);
    float *place = context.values;
    ptrdiff_t left = values.columns, width = VECTORS * LANES;
    for (; left >= width; left -= width, place += width, rows.row += width * size_of(bfloat16))
        context_tile(
            bfloat16, heads, VECTORS, LANES, weights, rows, &fetched, place, context.stride);
    for (; left >= LANES; left -= LANES, place += LANES, rows.row += LANES * size_of(bfloat16))
        context_tile(bfloat16, heads, 1, LANES, weights, rows, &fetched, place, context.stride);
    if (left > 0)
        context_tile(bfloat16, heads, 1, left, weights, rows, &fetched, place, context.stride);
}

// Rows of a matrix from `row` on.
INLINE VaccineMatrix below(VaccineMatrix matrix, ptrdiff_t row) {
    return (VaccineMatrix){
        matrix.values + row * matrix.stride, matrix.rows - row, matrix.columns, matrix.stride};
}

// Calls `function` for up to HEADS rows of `left` and `result` at a time; what comes next is
// fetched with the first.
#define BY_HEADS(function, narrow, left, stream, next, result)                                     \
    for (ptrdiff_t head = 0; head < left.rows; head += HEADS, next.rows = 0) {                     \
        const VaccineMatrix some = below(left, head), place = below(result, head);                 \
        switch (some.rows) {                                                                       \
            case 1: function(narrow, 1, some, stream, next, place); break;                         \
            case 2: function(narrow, 2, some, stream, next, place); break;                         \
            case 3: function(narrow, 3, some, stream, next, place); break;                         \
            default: function(narrow, 4, some, stream, next, place);                               \
        }                                                                                          \
    }

void NAME(cached_scores)(
    VaccineMatrix queries, VaccineCachedRows keys, VaccineCachedRows next, VaccineMatrix scores) {
    if (keys.bfloat16)
        BY_HEADS(score_rows, true, queries, keys, next, scores)
    else
        BY_HEADS(score_rows, false, queries, keys, next, scores)
}

void NAME(cached_context)(VaccineMatrix weights, VaccineCachedRows values, VaccineCachedRows next,
    VaccineMatrix context) {
    if (values.bfloat16)
        BY_HEADS(context_rows, true, weights, values, next, context)
    else
        BY_HEADS(context_rows, false, weights, values, next, context)
}
