public import VaccineNumerics

/// For every row, the share of its k nearest neighbours among x's rows that are also those of its partner
/// among y's rows, by Euclidean distance and without the row itself.
///
/// - Complexity: O(n² · d) multiply-adds.
/// - Throws: `VaccineError.value` for elements that are not finite; `.memory`, `.interrupted`.
public func neighbourOverlap(
    _ x: EmbeddingRows, _ y: EmbeddingRows, k: Int, interruption: Interruption
) throws(VaccineError) -> [Double] {
    let first = try nearest(
        PooledRows([("x", x)], interruption: interruption), k, interruption.part(0, of: 2))
    let second = try nearest(
        PooledRows([("y", y)], interruption: interruption), k, interruption.part(1, of: 2))
    return zip(first, second).map { Double(shared($0, $1)) / Double(k) }
}

/// How many numbers two ascending lists share.
private func shared(_ a: [Int], _ b: [Int]) -> Int {
    var (i, j, count) = (0, 0, 0)
    while i < a.count && j < b.count {
        if a[i] == b[j] { count += 1 }
        let (next, other) = (a[i] <= b[j], b[j] <= a[i])
        if next { i += 1 }
        if other { j += 1 }
    }
    return count
}

/// The k nearest rows of each row, ascending; ties go to the earlier row.
private func nearest(
    _ pool: PooledRows, _ k: Int, _ interruption: Interruption
) throws(VaccineError) -> [[Int]] {
    let count = pool.count
    // Rows that share the packed ones: as many as 16 MB of products hold, in a quarter of a second at most.
    let fitting = min((1 << 22) / count, (1 << 33) / (count * pool.width))
    let block = min(count, max(16, min(512, fitting)))
    let arena = try Arena(byteCount: 4 * block * (count + 16) + 128, purpose: "neighbours")
    defer { arena.keepAlive() }
    let products = arena.matrix(rows: block, columns: count)
    let results = Results<[Int]>(count: count)
    for rows in Blocks(of: count, size: block) {
        try interruption.check(rows.lowerBound, of: count)
        let found = products.rows(0..<rows.count)
        multiply(pool.rows.rows(rows), transposing: Weight(pool.rows), into: found)
        Threads.forEach(rows.count) { index, _ in
            results[rows.lowerBound + index] = pool.nearest(
                to: rows.lowerBound + index, k, products: found[index])
        }
    }
    return (0..<count).map { results[$0] ?? [] }
}

/// Rows that may be among the k nearest of one row, with bounds of their squared distances.
private struct Candidates {
    private(set) var rows: [Int] = []
    private var low: [Double] = []
    private var high: [Double] = []
    /// At least as large as the k-th smallest squared distance.
    private(set) var limit = Double.infinity

    mutating func add(_ row: Int, low: Double, high: Double) {
        rows.append(row)
        self.low.append(low)
        self.high.append(high)
    }

    /// Leaves out what k others are nearer than.
    mutating func tighten(_ k: Int) {
        guard rows.count >= k else { return }
        var ordered = high
        select(k - 1, &ordered)
        limit = ordered[k - 1]
        var kept = 0
        for place in rows.indices where low[place] <= limit {
            (rows[kept], low[kept], high[kept]) = (rows[place], low[place], high[place])
            kept += 1
        }
        rows.removeLast(rows.count - kept)
        low.removeLast(low.count - kept)
        high.removeLast(high.count - kept)
    }
}

extension PooledRows {
    /// Float32 products bound every squared distance from both sides; those that may be among the k
    /// smallest are computed exactly.
    ///
    /// - Parameter products: dot products of `rows` with this row.
    /// - Returns: ascending.
    fileprivate func nearest(to row: Int, _ k: Int, products: Span<Float>) -> [Int] {
        let norms = norms[0]
        let own = Double(norms[row])
        // Rounding of a dot product of `width` terms is about 2⁻²⁴ · √width of the norms: four times that.
        let error = 0x1p-24 * 4 * (Double(width).squareRoot() + 8)
        var candidates = Candidates()
        let part = max(256, 2 * k)
        var places = [Int](repeating: 0, count: part)
        for others in Blocks(of: count, size: part) {
            let close = pairs(
                within: candidates.limit + 1e-37, slack: error, products.extracting(others),
                norm: norms[row], norms: norms.extracting(others), places: &places)
            for place in places[..<close] where others.lowerBound + place != row {
                let other = others.lowerBound + place
                let norm = own + Double(norms[other])
                let (square, slack) = (norm - 2 * Double(products[other]), error * norm + 1e-37)
                candidates.add(other, low: square - slack, high: square + slack)
            }
            if candidates.rows.count > 2 * k { candidates.tighten(k) }
        }
        candidates.tighten(k)
        let rows = candidates.rows
        guard rows.count > k else { return rows }
        var distances: [Double]
        if rows.count > count / 4 {
            distances = [Double](repeating: 0, count: count)
            squaredDistances(from: row, to: 0..<count, into: &distances, from: 0)
            distances = rows.map { distances[$0] }
        } else {
            distances = rows.map { squaredDistance(row, $0) }
        }
        let order = rows.indices.sorted { (distances[$0], rows[$0]) < (distances[$1], rows[$1]) }
        return order.prefix(k).map { rows[$0] }.sorted()
    }
}
