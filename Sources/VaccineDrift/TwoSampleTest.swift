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
        let count = pairs.count
        let width = try TwoSampleTest.weightings(draws + 1, pairs, kernel, memory: memory)
        statistics = []
        means = (.nan, .nan, .nan)
        let arena = try Arena(byteCount: 4 * count * (width + 17) + 128, purpose: "permutations")
        defer { arena.keepAlive() }
        let weights = arena.matrix(rows: count, columns: width)
        for start in stride(from: 0, through: draws, by: width) {
            let size = min(width, draws + 1 - start)
            let part = interruption.part(start / width, of: (draws + width) / width)
            var sizes: [Double] = []
            for wave in Blocks(of: size, size: Threads.wave(of: 32 * count)) {
                try part.check(0)
                sizes += Threads.map(wave.count) { index in
                    let offset = wave.lowerBound + index
                    let labels = relabelling.labels(
                        draw: start + offset, countX: countX, count: count, seed: seed)
                    for row in 0..<count {
                        weights[row, offset] = labels[row] ? 1 : (paired ? -1 : 0)
                    }
                    return Double(labels.count { $0 })
                }
            }
            let sums = try pairs.sums(
                kernel, weights: weights.columns(0..<size), partner: paired ? countX : 0,
                interruption: part)
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
        _ wanted: Int, _ pairs: PairSums, _ kernel: PairwiseKernel, memory: Int
    ) throws(VaccineError) -> Int {
        let rows = pairs.count
        let fixed = pairs.bytes(kernel, weightings: 0)
        let each = pairs.bytes(kernel, weightings: 1) - fixed + 4 * rows
        let fitting = (memory - fixed - 4 * rows * 17) / each
        guard fitting >= 1 else {
            let least = (fixed + 4 * rows * 17 + each + (1 << 20) - 1) >> 20
            throw .value(
                "memory must be at least \(least) MB for \(counted(rows, "row")), "
                    + "got \(memory >> 20) MB")
        }
        return min(wanted, fitting)
    }
}
