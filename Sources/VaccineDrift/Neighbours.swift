public import VaccineNumerics

/// For every row, the share of its k nearest neighbours among x's rows that are also those of its partner
/// among y's rows, by Euclidean distance and without the row itself.
///
/// - Complexity: O(n² · d) multiply-adds.
/// - Throws: `VaccineError.value` for elements that are not finite; `.memory`.
public func neighbourOverlap(
    _ x: EmbeddingRows, _ y: EmbeddingRows, k: Int, interruption: Interruption
) throws(VaccineError) -> [Double] {
    let (first, second) = (
        try nearest(PooledRows([("x", x)]), k, interruption),
        try nearest(PooledRows([("y", y)]), k, interruption)
    )
    return zip(first, second).map { Double($0.intersection($1).count) / Double(k) }
}

/// The k nearest rows of each row; ties go to the earlier row.
private func nearest(
    _ pool: PooledRows, _ k: Int, _ interruption: Interruption
) throws(VaccineError) -> [Set<Int>] {
    let (block, count) = (64, pool.count)
    let arena = try Arena(byteCount: 4 * block * (count + 16) + 128, purpose: "neighbours")
    defer { arena.keepAlive() }
    let products = arena.matrix(rows: block, columns: count)
    var results: [Set<Int>] = []
    for rows in Blocks(of: count, size: block) {
        try interruption.check()
        let found = products.rows(0..<rows.count)
        multiply(pool.rows.rows(rows), transposing: Weight(pool.rows), into: found)
        let sets = Results<Set<Int>>(count: rows.count)
        Threads.forEach(rows.count) { index, _ in
            sets[index] = pool.nearest(to: rows.lowerBound + index, k, products: found[index])
        }
        results += (0..<rows.count).map { sets[$0] ?? [] }
    }
    return results
}

extension PooledRows {
    /// Float32 products bound every squared distance from both sides; those that may be among the k
    /// smallest are computed exactly.
    ///
    /// - Parameter products: dot products of `rows` with this row.
    fileprivate func nearest(to row: Int, _ k: Int, products: Span<Float>) -> Set<Int> {
        let norms = norms[0]
        let own = Double(norms[row])
        // Rounding of a dot product of `width` terms is about 2⁻²⁴ · √width of the norms: four times that.
        let error = 0x1p-24 * 4 * (Double(width).squareRoot() + 8)
        func bounds(_ other: Int) -> (low: Double, high: Double) {
            let norm = own + Double(norms[other])
            let (square, slack) = (norm - 2 * Double(products[other]), error * norm + 1e-37)
            return (square - slack, square + slack)
        }
        var highest = (0..<count).compactMap { $0 == row ? nil : bounds($0).high }
        select(k - 1, &highest)
        let limit = highest[k - 1]
        let candidates = (0..<count).filter { $0 != row && bounds($0).low <= limit }
        var distances: [Double]
        if candidates.count > count / 4 {
            distances = [Double](repeating: 0, count: count)
            squaredDistances(from: row, to: 0..<count, into: &distances, from: 0)
            distances = candidates.map { distances[$0] }
        } else {
            distances = candidates.map { squaredDistance(row, $0) }
        }
        let order = candidates.indices.sorted {
            (distances[$0], candidates[$0]) < (distances[$1], candidates[$1])
        }
        return Set(order.prefix(k).map { candidates[$0] })
    }
}
