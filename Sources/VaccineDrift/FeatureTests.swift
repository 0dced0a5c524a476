internal import Glibc
public import VaccineNumerics

/// The two-sample Kolmogorov–Smirnov statistic of every column, and its asymptotic p-value.
///
/// ```
/// D = max |F_x − F_y|,   p = Q(√(nm / (n + m)) · D),   Q(λ) = 2 Σ (−1)^(k−1) exp(−2 k² λ²)
/// ```
/// - Complexity: O(d · (n + m)) above 1024 rows.
/// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`.
public func kolmogorovSmirnov(
    _ x: EmbeddingRows, _ y: EmbeddingRows, interruption: Interruption
) throws(VaccineError) -> (statistics: [Double], pValues: [Double]) {
    try x.checkFinite("x", interruption: interruption.part(0, of: 64))
    try y.checkFinite("y", interruption: interruption.part(1, of: 64))
    let interruption = interruption.part(2..<64, of: 64)
    let (n, m) = (Double(x.rows), Double(y.rows))
    var statistics: [Double] = []
    let columns = EmbeddingRows.columnsTogether(rows: x.rows + y.rows)
    let groups = Array(Blocks(of: x.width, size: columns))
    for wave in Blocks(of: groups.count, size: Threads.wave(of: 64 * columns * (x.rows + y.rows))) {
        try interruption.check(wave.lowerBound, of: groups.count)
        let gaps = Results<[Double]>(count: wave.count)
        Threads.forEach(wave.count) { index, _ in
            let group = groups[wave.lowerBound + index]
            gaps[index] = zip(x.sortedColumns(group), y.sortedColumns(group)).map(largestGap)
        }
        statistics += (0..<wave.count).flatMap { gaps[$0] ?? [] }
    }
    let pValues = statistics.map { kolmogorovTail((n * m / (n + m)).squareRoot() * $0) }
    return (statistics, pValues)
}

/// The largest distance of two empirical distribution functions, from sorted samples.
private func largestGap(_ a: [Double], _ b: [Double]) -> Double {
    var (i, j, gap) = (0, 0, 0.0)
    while i < a.count && j < b.count {
        let value = min(a[i], b[j])
        while i < a.count && a[i] == value { i += 1 }
        while j < b.count && b[j] == value { j += 1 }
        gap = max(gap, abs(Double(i) / Double(a.count) - Double(j) / Double(b.count)))
    }
    return gap
}

/// P(K > λ) of Kolmogorov's distribution.
private func kolmogorovTail(_ lambda: Double) -> Double {
    guard lambda > 0.2 else { return 1 }
    var (sum, sign) = (0.0, 1.0)
    for k in 1...100 {
        let term = exp(-2 * Double(k * k) * lambda * lambda)
        sum += sign * term
        if term < 1e-17 { break }
        sign = -sign
    }
    return min(1, max(0, 2 * sum))
}

extension EmbeddingRows {
    /// Columns that are read in one sweep over the rows: those of a cache line, or as many as 8 MB hold.
    fileprivate static func columnsTogether(rows: Int) -> Int {
        max(1, min(16, (1 << 20) / max(1, rows)))
    }

    fileprivate func sortedColumns(_ chosen: Range<Int>) -> [[Double]] {
        var columns = [[Double]](
            repeating: [Double](repeating: 0, count: rows), count: chosen.count)
        for row in 0..<rows {
            for (place, column) in chosen.enumerated() { columns[place][row] = self[row, column] }
        }
        return columns.map { sortedNumbers($0, asSingles: element != .float64) }
    }
}
