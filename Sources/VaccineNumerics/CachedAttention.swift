// The two products of attention to a cache, for the queries of one group of heads, on the calling thread. Keys and
// values are rows of one stream each, which are read once; the next stream is fetched meanwhile.

internal import CKernels

/// scores[q, t] = Σ_i queries[q, i] · keys[t, i].
///
/// - Parameter next: rows that will be read next, of the precision of `keys`; nil: not known.
public func cachedScores(
    _ queries: Matrix, keys: Weight, next: Weight? = nil, into scores: Matrix
) {
    precondition(
        queries.columns == keys.columns && scores.rows == queries.rows
            && scores.columns == keys.rows, "shapes differ")
    unsafe vaccine_cached_scores(
        queries.forC, keys.cachedForC, (next ?? keys.rows(0..<0)).cachedForC, scores.forC)
}

/// context[q, :] = Σ_t weights[q, t] · values[t, :], summed over t in order.
///
/// - Parameter next: as for `cachedScores`.
public func cachedContext(
    _ weights: Matrix, values: Weight, next: Weight? = nil, into context: Matrix
) {
    precondition(
        weights.columns == values.rows && context.rows == weights.rows
            && context.columns == values.columns, "shapes differ")
    unsafe vaccine_cached_context(
        weights.forC, values.cachedForC, (next ?? values.rows(0..<0)).cachedForC, context.forC)
}

extension Weight {
    fileprivate var cachedForC: VaccineCachedRows {
        let factor = unsafe forC(transposed: false)
        return unsafe VaccineCachedRows(
            values: factor.values, rows: rows, columns: columns, stride: factor.stride,
            bfloat16: precision == .bfloat16)
    }
}
