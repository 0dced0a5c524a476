internal import VaccineNumerics

/// What a tile adds: its quadratic forms, and the sums over its rows and its columns.
struct TileSums {
    var quadratic: [Double]
    var rows: [Double]
    var columns: [Double]
}

/// Tiles of the kernel matrix of pooled rows, less `offset`, without its diagonal, and their sums.
struct KernelTiles: Sendable {
    let pool: PooledRows
    let kernel: PairwiseKernel
    let offset: Float
    let weights: Matrix
    let partner: Int

    /// The sums over pairs of rows i and j, from float32 products; quadratic forms count them twice where those
    /// are not the same rows.
    func single(_ i: Range<Int>, _ j: Range<Int>, _ scratch: SingleScratch, _ worker: Int)
        -> TileSums
    {
        let k = scratch.tiles[worker].rows(0..<i.count).columns(0..<j.count)
        multiply(
            pool.rows.rows(i), transposing: Weight(pool.rows.rows(j)), into: k, parallel: false)
        var part = empty(i, j)
        let others = pool.norms.columns(j)
        let square = pool.scale * pool.scale
        var places = [Int](repeating: 0, count: j.count)
        for row in 0..<i.count {
            var values = k.mutable(row)
            let norm = pool.norms[0, i.lowerBound + row]
            let close = closePairs(
                values.span, norm: norm, norms: others[0], share: PairSums.closeness,
                places: &places)
            kernel.apply(to: &values, norm: norm, norms: others[0], offset: offset)
            for place in places[..<close] {
                let distance = pool.squaredDistance(i.lowerBound + row, j.lowerBound + place)
                values[place] = Float(kernel.value(distance * square) - Double(offset))
            }
            for other in excluded(i.lowerBound + row) where j.contains(other) {
                values[other - j.lowerBound] = 0
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
        let products = scratch.products[worker].rows(0..<i.count)
        multiply(k, by: Weight(weights.rows(j)), into: products, parallel: false)
        let times = i == j ? 1.0 : 2.0
        for row in 0..<i.count {
            let (own, product) = (weights[i.lowerBound + row], products[row])
            var quadratic = part.quadratic.mutableSpan
            for b in own.indices { quadratic[b] += times * Double(own[b]) * Double(product[b]) }
        }
        return part
    }

    /// The same from exact distances, in double precision throughout.
    func double(_ i: Range<Int>, _ j: Range<Int>) -> TileSums {
        var part = empty(i, j)
        let columns = DoubleMatrix(rows: j.count, columns: weights.columns, j.flatMap(weightings))
        let times = i == j ? 1.0 : 2.0
        for block in Blocks(of: i.count, size: PairSums.tile) {
            var k = DoubleMatrix(zeros: block.count, j.count)
            for row in block {
                let start = (row - block.lowerBound) * j.count
                pool.squaredDistances(
                    from: i.lowerBound + row, to: j, into: &k.elements, from: start)
                for place in start..<start + j.count {
                    k.elements[place] = kernel.value(k.elements[place]) - Double(offset)
                }
                for other in excluded(i.lowerBound + row) where j.contains(other) {
                    k.elements[start + other - j.lowerBound] = 0
                }
                var sum = 0.0
                for column in 0..<j.count {
                    sum += k.elements[start + column]
                    part.columns[column] += k.elements[start + column]
                }
                part.rows[row] = sum
            }
            let products = product(k, columns).elements
            for row in block {
                let (own, start) = (
                    weights[i.lowerBound + row], (row - block.lowerBound) * weights.columns
                )
                for b in own.indices {
                    part.quadratic[b] += times * Double(own[b]) * products[start + b]
                }
            }
        }
        return part
    }

    private func empty(_ i: Range<Int>, _ j: Range<Int>) -> TileSums {
        TileSums(
            quadratic: [Double](repeating: 0, count: weights.columns),
            rows: [Double](repeating: 0, count: i.count),
            columns: [Double](repeating: 0, count: j.count))
    }

    private func weightings(of row: Int) -> [Double] {
        (0..<weights.columns).map { Double(weights[row, $0]) }
    }

    /// The row itself and its partner, which is on one side of it.
    private func excluded(_ row: Int) -> StrideTo<Int> {
        partner == 0
            ? stride(from: row, to: row + 1, by: 1)
            : stride(from: row - partner, to: row + partner + 1, by: partner)
    }
}

/// A tile and its products for each thread.
final class SingleScratch: @unchecked Sendable {
    let tiles: [Matrix]
    let products: [Matrix]
    private let arena: Arena

    init(_ kernel: KernelTiles, workers: Int) throws(VaccineError) {
        let (rows, columns) = (PairSums.span * PairSums.tile, kernel.weights.columns)
        let arena = try Arena(
            byteCount: workers * (4 * rows * (PairSums.tile + columns + 32)) + 4096,
            purpose: "kernel tiles")
        tiles = (0..<workers).map { _ in arena.matrix(rows: rows, columns: PairSums.tile) }
        products = (0..<workers).map { _ in arena.matrix(rows: rows, columns: columns) }
        self.arena = arena
    }
}
