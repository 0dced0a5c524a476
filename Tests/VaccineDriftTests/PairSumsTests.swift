import Testing
import VaccineNumerics
import _TestSupport

@testable import VaccineDrift

/// Sums over pairs against plain loops, in both precisions.
@Suite struct PairSumsTests {
    private let x = Sample(seed: 5, rows: 300, width: 7)
    private let y = Sample(seed: 6, rows: 250, width: 7, mean: 0.2)

    private func outlying(_ sample: Sample) -> Sample {
        var values = sample.values
        for row in stride(from: 0, to: sample.rows, by: 40) { values[row * sample.width] += 1e6 }
        return Sample(rows: sample.rows, width: sample.width, values)
    }

    /// Σ a_i a_j k(i, j), Σ a_i k(i, j) and Σ k(i, j) over i ≠ j.
    private func plain(
        _ x: Sample, _ y: Sample, _ kernel: PairwiseKernel, _ weights: [Double]
    ) -> (quadratic: Double, linear: Double, total: Double) {
        let rows = (0..<x.rows).map { x[$0] } + (0..<y.rows).map { y[$0] }
        var (quadratic, linear, total) = (0.0, 0.0, 0.0)
        for i in rows.indices {
            for j in rows.indices where i != j {
                let value = kernel.value(squaredDistance(rows[i], rows[j]))
                quadratic += weights[i] * weights[j] * value
                linear += weights[i] * value
                total += value
            }
        }
        return (quadratic, linear, total)
    }

    private func compare(
        _ x: Sample, _ y: Sample, _ kernel: PairwiseKernel, _ precision: PairSums.Precision
    ) throws {
        let pairs = try PairSums(x.embeddings, y.embeddings)
        #expect(pairs.precision(kernel) == precision)
        let count = x.rows + y.rows
        let arena = try Arena(byteCount: 4 * count * 17 + 128, purpose: "weights")
        defer { arena.keepAlive() }
        let weights = arena.matrix(rows: count, columns: 1)
        let labels = (0..<count).map { $0 < x.rows ? 1.0 : 0 }
        for row in 0..<count { weights[row, 0] = Float(labels[row]) }
        let found = try pairs.sums(kernel, weights: weights, partner: 0, interruption: .none)
        let expected = plain(x, y, kernel, labels)
        let (n, m) = (Double(x.rows), Double(y.rows))
        let quadratic = found.quadratic[0] + found.offset * n * (n - 1)
        let linear = found.linear[0] + found.offset * n * (n + m - 1)
        let total = found.total + found.offset * (n + m) * (n + m - 1)
        for (sum, value) in [
            (quadratic, expected.quadratic), (linear, expected.linear), (total, expected.total),
        ] {
            #expect(abs(sum - value) <= 1e-6 * abs(value))
        }
    }

    @Test func `ordinary rows are summed in single precision`() throws {
        try compare(x, y, .negativeDistance, .single)
        try compare(x, y, .gaussian(bandwidth: 2), .single)
    }

    @Test func `rows with outliers are summed in double precision`() throws {
        try compare(outlying(x), outlying(y), .negativeDistance, .double)
        try compare(outlying(x), outlying(y), .gaussian(bandwidth: 2), .double)
    }

    @Test func `a bandwidth far from the distances asks for double precision`() throws {
        try compare(x, y, .gaussian(bandwidth: 500), .double)
        try compare(x, y, .gaussian(bandwidth: 0.05), .double)
    }

    @Test(arguments: [0x1p-70, 0x1p90]) func `a power of two changes nothing`(scale: Double) throws
    {
        func scaled(_ s: Sample) -> Sample {
            Sample(rows: s.rows, width: s.width, s.values.map { $0 * scale })
        }
        try compare(scaled(x), scaled(y), .negativeDistance, .single)
        try compare(scaled(x), scaled(y), .gaussian(bandwidth: 2 * scale), .single)
    }

    @Test func `where most rows are equal the median is among rows that differ`() throws {
        // On one axis 0, 3 and 7, with a zero of either sign: squares 9, 16 and 49.
        func bandwidth(_ first: [Double], sample: Int, seed: UInt64) throws -> Double {
            let values = (0..<2 * 30).map { $0 < first.count ? first[$0] : 0 }
            let (x, y) = (
                Sample(rows: 30, width: 2, values), Sample(rows: 1, width: 2, [-0.0, 0])
            )
            return try withExtendedLifetime((x, y)) {
                try PairSums(x.embeddings, y.embeddings)
                    .medianBandwidth(sample: sample, seed: seed)
            }
        }
        for seed in UInt64(0)..<4 {
            #expect(
                try bandwidth([3, 0, 7, 0], sample: 1000, seed: seed) == 8.0.squareRoot())
            #expect(try bandwidth([0, 5], sample: 10, seed: seed) == 12.5.squareRoot())
            #expect(try bandwidth([], sample: 1000, seed: seed) == 0)
            // Squares of 1e-200 are 0 in double precision.
            #expect(try bandwidth([1e-200, 0], sample: 1000, seed: seed) == 0)
        }
    }

    @Test func `a search for rows that differ stops where it is asked to`() throws {
        let still = Sample(rows: 9, width: 2, [Double](repeating: 0, count: 18))
        let pairs = try PairSums(still.embeddings, still.embeddings)
        try withExtendedLifetime(still) {
            #expect(throws: VaccineError.self) {
                try withInterruption(afterPolls: 0) {
                    try pairs.medianBandwidth(sample: 1000, seed: 0, interruption: $0)
                }
            }
            let found = try withInterruption(afterPolls: 1) {
                try pairs.medianBandwidth(sample: 1000, seed: 0, interruption: $0)
            }
            #expect(found == 0)
        }
    }

    @Test func `a median that is not 0 is that of all pairs`() throws {
        let rows = (0..<x.rows).map { x[$0] } + (0..<y.rows).map { y[$0] }
        var squares = rows.indices.flatMap { i in rows[..<i].map { squaredDistance(rows[i], $0) } }
        squares.sort()
        let expected = (squares[squares.count / 2] / 2).squareRoot()
        let found = try PairSums(x.embeddings, y.embeddings).medianBandwidth(sample: 1000, seed: 3)
        expectNear(found, expected, within: 1e-5)
    }

    @Test func `distances of every format are exact`() throws {
        let pool = try PooledRows(
            [("x", x.embeddings), ("y", y.embeddings)], interruption: .none)
        var distances = [Double](repeating: 0, count: 60)
        pool.squaredDistances(from: 3, to: 270..<330, into: &distances, from: 0)
        for (place, other) in (270..<330).enumerated() {
            let row = other < 300 ? x[other] : y[other - 300]
            expectNear(distances[place], squaredDistance(x[3], row), within: 1e-14)
            #expect(pool.squaredDistance(3, other) == distances[place])
        }
    }

    @Test func `close pairs are those whose distance is a small part of their norms`() {
        // Norms 1 and 4; |1 − 2|² = 1, |1 − 0.99…|².
        let products: [Float] = [2, 0.999, -1, 1]
        let norms: [Float] = [4, 1, 1, 1]
        var places = [Int](repeating: -1, count: 4)
        let count = closePairs(
            products.span, norm: 1, norms: norms.span, share: 0x1p-7, places: &places)
        #expect(Array(places[..<count]) == [1, 3])
    }

    @Test func `infinite and overflowing rows are refused by name`() {
        var values = x.values
        values[8] = .infinity
        let bad = Sample(rows: 300, width: 7, values)
        let huge = Sample(rows: 300, width: 7, x.values.map { $0 * 1e200 })
        for sample in [bad, huge] {
            #expect(throws: VaccineError.self) {
                try PairSums(sample.embeddings, self.y.embeddings)
            }
        }
    }

    @Test(arguments: [1, 5, 249]) func `neighbours are those of a plain search`(k: Int) throws {
        let start = outlying(y)
        let moved = start.plus(Sample(seed: 9, rows: 250, width: 7), times: 0.3)
        let found = try neighbourOverlap(
            start.embeddings, moved.embeddings, k: k, interruption: .none)
        func nearest(_ sample: Sample, _ row: Int) -> Set<Int> {
            let order = (0..<sample.rows).filter { $0 != row }.sorted {
                (squaredDistance(sample[row], sample[$0]), $0)
                    < (squaredDistance(sample[row], sample[$1]), $1)
            }
            return Set(order.prefix(k))
        }
        for row in stride(from: 0, to: 250, by: 25) {
            let shared = nearest(start, row).intersection(nearest(moved, row))
            #expect(found[row] == Double(shared.count) / Double(k))
        }
    }
}
