// The four skinny products of low-rank adaptation. Rank r is small (4 to 64), so these are bound by
// memory and not by arithmetic; a general matrix product would spend its time packing. Every matrix of
// rank-many rows is rank-major: down [r, in], up [r, out].

internal import VaccineNumerics

/// u[t, j] = scale · Σ_i x[t, i] · a[j, i]: one row of x onto the r rows of a.
func project(_ x: Span<Float>, onto a: Matrix, scale: Float, into u: inout MutableSpan<Float>) {
    var rank = 0
    while rank + 4 <= a.rows {
        let (a0, a1, a2, a3) = (a[rank], a[rank + 1], a[rank + 2], a[rank + 3])
        var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
        sweep(x.count) {
            let lanes = x.lanes(at: $0)
            s0.addProduct(lanes, a0.lanes(at: $0))
            s1.addProduct(lanes, a1.lanes(at: $0))
            s2.addProduct(lanes, a2.lanes(at: $0))
            s3.addProduct(lanes, a3.lanes(at: $0))
        } tail: {
            let lanes = x.lanesTail(at: $0)
            s0.addProduct(lanes, a0.lanesTail(at: $0))
            s1.addProduct(lanes, a1.lanesTail(at: $0))
            s2.addProduct(lanes, a2.lanesTail(at: $0))
            s3.addProduct(lanes, a3.lanesTail(at: $0))
        }
        u[rank] = s0.sum() * scale
        u[rank + 1] = s1.sum() * scale
        u[rank + 2] = s2.sum() * scale
        u[rank + 3] = s3.sum() * scale
        rank += 4
    }
    for rank in rank..<a.rows { u[rank] = dot(x, a[rank]) * scale }
}

/// y[t, :] += Σ_j u[t, j] · scale · a[j, :]: r numbers out into one row.
func expand(_ u: Span<Float>, over a: Matrix, scale: Float, addingTo y: inout MutableSpan<Float>) {
    sweep(a.columns) {
        var sum = Lanes.zero
        for rank in 0..<a.rows {
            sum.addProduct(Lanes(repeating: u[rank]), a[rank].lanes(at: $0))
        }
        y.setLanes(y.lanes(at: $0).addingProduct(sum, Lanes(repeating: scale)), at: $0)
    } tail: {
        var sum = Lanes.zero
        for rank in 0..<a.rows {
            sum.addProduct(Lanes(repeating: u[rank]), a[rank].lanesTail(at: $0))
        }
        y.setLanesTail(y.lanesTail(at: $0).addingProduct(sum, Lanes(repeating: scale)), at: $0)
    }
}

/// y[t, :] += mask ⊙ Σ_j u[t, j] · a[j, :]: as `expand`, through a dropout mask.
func expand(
    _ u: Span<Float>, over a: Matrix, through dropout: Dropout, row: Int,
    addingTo y: inout MutableSpan<Float>
) {
    let random = dropout.row(row)
    sweep(a.columns) {
        var sum = Lanes.zero
        for rank in 0..<a.rows {
            sum.addProduct(Lanes(repeating: u[rank]), a[rank].lanes(at: $0))
        }
        let factors = dropout.factors(row: random, block: $0 / laneCount)
        y.setLanes(y.lanes(at: $0).addingProduct(sum, factors), at: $0)
    } tail: {
        var sum = Lanes.zero
        for rank in 0..<a.rows {
            sum.addProduct(Lanes(repeating: u[rank]), a[rank].lanesTail(at: $0))
        }
        let factors = dropout.factors(row: random, block: $0 / laneCount)
        y.setLanesTail(y.lanesTail(at: $0).addingProduct(sum, factors), at: $0)
    }
}

/// g[j, :] += scale · Σ_t u[t, j] · x[t, :]: the gradient of a rank-major factor.
///
/// Threads take columns of their own, so that every element is summed over t in order.
/// - Complexity: O(T·r·n) multiply-adds; x is read ⌈r/4⌉ times.
func accumulateOuter(_ u: Matrix, _ x: Matrix, scale: Float, into g: Matrix) {
    precondition(
        u.rows == x.rows && g.rows == u.columns && g.columns == x.columns, "shapes differ")
    Threads.forEachRange(of: x.columns, unit: 64) { columns in
        var column = columns.lowerBound
        while column + laneCount <= columns.upperBound {
            outerBlock(u, x, scale: scale, column: column, into: g)
            column += laneCount
        }
        for rank in 0..<g.rows {
            var target = g.mutable(rank)
            for column in column..<columns.upperBound {
                var sum: Float = 0
                for row in 0..<x.rows { sum += u[row][rank] * x[row][column] }
                target[column] += scale * sum
            }
        }
    }
}

/// Sixteen columns of `accumulateOuter`, four ranks at a time.
private func outerBlock(_ u: Matrix, _ x: Matrix, scale: Float, column: Int, into g: Matrix) {
    var rank = 0
    while rank < g.rows {
        let width = min(4, g.rows - rank)
        var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
        for row in 0..<x.rows {
            let lanes = x[row].lanes(at: column)
            let factors = u[row]
            s0.addProduct(lanes, Lanes(repeating: factors[rank]))
            if width > 1 { s1.addProduct(lanes, Lanes(repeating: factors[rank + 1])) }
            if width > 2 { s2.addProduct(lanes, Lanes(repeating: factors[rank + 2])) }
            if width > 3 { s3.addProduct(lanes, Lanes(repeating: factors[rank + 3])) }
        }
        for (offset, sum) in [s0, s1, s2, s3].prefix(width).enumerated() {
            var target = g.mutable(rank + offset)
            target.setLanes(
                target.lanes(at: column).addingProduct(sum, Lanes(repeating: scale)), at: column)
        }
        rank += width
    }
}
