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
        switch self {
        case .gaussian(let bandwidth):
            let factor = Lanes(repeating: Float(-1 / (2 * bandwidth * bandwidth)))
            map(&row, norm, norms) { ($0 * factor).exponential() - offset }
        case .negativeDistance: map(&row, norm, norms) { -$0.squareRoot() - offset }
        }
    }

    /// Each dot product becomes f(|x|² + |y|² − 2 x·y).
    @inline(__always)
    private func map(
        _ row: inout MutableSpan<Float>, _ norm: Float, _ norms: Span<Float>,
        _ f: (Lanes) -> Lanes
    ) {
        func distance(_ products: Lanes, _ others: Lanes) -> Lanes {
            (others + norm - 2 * products).larger(of: .zero)
        }
        sweep(row.count) {
            row.setLanes(f(distance(row.lanes(at: $0), norms.lanes(at: $0))), at: $0)
        } tail: {
            row.setLanesTail(f(distance(row.lanesTail(at: $0), norms.lanesTail(at: $0))), at: $0)
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

    static let tile = 512
    /// Tiles of one task: what is computed between two looks at the interruption.
    private static let span = 32

    /// - Throws: `VaccineError.value` for elements that are not finite; `.memory`.
    public init(_ x: EmbeddingRows, _ y: EmbeddingRows) throws(VaccineError) {
        precondition(x.width == y.width, "widths differ")
        try x.checkFinite("x")
        try y.checkFinite("y")
        let count = x.rows + y.rows
        let width = x.width
        arena = try Arena(byteCount: 4 * count * (width + 17) + 256, purpose: "the pooled rows")
        let (rows, norms) = (
            arena.matrix(rows: count, columns: width), arena.matrix(rows: 1, columns: count)
        )
        (self.rows, self.norms) = (rows, norms)
        let mean = Threads.map(width) { column in
            var sum = 0.0
            for row in 0..<x.rows { sum += x[row, column] }
            for row in 0..<y.rows { sum += y[row, column] }
            return sum / Double(count)
        }
        let squares = Threads.map(count) { row in
            var target = rows.mutable(row)
            var sum = 0.0
            for column in 0..<width {
                let value = row < x.rows ? x[row, column] : y[row - x.rows, column]
                target[column] = Float(value - mean[column])
                sum += Double(target[column]) * Double(target[column])
            }
            return sum
        }
        var target = norms.mutable(0)
        for row in 0..<count { target[row] = Float(squares[row]) }
        guard squares.allSatisfy({ $0.isFinite && $0 < 1e37 }) else {
            throw .value("x and y are too large: squared distances overflow float32")
        }
    }

    /// Bytes that `sums` takes for a number of weightings, beside the rows.
    public static func bytes(weightings: Int) -> Int {
        4 * Threads.count * (tile * (tile + 16) + tile * (weightings + 16))
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
        let count = rows.rows
        let tiles = (count + PairSums.tile - 1) / PairSums.tile
        var tasks: [(row: Int, columns: Range<Int>)] = []
        for row in 0..<tiles {
            for start in stride(from: row, to: tiles, by: PairSums.span) {
                tasks.append((row, start..<min(start + PairSums.span, tiles)))
            }
        }
        let scratch = try Arena(
            byteCount: PairSums.bytes(weightings: weights.columns) + 4096, purpose: "kernel tiles")
        defer { scratch.keepAlive() }
        let workers = (0..<Threads.count).map { _ in
            (
                scratch.matrix(rows: PairSums.tile, columns: PairSums.tile),
                scratch.matrix(rows: PairSums.tile, columns: weights.columns)
            )
        }
        let offset = Float(typicalValue(kernel))
        var result = Sums(
            quadratic: [Double](repeating: 0, count: weights.columns),
            linear: [Double](repeating: 0, count: weights.columns), total: 0,
            offset: Double(offset))
        let wave = 6 * Threads.count
        for start in stride(from: 0, to: tasks.count, by: wave) {
            try interruption.check()
            let chunk = Array(tasks[start..<min(start + wave, tasks.count)])
            let parts = Results<Sums>(count: chunk.count)
            Threads.forEach(chunk.count) { index, worker in
                var part = Sums(
                    quadratic: [Double](repeating: 0, count: weights.columns),
                    linear: [Double](repeating: 0, count: weights.columns), total: 0)
                for column in chunk[index].columns {
                    self.add(
                        kernel, offset, chunk[index].row, column, weights, partner,
                        workers[worker].0,
                        workers[worker].1, to: &part)
                }
                parts[index] = part
            }
            for index in chunk.indices {
                guard let part = parts[index] else { continue }
                for b in 0..<weights.columns {
                    result.quadratic[b] += part.quadratic[b]
                    result.linear[b] += part.linear[b]
                }
                result.total += part.total
            }
        }
        return result
    }

    /// The sums of one tile, counted twice off the diagonal.
    private func add(
        _ kernel: PairwiseKernel, _ offset: Float, _ rowTile: Int, _ columnTile: Int,
        _ weights: Matrix,
        _ partner: Int, _ tileScratch: Matrix, _ productScratch: Matrix, to part: inout Sums
    ) {
        let (i, j) = (range(rowTile), range(columnTile))
        let k = tileScratch.rows(0..<i.count).columns(0..<j.count)
        multiply(rows.rows(i), transposing: Weight(rows.rows(j)), into: k, parallel: false)
        var columnSums = [Double](repeating: 0, count: j.count)
        var rowSums = [Double](repeating: 0, count: i.count)
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
            rowSums[row] = Double(sums.sum())
            var target = columnSums.mutableSpan
            for column in target.indices { target[column] += Double(values[column]) }
        }
        let diagonal = rowTile == columnTile
        let times = diagonal ? 1.0 : 2.0
        let products = productScratch.rows(0..<i.count)
        multiply(k, by: Weight(weights.rows(j)), into: products, parallel: false)
        var (quadratics, linears) = (part.quadratic, part.linear)
        defer { (part.quadratic, part.linear) = (quadratics, linears) }
        for row in 0..<i.count {
            let (own, product) = (weights[i.lowerBound + row], products[row])
            let sum = rowSums[row]
            var quadratic = quadratics.mutableSpan
            var linear = linears.mutableSpan
            for b in own.indices {
                let weight = Double(own[b])
                quadratic[b] += times * weight * Double(product[b])
                linear[b] += weight * sum
            }
            part.total += times * sum
        }
        guard !diagonal else { return }
        for column in 0..<j.count {
            let (own, sum) = (weights[j.lowerBound + column], columnSums[column])
            var linear = linears.mutableSpan
            for b in own.indices { linear[b] += Double(own[b]) * sum }
        }
    }

    private func range(_ tile: Int) -> Range<Int> {
        tile * PairSums.tile..<min((tile + 1) * PairSums.tile, rows.rows)
    }
}
