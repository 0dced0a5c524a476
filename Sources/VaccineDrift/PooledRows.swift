internal import VaccineNumerics

/// Rows of one or two sets in one list: as the caller holds them, for exact distances, and a float32 copy for
/// products.
final class PooledRows: @unchecked Sendable {
    private let sides: [EmbeddingRows]
    let count: Int
    let width: Int
    /// The rows less their common mean, times `scale`, float32: distances do not change otherwise, and
    /// cancellation is least.
    let rows: Matrix
    /// |row|² of `rows`; shape [1, count].
    let norms: Matrix
    /// A power of two, 1 unless float32 had no room for the squares.
    let scale: Double
    /// Of |x − mean|², in the caller's units.
    let (meanNorm, largestNorm): (Double, Double)
    private let arena: Arena

    /// Rows of one parallel task.
    private static let band = 64
    /// Largest distances from the mean whose squares float32 holds with room for sums and small rows.
    private static let comfortable = 0x1p-30...0x1p50

    /// - Parameter sides: each with its name in messages; of one width.
    /// - Throws: `VaccineError.value` for elements that are not finite, or whose squares overflow; `.memory`,
    ///   `.interrupted`.
    init(
        _ sides: [(name: String, rows: EmbeddingRows)], interruption: Interruption
    ) throws(VaccineError) {
        let pool = sides.map(\.rows)
        let (count, width) = (pool.reduce(0) { $0 + $1.rows }, pool[0].width)
        precondition(pool.allSatisfy { $0.width == width }, "widths differ")
        (self.sides, self.count, self.width) = (pool, count, width)
        arena = try Arena(byteCount: 4 * count * (width + 17) + 256, purpose: "the pooled rows")
        let (rows, norms) = (
            arena.matrix(rows: count, columns: width), arena.matrix(rows: 1, columns: count)
        )
        (self.rows, self.norms) = (rows, norms)
        let bands = (count + PooledRows.band - 1) / PooledRows.band
        @Sendable func forEachRow(of band: Int, _ body: (_ row: Int, _ values: [Double]) -> Void) {
            var values = [Double](repeating: 0, count: width)
            let rows = band * PooledRows.band..<min((band + 1) * PooledRows.band, count)
            for row in rows {
                var (side, place) = (0, row)
                while place >= pool[side].rows {
                    place -= pool[side].rows
                    side += 1
                }
                pool[side].read(place, into: &values, from: 0)
                body(row, values)
            }
        }
        let waves = Array(Blocks(of: bands, size: Threads.wave(of: 8 * PooledRows.band * width)))
        var total = [Double](repeating: 0, count: width)
        for wave in waves {
            try interruption.check()
            let sums = Results<[Double]>(count: wave.count)
            Threads.forEach(wave.count) { index, _ in
                var sum = [Double](repeating: 0, count: width)
                forEachRow(of: wave.lowerBound + index) { _, values in addEach(values, to: &sum) }
                sums[index] = sum
            }
            for index in 0..<wave.count { addEach(sums[index] ?? [], to: &total) }
        }
        let mean = total.map { $0 / Double(count) }
        /// Writes `rows` and `norms`; returns the largest distance from the mean in a column, NaN included.
        func fill(_ scale: Double) throws(VaccineError) -> Double {
            var found: [Double] = []
            for wave in waves {
                try interruption.check()
                found += Threads.map(wave.count) { index in
                    var (largest, finite) = (0.0, true)
                    forEachRow(of: wave.lowerBound + index) { row, values in
                        var target = rows.mutable(row)
                        var square = 0.0
                        for column in target.indices {
                            let value = values[column] - mean[column]
                            target[column] = Float(value * scale)
                            square += Double(target[column]) * Double(target[column])
                            largest = max(largest, abs(value))
                        }
                        norms[0, row] = Float(square)
                        finite = finite && !square.isNaN
                    }
                    return finite ? largest : .nan
                }
            }
            return found.reduce(0) { $0.isNaN || $1 <= $0 ? $0 : $1 }
        }
        let largest = try fill(1)
        guard largest < 1e150 else {
            for side in sides { try side.rows.checkFinite(side.name) }
            let names = sides.map(\.name).joined(separator: " and ")
            throw .value("\(names) must be smaller: squared distances overflow float64")
        }
        if largest == 0 || PooledRows.comfortable.contains(largest) {
            scale = 1
        } else {
            scale = Double(sign: .plus, exponent: -max(largest.exponent, -500), significand: 1)
            _ = try fill(scale)
        }
        let square = scale * scale
        let all = norms[0]
        var (sum, most) = (0.0, 0.0)
        for row in all.indices {
            sum += Double(all[row])
            most = max(most, Double(all[row]))
        }
        (meanNorm, largestNorm) = (sum / Double(count) / square, most / square)
    }

    /// Squared distances of one row to others, exact to rounding, in the caller's units.
    ///
    /// - Parameter target: overwritten from `start`.
    /// - Complexity: O(others · width), in double precision.
    func squaredDistances(
        from row: Int, to others: Range<Int>, into target: inout [Double], from start: Int
    ) {
        let (side, place) = located(row)
        var (first, written) = (0, start)
        for other in sides {
            let part = others.clamped(to: first..<first + other.rows)
            if !part.isEmpty {
                side.squaredDistances(
                    from: place, to: other, part.lowerBound - first..<part.upperBound - first,
                    into: &target, from: written)
                written += part.count
            }
            first += other.rows
        }
    }

    /// The same of one pair.
    func squaredDistance(_ row: Int, _ other: Int) -> Double {
        let ((side, place), (otherSide, otherPlace)) = (located(row), located(other))
        return side.squaredDistance(from: place, to: otherSide, otherPlace)
    }

    /// The first rows of an order whose squared distances from each other are not 0.
    ///
    /// - Complexity: O(order · width) but for rows that differ by less than float32 holds.
    func differing(
        _ order: [Int], atMost most: Int, interruption: Interruption
    ) throws(VaccineError) -> [Int] {
        var found: [Int] = []
        var alike: [Int: [Int]] = [:]
        for block in Blocks(of: order.count, work: width, budget: 1 << 26) {
            try interruption.check()
            for row in order[block] {
                var hasher = Hasher()
                let values = rows[row]
                for column in values.indices { hasher.combine(values[column]) }
                let key = hasher.finalize()
                let known = alike[key, default: []]
                if known.contains(where: { squaredDistance(row, $0) == 0 }) { continue }
                alike[key] = known + [row]
                found.append(row)
                if found.count == most { return found }
            }
        }
        return found
    }

    /// Some rows as doubles.
    func copy(_ chosen: [Int]) -> RowBlock {
        let block = RowBlock(rows: chosen.count, columns: width)
        var values = [Double](repeating: 0, count: width)
        for (index, row) in chosen.enumerated() {
            let (side, place) = located(row)
            side.read(place, into: &values, from: 0)
            block.setRow(index, values, from: 0)
        }
        return block
    }

    private func located(_ row: Int) -> (side: EmbeddingRows, place: Int) {
        var place = row
        for side in sides {
            if place < side.rows { return (side, place) }
            place -= side.rows
        }
        preconditionFailure("row \(row) of \(count)")
    }
}

func addEach(_ values: [Double], to sum: inout [Double]) {
    for index in values.indices { sum[index] += values[index] }
}
