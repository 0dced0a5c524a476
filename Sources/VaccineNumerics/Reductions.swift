/// Σ a·b in sixteen lanes.
///
/// - Complexity: O(n) multiply-adds.
/// - Numerical note: each lane sums n / 16 terms in order, then the lanes are added.
@inlinable public func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    precondition(a.count == b.count, "lengths differ")
    var sums = Lanes.zero
    sweep(a.count) {
        sums.addProduct(a.lanes(at: $0), b.lanes(at: $0))
    } tail: {
        sums.addProduct(a.lanesTail(at: $0), b.lanesTail(at: $0))
    }
    return sums.sum()
}

/// Σ x² in double precision.
public func sumOfSquares(_ matrix: Matrix) -> Double {
    var total = 0.0
    for row in 0..<matrix.rows {
        let values = matrix[row]
        var sums = SIMD8<Double>.zero
        var index = 0
        while index + 16 <= values.count {
            let lanes = values.lanes(at: index)
            let low = SIMD8<Double>(lanes.lowHalf)
            let high = SIMD8<Double>(lanes.highHalf)
            sums += low * low
            sums += high * high
            index += 16
        }
        for index in index..<values.count {
            total += Double(values[index]) * Double(values[index])
        }
        total += sums.sum()
    }
    return total
}

extension Matrix {
    /// self += α · other, over all rows in parallel.
    ///
    /// - Parameter chosen: the rows of `other` that are added, one to each of these; nil: all.
    public func add(_ other: Matrix, rows chosen: [Int]? = nil, scale: Float = 1) {
        precondition(
            rows == chosen?.count ?? other.rows && columns == other.columns, "shapes differ")
        Threads.forEachRange(of: rows) { range in
            for row in range {
                let source = other[chosen?[row] ?? row]
                var target = mutable(row)
                sweep(columns) {
                    target.setLanes(
                        target.lanes(at: $0).addingProduct(
                            source.lanes(at: $0), Lanes(repeating: scale)), at: $0)
                } tail: {
                    target.setLanesTail(
                        target.lanesTail(at: $0).addingProduct(
                            source.lanesTail(at: $0), Lanes(repeating: scale)), at: $0)
                }
            }
        }
    }

    /// self *= factor.
    public func scale(by factor: Float) {
        for row in 0..<rows {
            var target = mutable(row)
            for index in target.indices { target[index] *= factor }
        }
    }
}
