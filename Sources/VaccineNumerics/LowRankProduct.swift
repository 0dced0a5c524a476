// The three skinny products of low-rank adaptation, each on the calling thread: whoever calls hands every
// thread rows (or columns of g) of its own. Factors are rank-major, [r, n].

internal import CKernels

/// u[t, j] = scale · Σ_i x[t, i] · a[j, i]: the rows of x onto the r rows of a.
///
/// - Complexity: O(T·r·n) multiply-adds; a is read ⌈T/4⌉ times, from cache.
public func project(_ x: Matrix, onto a: Matrix, scale: Float, into u: Matrix) {
    precondition(
        x.columns == a.columns && u.rows == x.rows && u.columns == a.rows, "shapes differ")
    unsafe vaccine_project(x.forC, a.forC, scale, u.forC)
}

/// y[t, :] += scale · mask ⊙ Σ_j u[t, j] · a[j, :]: r numbers out into every row.
///
/// - Parameters:
///   - mask: nil: no mask.
///   - firstRow: the mask's row that belongs to row 0.
/// - Complexity: O(T·r·n) multiply-adds.
public func expand(
    _ u: Matrix, over a: Matrix, scale: Float = 1, through mask: Dropout? = nil, firstRow: Int = 0,
    addingTo y: Matrix
) {
    precondition(
        u.columns == a.rows && y.rows == u.rows && y.columns == a.columns, "shapes differ")
    if let mask {
        var mask = mask.forC
        unsafe vaccine_expand(u.forC, a.forC, scale, &mask, firstRow, y.forC)
    } else {
        unsafe vaccine_expand(u.forC, a.forC, scale, nil, 0, y.forC)
    }
}

/// g[j, :] += scale · Σ_t u[t, j] · (mask ⊙ x)[t, :]: the gradient of a rank-major factor, summed over t in
/// order.
///
/// - Parameters:
///   - mask: nil: no mask.
///   - firstColumn: the mask's column that belongs to column 0, a multiple of 32.
/// - Complexity: O(T·r·n) multiply-adds; x is read ⌈r/8⌉ times.
public func accumulateOuter(
    _ u: Matrix, _ x: Matrix, scale: Float = 1, through mask: Dropout? = nil, firstColumn: Int = 0,
    into g: Matrix
) {
    precondition(
        u.rows == x.rows && g.rows == u.columns && g.columns == x.columns, "shapes differ")
    if let mask {
        precondition(firstColumn % 32 == 0, "a mask's columns come by the 32")
        var mask = mask.forC
        unsafe vaccine_outer(u.forC, x.forC, scale, &mask, firstColumn, g.forC)
    } else {
        unsafe vaccine_outer(u.forC, x.forC, scale, nil, 0, g.forC)
    }
}

extension Matrix {
    var forC: VaccineMatrix {
        unsafe VaccineMatrix(values: base, rows: rows, columns: columns, stride: stride)
    }
}
