/// Products with few rows, each of whose results depends on its own row alone.
///
/// ```
/// y[t, o] = Σ_k x[t, k] · w[o, k]
/// ```
/// Unlike `multiply`, the order of additions for a row does not depend on how many rows there are,
/// so text generated in a batch equals text generated one prompt at a time. Rows are taken four at a
/// time, so that w streams from memory once for four of them.
/// - Parameters:
///   - x: shape [T, K]. `w`: shape [N, K]. `y`: shape [T, N], overwritten.
/// - Complexity: 2·T·N·K operations; reads w ⌈T/4⌉ times (from cache, in blocks of 64 outputs).
public func multiplyRows(_ x: Matrix, _ w: Matrix, into y: Matrix) {
    precondition(
        x.columns == w.columns && y.rows == x.rows && y.columns == w.rows, "shapes differ")
    Threads.forEachRange(of: w.rows, unit: 16) { outputs in
        var block = outputs.lowerBound
        while block < outputs.upperBound {
            let end = min(block + 64, outputs.upperBound)
            var row = 0
            while row + 4 <= x.rows {
                for output in block..<end { fourRows(x, row, w[output], output, into: y) }
                row += 4
            }
            for row in row..<x.rows {
                for output in block..<end { y[row, output] = dot(x[row], w[output]) }
            }
            block = end
        }
    }
}

/// Four products that share one row of w; the additions of each are those of `dot`.
@inline(__always)
private func fourRows(
    _ x: Matrix, _ row: Int, _ weights: Span<Float>, _ output: Int, into y: Matrix
) {
    let (x0, x1, x2, x3) = (x[row], x[row + 1], x[row + 2], x[row + 3])
    var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
    sweep(weights.count) {
        let w = weights.lanes(at: $0)
        s0.addProduct(x0.lanes(at: $0), w)
        s1.addProduct(x1.lanes(at: $0), w)
        s2.addProduct(x2.lanes(at: $0), w)
        s3.addProduct(x3.lanes(at: $0), w)
    } tail: {
        let w = weights.lanesTail(at: $0)
        s0.addProduct(x0.lanesTail(at: $0), w)
        s1.addProduct(x1.lanesTail(at: $0), w)
        s2.addProduct(x2.lanesTail(at: $0), w)
        s3.addProduct(x3.lanesTail(at: $0), w)
    }
    y[row, output] = s0.sum()
    y[row + 1, output] = s1.sum()
    y[row + 2, output] = s2.sum()
    y[row + 3, output] = s3.sum()
}
