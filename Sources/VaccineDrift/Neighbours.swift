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
        try nearest(PairSums(x, x), x.rows, k, interruption),
        try nearest(PairSums(y, y), y.rows, k, interruption)
    )
    return zip(first, second).map { Double($0.intersection($1).count) / Double(k) }
}

/// The k nearest rows of each of the first `count` rows; ties go to the earlier row.
private func nearest(
    _ pairs: PairSums, _ count: Int, _ k: Int, _ interruption: Interruption
) throws(VaccineError) -> [Set<Int>] {
    let block = 64
    let arena = try Arena(byteCount: 4 * block * (count + 16) + 128, purpose: "neighbours")
    defer { arena.keepAlive() }
    let products = arena.matrix(rows: block, columns: count)
    let all = pairs.rows.rows(0..<count)
    var results: [Set<Int>] = []
    for start in stride(from: 0, to: count, by: block) {
        try interruption.check()
        let rows = start..<min(start + block, count)
        multiply(all.rows(rows), transposing: Weight(all), into: products.rows(0..<rows.count))
        let found = Results<Set<Int>>(count: rows.count)
        Threads.forEach(rows.count) { index, _ in
            let values = products[index]
            let order = (0..<count).filter { $0 != start + index }.map { other in
                (pairs.norm(other) - 2 * values[other], other)
            }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
            found[index] = Set(order.prefix(k).map(\.1))
        }
        results += rows.indices.map { found[$0 - start] ?? [] }
    }
    return results
}

extension PairSums {
    /// |row|².
    fileprivate func norm(_ row: Int) -> Float { norms[0, row] }
}
