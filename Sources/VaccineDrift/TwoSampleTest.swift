public import VaccineNumerics

/// Kernel two-sample statistics of observed and permuted labels.
public struct TwoSampleTest: Sendable {
    /// [draws + 1]; the first is observed.
    public var statistics: [Double]
    /// Mean kernel value within x, within y, and between, of the observed labels.
    public var means: (x: Double, y: Double, between: Double)

    /// ```
    /// unbiased:  XX / (n(n − 1)) + YY / (m(m − 1)) − 2 XY / (nm)       biased: with n², m²
    /// ```
    /// where XX, YY are sums over i ≠ j. With z the indicator of x, XX = zᵀKz, XX + XY = zᵀK1, so every
    /// permutation is one column of a product with the kernel matrix (Gretton et al. 2012, JMLR 13, Eq. 3).
    ///
    /// - Parameters:
    ///   - draws: permutations B.
    ///   - paired: rows i of x and y are one pair: labels swap within pairs, and pairs with themselves are
    ///     left out of the statistic, Σ s_i s_j h_ij / (n(n − 1)) over i ≠ j.
    ///   - memory: bytes beside the pooled rows; decides how many permutations share a sweep.
    /// - Throws: `VaccineError.value` when the memory does not suffice for one.
    public init(
        _ pairs: PairSums, countX: Int, kernel: PairwiseKernel, relabelling: Relabelling,
        draws: Int, unbiased: Bool, paired: Bool, seed: UInt64, memory: Int,
        interruption: Interruption
    ) throws(VaccineError) {
        let count = pairs.rows.rows
        let width = try TwoSampleTest.weightings(draws + 1, rows: count, memory: memory)
        statistics = []
        means = (.nan, .nan, .nan)
        let arena = try Arena(byteCount: 4 * count * (width + 17) + 128, purpose: "permutations")
        defer { arena.keepAlive() }
        let weights = arena.matrix(rows: count, columns: width)
        for start in stride(from: 0, through: draws, by: width) {
            let size = min(width, draws + 1 - start)
            let sizes = Threads.map(size) { offset in
                let labels = relabelling.labels(
                    draw: start + offset, countX: countX, count: count, seed: seed)
                for row in 0..<count {
                    weights[row, offset] = labels[row] ? 1 : (paired ? -1 : 0)
                }
                return Double(labels.count { $0 })
            }
            let sums = try pairs.sums(
                kernel, weights: weights.columns(0..<size), partner: paired ? countX : 0,
                interruption: interruption)
            for offset in 0..<size {
                if paired {
                    let pairCount = Double(countX)
                    statistics.append(sums.quadratic[offset] / (pairCount * (pairCount - 1)))
                    continue
                }
                let values = TwoSampleTest.means(
                    sums, offset, n: sizes[offset], m: Double(count) - sizes[offset],
                    unbiased: unbiased)
                statistics.append(values.x + values.y - 2 * values.between)
                if start + offset == 0 { means = values }
            }
        }
    }

    private static func means(
        _ sums: PairSums.Sums, _ index: Int, n: Double, m: Double, unbiased: Bool
    ) -> (x: Double, y: Double, between: Double) {
        let c = sums.offset
        let withinX = sums.quadratic[index] + c * n * (n - 1)
        let between = sums.linear[index] - sums.quadratic[index] + c * n * m
        let withinY =
            sums.total - 2 * sums.linear[index] + sums.quadratic[index] + c * m * (m - 1)
        return (
            withinX / (unbiased ? n * (n - 1) : n * n), withinY / (unbiased ? m * (m - 1) : m * m),
            between / (n * m)
        )
    }

    /// How many weightings fit.
    private static func weightings(
        _ wanted: Int, rows: Int, memory: Int
    ) throws(VaccineError) -> Int {
        let fixed = PairSums.bytes(weightings: 0)
        let each = PairSums.bytes(weightings: 1) - fixed + 4 * rows
        let fitting = (memory - fixed - 4 * rows * 17) / each
        guard fitting >= 1 else {
            let least = (fixed + 4 * rows * 17 + each + (1 << 20) - 1) >> 20
            throw .value(
                "memory must be at least \(least) MB for \(rows) rows, got \(memory >> 20) MB")
        }
        return min(wanted, fitting)
    }

    /// The square root of half the median squared distance of a seeded subsample of pooled rows: the
    /// bandwidth σ with which the Gaussian kernel is exp(−d² / median).
    public static func medianBandwidth(_ pairs: PairSums, sample: Int, seed: UInt64)
        throws(VaccineError) -> Double
    {
        let count = pairs.rows.rows
        var chosen = Array(0..<count)
        let stream = RandomStream(seed, 0x6D65_6469)
        for index in 0..<min(sample, count) {
            let rest = UInt64(count - index)
            let other = index + Int(stream.word(at: index).multipliedFullWidth(by: rest).high)
            chosen.swapAt(index, other)
        }
        let rows = Array(chosen.prefix(sample))
        let arena = try Arena(
            byteCount: 4 * rows.count * (pairs.rows.columns + rows.count + 32) + 256,
            purpose: "the median distance")
        defer { arena.keepAlive() }
        let part = arena.matrix(rows: rows.count, columns: pairs.rows.columns)
        let gram = arena.matrix(rows: rows.count, columns: rows.count)
        for (place, row) in rows.enumerated() {
            part.rows(place..<place + 1).copy(from: pairs.rows[row])
        }
        multiply(part, transposing: Weight(part), into: gram)
        var distances: [Double] = []
        distances.reserveCapacity(rows.count * (rows.count - 1) / 2)
        let squares = rows.indices.map { gram[$0, $0] }
        for i in rows.indices {
            let products = gram[i]
            for j in i + 1..<rows.count {
                distances.append(max(0, Double(squares[i] + squares[j] - 2 * products[j])))
            }
        }
        return (median(&distances) / 2).squareRoot()
    }
}

/// The median, in expected linear time; the values are left in another order.
func median(_ values: inout [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let middle = values.count / 2
    select(middle, &values)
    guard values.count % 2 == 0 else { return values[middle] }
    return (values[..<middle].reduce(-.infinity, max) + values[middle]) / 2
}

/// Puts the value of this rank in its place, none larger before it and none smaller after it (Hoare 1961).
private func select(_ rank: Int, _ values: inout [Double]) {
    var (low, high) = (0, values.count - 1)
    while low < high {
        let pivot = values[low + (high - low) / 2]
        var (i, j) = (low, high)
        while i <= j {
            while values[i] < pivot { i += 1 }
            while values[j] > pivot { j -= 1 }
            if i <= j {
                values.swapAt(i, j)
                i += 1
                j -= 1
            }
        }
        if rank <= j { high = j } else if rank >= i { low = i } else { return }
    }
}
