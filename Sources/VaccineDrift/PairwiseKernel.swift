internal import CKernels
internal import Glibc
public import VaccineNumerics

/// A function of the squared distance of two rows.
public enum PairwiseKernel: Sendable, Equatable {
    /// exp(−|x − y|² / 2σ²).
    case gaussian(bandwidth: Double)
    /// −|x − y|, whose quadratic forms are energy distances.
    case negativeDistance

    /// Of a squared distance.
    func value(_ squaredDistance: Double) -> Double {
        switch self {
        case .gaussian(let bandwidth): exp(-squaredDistance / (2 * bandwidth * bandwidth))
        case .negativeDistance: -squaredDistance.squareRoot()
        }
    }

    /// Dot products with one row become kernel values less `offset`, in place.
    fileprivate func apply(
        to row: inout MutableSpan<Float>, norm: Float, norms: Span<Float>, offset: Float
    ) {
        precondition(norms.count == row.count, "counts differ")
        let (function, scale) =
            switch self {
            case .gaussian(let bandwidth):
                (VACCINE_GAUSSIAN, Float(-1 / (2 * bandwidth * bandwidth)))
            case .negativeDistance: (VACCINE_NEGATIVE_DISTANCE, 0)
            }
        unsafe norms.withUnsafeBufferPointer { norms in
            unsafe row.withUnsafeMutableBufferPointer { row in
                unsafe vaccine_pairwise(
                    function, scale, offset, norm, norms.baseAddress, row.baseAddress, row.count)
            }
        }
    }
}

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
    /// Rows less their common mean, float32: distances do not change, and cancellation is least.
    let rows: Matrix
    let norms: Matrix
    private let arena: Arena

    /// Rows and columns of a tile of the kernel matrix, and tiles below each other of one task, which
    /// share the packed columns.
    private static let (tile, span) = (256, 4)
    /// Tasks for each thread between two looks at the interruption.
    private static let wave = 64
    /// Rows that are centred by one task.
    private static let band = 64

    /// - Throws: `VaccineError.value` for elements that are not finite; `.memory`.
    public init(_ x: EmbeddingRows, _ y: EmbeddingRows) throws(VaccineError) {
        precondition(x.width == y.width, "widths differ")
        let (count, width) = (x.rows + y.rows, x.width)
        arena = try Arena(byteCount: 4 * count * (width + 17) + 256, purpose: "the pooled rows")
        let (rows, norms) = (
            arena.matrix(rows: count, columns: width), arena.matrix(rows: 1, columns: count)
        )
        (self.rows, self.norms) = (rows, norms)
        let bands = (count + PairSums.band - 1) / PairSums.band
        @Sendable func forEachRow(of band: Int, _ body: (_ row: Int, _ values: [Double]) -> Void) {
            var values = [Double](repeating: 0, count: width)
            for row in band * PairSums.band..<min((band + 1) * PairSums.band, count) {
                let (side, place) = row < x.rows ? (x, row) : (y, row - x.rows)
                side.read(place, into: &values, from: 0)
                body(row, values)
            }
        }
        let sums = Results<[Double]>(count: bands)
        Threads.forEach(bands) { band, _ in
            var sum = [Double](repeating: 0, count: width)
            forEachRow(of: band) { _, values in addEach(values, to: &sum) }
            sums[band] = sum
        }
        var total = [Double](repeating: 0, count: width)
        for band in 0..<bands { addEach(sums[band] ?? [], to: &total) }
        let mean = total.map { $0 / Double(count) }
        let largest = Threads.map(bands) { band in
            var largest = 0.0
            forEachRow(of: band) { row, values in
                var target = rows.mutable(row)
                var square = 0.0
                for column in target.indices {
                    target[column] = Float(values[column] - mean[column])
                    square += Double(target[column]) * Double(target[column])
                }
                norms[0, row] = Float(square)
                largest = square <= largest ? largest : square
            }
            return largest
        }
        guard largest.allSatisfy({ $0 < 1e37 }) else {
            try x.checkFinite("x")
            try y.checkFinite("y")
            throw .value("x and y are too large: squared distances overflow float32")
        }
    }

    /// Bytes that `sums` takes for a number of weightings, beside the rows.
    public static func bytes(weightings: Int) -> Int {
        Threads.count
            * (4 * span * tile * (tile + weightings + 32)
                + 8 * wave * (weightings + (span + 1) * tile))
    }

    public struct Sums: Sendable {
        public var quadratic: [Double]
        public var linear: [Double]
        public var total: Double
        /// What was subtracted from every kernel value before it was added up in float32, so that sums
        /// stay small; not yet added back.
        public var offset = 0.0
    }

    /// The mean kernel value of some pairs, for the offset.
    private func typicalValue(_ kernel: PairwiseKernel) -> Double {
        let step = max(1, rows.rows / 64)
        let chosen = Array(stride(from: 0, to: rows.rows, by: step))
        var (sum, count) = (0.0, 0.0)
        for (place, i) in chosen.enumerated() {
            for j in chosen[(place + 1)...] {
                sum += kernel.value(squaredDistance(i, j))
                count += 1
            }
        }
        return count > 0 ? sum / count : 0
    }

    private func squaredDistance(_ i: Int, _ j: Int) -> Double {
        let (a, b) = (rows[i], rows[j])
        var sum = 0.0
        for column in a.indices {
            let difference = Double(a[column]) - Double(b[column])
            sum += difference * difference
        }
        return sum
    }

    /// - Parameters:
    ///   - weights: shape [rows, weightings].
    ///   - partner: distance of the row whose pair is left out with each row, n for rows i and i + n; 0:
    ///     none is.
    /// - Complexity: N²·(d + weightings) multiply-adds.
    public func sums(
        _ kernel: PairwiseKernel, weights: Matrix, partner: Int, interruption: Interruption
    ) throws(VaccineError) -> Sums {
        var tasks: [(rows: Range<Int>, columns: Range<Int>)] = []
        for start in stride(from: 0, to: rows.rows, by: PairSums.tile) {
            let columns = start..<min(start + PairSums.tile, rows.rows)
            for row in stride(from: 0, to: start, by: PairSums.span * PairSums.tile) {
                tasks.append((row..<min(row + PairSums.span * PairSums.tile, start), columns))
            }
            tasks.append((columns, columns))
        }
        let scratch = try Arena(
            byteCount: PairSums.bytes(weightings: weights.columns) + 4096, purpose: "kernel tiles")
        defer { scratch.keepAlive() }
        let workers = (0..<Threads.count).map { _ in
            (
                scratch.matrix(rows: PairSums.span * PairSums.tile, columns: PairSums.tile),
                scratch.matrix(rows: PairSums.span * PairSums.tile, columns: weights.columns)
            )
        }
        let offset = Float(typicalValue(kernel))
        var result = Sums(
            quadratic: [Double](repeating: 0, count: weights.columns),
            linear: [Double](repeating: 0, count: weights.columns), total: 0,
            offset: Double(offset))
        var ofRows = [Double](repeating: 0, count: rows.rows)
        let wave = PairSums.wave * Threads.count
        for start in stride(from: 0, to: tasks.count, by: wave) {
            try interruption.check()
            let chunk = Array(tasks[start..<min(start + wave, tasks.count)])
            let parts = Results<TileSums>(count: chunk.count)
            Threads.forEach(chunk.count) { index, worker in
                let (rows, columns) = chunk[index]
                parts[index] = self.sums(
                    kernel, offset, rows, columns, weights, partner, workers[worker].0,
                    workers[worker].1)
            }
            for (index, (rows, columns)) in chunk.enumerated() {
                guard let part = parts[index] else { continue }
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
        return result
    }

    /// What a tile adds: its quadratic forms, and the sums over its rows and its columns.
    private struct TileSums {
        var quadratic: [Double]
        var rows: [Double]
        var columns: [Double]
    }

    /// The sums over pairs of rows i and j; quadratic forms count them twice where those are not the same rows.
    private func sums(
        _ kernel: PairwiseKernel, _ offset: Float, _ i: Range<Int>, _ j: Range<Int>,
        _ weights: Matrix, _ partner: Int, _ tileScratch: Matrix, _ productScratch: Matrix
    ) -> TileSums {
        let k = tileScratch.rows(0..<i.count).columns(0..<j.count)
        multiply(rows.rows(i), transposing: Weight(rows.rows(j)), into: k, parallel: false)
        var part = TileSums(
            quadratic: [Double](repeating: 0, count: weights.columns),
            rows: [Double](repeating: 0, count: i.count),
            columns: [Double](repeating: 0, count: j.count))
        let others = norms.columns(j)
        for row in 0..<i.count {
            var values = k.mutable(row)
            kernel.apply(
                to: &values, norm: norms[0, i.lowerBound + row], norms: others[0],
                offset: offset)
            for excluded in [0, partner, -partner] {
                let column = i.lowerBound + row + excluded
                if j.contains(column) { values[column - j.lowerBound] = 0 }
            }
            var sums = Lanes.zero
            sweep(j.count) {
                sums += values.lanes(at: $0)
            } tail: {
                sums += values.lanesTail(at: $0)
            }
            part.rows[row] = Double(sums.sum())
            var target = part.columns.mutableSpan
            for column in target.indices { target[column] += Double(values[column]) }
        }
        let products = productScratch.rows(0..<i.count)
        multiply(k, by: Weight(weights.rows(j)), into: products, parallel: false)
        let times = i == j ? 1.0 : 2.0
        for row in 0..<i.count {
            let (own, product) = (weights[i.lowerBound + row], products[row])
            var quadratic = part.quadratic.mutableSpan
            for b in own.indices { quadratic[b] += times * Double(own[b]) * Double(product[b]) }
        }
        return part
    }
}

private func addEach(_ values: [Double], to sum: inout [Double]) {
    for index in values.indices { sum[index] += values[index] }
}
