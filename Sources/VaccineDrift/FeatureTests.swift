internal import Glibc
public import VaccineNumerics

/// The two-sample Kolmogorov–Smirnov statistic of every column, and its asymptotic p-value.
///
/// ```
/// D = max |F_x − F_y|,   p = Q(√(nm / (n + m)) · D),   Q(λ) = 2 Σ (−1)^(k−1) exp(−2 k² λ²)
/// ```
/// - Complexity: O(d · (n + m) · log(n + m)).
/// - Throws: `VaccineError.value` for elements that are not finite.
public func kolmogorovSmirnov(
    _ x: EmbeddingRows, _ y: EmbeddingRows
) throws(VaccineError) -> (statistics: [Double], pValues: [Double]) {
    try x.checkFinite("x")
    try y.checkFinite("y")
    let (n, m) = (Double(x.rows), Double(y.rows))
    let statistics = Threads.map(x.width) { column in
        largestGap(x.sortedColumn(column), y.sortedColumn(column))
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

/// W_p^p of the projections of both samples on seeded random directions, one number each.
///
/// - Parameters:
///   - power: p, 1 or 2.
/// - Complexity: O(projections · (n + m) · (d + log(n + m))).
/// - SeeAlso: Bonneel et al. 2015, doi:10.1007/s10851-014-0506-3.
public func slicedWasserstein(
    _ x: EmbeddingRows, _ y: EmbeddingRows, projections: Int, power: Int, seed: UInt64,
    interruption: Interruption
) throws(VaccineError) -> [Double] {
    try x.checkFinite("x")
    try y.checkFinite("y")
    var results: [Double] = []
    let wave = 4 * Threads.count
    for start in stride(from: 0, to: projections, by: wave) {
        try interruption.check()
        results += Threads.map(min(wave, projections - start)) { index in
            let stream = RandomStream(seed, 0x736C_6963, UInt64(start + index))
            let draws = (0..<x.width).map { Double(stream.normal(at: $0)) }
            let norm = dot(draws, draws).squareRoot()
            let direction = draws.map { $0 / norm }
            return wassersteinPower(
                x.projected(direction).sorted(), y.projected(direction).sorted(), power)
        }
    }
    return results
}

/// ∫ |F⁻¹(u) − G⁻¹(u)|^p du of sorted samples.
private func wassersteinPower(_ a: [Double], _ b: [Double], _ power: Int) -> Double {
    var (i, j, place, sum) = (0, 0, 0.0, 0.0)
    while i < a.count && j < b.count {
        let next = min(Double(i + 1) / Double(a.count), Double(j + 1) / Double(b.count))
        let distance = abs(a[i] - b[j])
        sum += (next - place) * (power == 1 ? distance : distance * distance)
        // The comparison in whole numbers, so that equal steps end together.
        let (endA, endB) = ((i + 1) * b.count, (j + 1) * a.count)
        if endA <= endB { i += 1 }
        if endB <= endA { j += 1 }
        place = next
    }
    return sum
}

extension EmbeddingRows {
    fileprivate func sortedColumn(_ column: Int) -> [Double] {
        (0..<rows).map { self[$0, column] }.sorted()
    }

    fileprivate func projected(_ direction: [Double]) -> [Double] {
        var row = [Double](repeating: 0, count: width)
        return (0..<rows).map {
            read($0, into: &row, from: 0)
            return dot(row, direction)
        }
    }
}
