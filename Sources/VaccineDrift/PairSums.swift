public import VaccineNumerics

/// Sums over all pairs of rows i ≠ j of a pooled set, for many weightings of the rows at once.
///
/// ```
/// quadratic_b = Σ a_ib a_jb k(i, j),   linear_b = Σ a_ib k(i, j),   total = Σ k(i, j)
/// ```
/// The kernel matrix is made tile by tile, each unordered pair of tiles once, and multiplied with all
/// weightings as one product; nothing of its size is stored. Every tile's sums are kept apart until they
/// are added in order, so results do not depend on the threads, nor on how many weightings are given
/// together.
public final class PairSums: @unchecked Sendable {
    let pool: PooledRows
    /// Squared distances of some pairs, ascending.
    private let sample: [Double]
    /// Of those that are not 0, what all but one of 128 are at least.
    private let nearest: Double

    /// Rows and columns of a tile of the kernel matrix, and tiles below each other of one task, which
    /// share the packed columns.
    static let (tile, span) = (256, 4)
    /// The share of the norms up to which a squared distance from float32 products is replaced by an exact
    /// one.
    static let closeness: Float = 0x1p-7
    /// Tasks for each thread between two looks at the interruption, at most.
    private static let wave = 64

    /// - Throws: `VaccineError.value` for elements that are not finite; `.memory`, `.interrupted`.
    public init(
        _ x: EmbeddingRows, _ y: EmbeddingRows, interruption: Interruption = .none
    ) throws(VaccineError) {
        let pool = try PooledRows([("x", x), ("y", y)], interruption: interruption)
        self.pool = pool
        let chosen = Array(stride(from: 0, to: pool.count, by: max(1, pool.count / 64)))
        sample = chosen.indices.flatMap { place in
            chosen[(place + 1)...].map { pool.squaredDistance(chosen[place], $0) }
        }.sorted()
        let apart = sample.drop { $0 == 0 }
        nearest = apart.isEmpty ? 0 : apart[apart.startIndex + apart.count / 128]
    }

    /// Rows of both sides.
    public var count: Int { pool.count }

    /// In what kernel values are computed.
    enum Precision { case single, double }

    /// Single where float32 keeps the values, their sums and their differences to 1e-5 or so.
    ///
    /// Squared distances come from norms and dot products about the mean, with an error of about
    /// 2⁻²² · (|x|² + |y|²); single pairs that are much closer than their norms are made exact, but not
    /// most of them. Sums of −|x − y| need all distances of one order of magnitude, or those of rows in
    /// one cluster are lost beside those between clusters. A Gaussian's values need norms that are small
    /// beside the squared bandwidth's reach, and distances that are not.
    func precision(_ kernel: PairwiseKernel) -> Precision {
        guard let typical = sample.isEmpty ? nil : sample[sample.count / 2] else { return .double }
        guard typical > 0, pool.meanNorm <= 32 * typical else { return .double }
        let sound =
            switch kernel {
            case .negativeDistance:
                pool.largestNorm <= 1024 * typical && nearest >= typical * 0x1p-14
            case .gaussian(let bandwidth):
                pool.meanNorm <= 128 * bandwidth * bandwidth
                    && typical >= bandwidth * bandwidth / 32
            }
        return sound ? .single : .double
    }

    /// Bytes that `sums` takes for a number of weightings, beside the rows.
    func bytes(_ kernel: PairwiseKernel, weightings: Int) -> Int {
        let (tile, span) = (PairSums.tile, PairSums.span)
        let scratch =
            switch precision(kernel) {
            case .single: 4 * span * tile * (tile + weightings + 32)
            case .double: 8 * tile * (tile + 2 * weightings)
            }
        return Threads.count * (scratch + 8 * PairSums.wave * (weightings + (span + 1) * tile))
    }

    public struct Sums: Sendable {
        public var quadratic: [Double]
        public var linear: [Double]
        public var total: Double
        /// What was subtracted from every kernel value before it was added up, so that sums stay small;
        /// not yet added back.
        public var offset = 0.0

        fileprivate mutating func multiply(by unit: Double) {
            quadratic = quadratic.map { $0 * unit }
            linear = linear.map { $0 * unit }
            (total, offset) = (total * unit, offset * unit)
        }
    }

    /// - Parameters:
    ///   - weights: shape [rows, weightings].
    ///   - partner: distance of the row whose pair is left out with each row, n for rows i and i + n; 0:
    ///     none is.
    /// - Complexity: N²·(d + weightings) multiply-adds.
    public func sums(
        _ kernel: PairwiseKernel, weights: Matrix, partner: Int, interruption: Interruption
    ) throws(VaccineError) -> Sums {
        let precision = precision(kernel)
        let scale = precision == .single ? pool.scale : 1
        let (scaled, unit) = kernel.ofRows(times: scale)
        let mean = sample.reduce(0) { $0 + scaled.value($1 * scale * scale) }
        let typical = Float(mean / Double(max(1, sample.count)))
        let tiles = KernelTiles(
            pool: pool, kernel: scaled, offset: typical.isFinite ? typical : 0, weights: weights,
            partner: partner)
        var result = Sums(
            quadratic: [Double](repeating: 0, count: weights.columns),
            linear: [Double](repeating: 0, count: weights.columns), total: 0,
            offset: Double(tiles.offset))
        var ofRows = [Double](repeating: 0, count: count)
        let workers = Threads.count
        let scratch = try precision == .single ? SingleScratch(tiles, workers: workers) : nil
        let all = tasks()
        for chunk in Blocks(of: all.count, size: wave(weightings: weights.columns) * workers) {
            try interruption.check(chunk.lowerBound, of: all.count)
            let parts = Results<TileSums>(count: chunk.count)
            Threads.withFixedCount(workers) {
                Threads.forEach(chunk.count) { index, worker in
                    let (rows, columns) = all[chunk.lowerBound + index]
                    parts[index] =
                        scratch.map { tiles.single(rows, columns, $0, worker) }
                        ?? tiles.double(rows, columns)
                }
            }
            for index in chunk {
                guard let part = parts[index - chunk.lowerBound] else { continue }
                let (rows, columns) = all[index]
                addEach(part.quadratic, to: &result.quadratic)
                for (row, sum) in zip(rows, part.rows) { ofRows[row] += sum }
                guard rows != columns else { continue }
                for (column, sum) in zip(columns, part.columns) { ofRows[column] += sum }
            }
        }
        for (row, sum) in ofRows.enumerated() {
            result.total += sum
            for b in 0..<weights.columns { result.linear[b] += Double(weights[row, b]) * sum }
        }
        result.multiply(by: unit)
        return result
    }

    /// Each unordered pair of tiles once.
    private func tasks() -> [(rows: Range<Int>, columns: Range<Int>)] {
        var tasks: [(rows: Range<Int>, columns: Range<Int>)] = []
        for columns in Blocks(of: count, size: PairSums.tile) {
            for rows in Blocks(of: columns.lowerBound, size: PairSums.span * PairSums.tile) {
                tasks.append((rows, columns))
            }
            tasks.append((columns, columns))
        }
        return tasks
    }

    /// Tasks for each thread between two looks at the interruption: half a second or so.
    private func wave(weightings: Int) -> Int {
        let work = PairSums.span * PairSums.tile * PairSums.tile * (pool.width + weightings)
        return min(PairSums.wave, max(1, (1 << 34) / work))
    }
}
