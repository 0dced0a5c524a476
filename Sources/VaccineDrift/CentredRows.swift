internal import VaccineNumerics

/// Rows of one parallel task.
func rowBands(_ count: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: 64).map { $0..<min($0 + 64, count) }
}

/// Rows less the mean of some of them, taken by way of the first, so that a constant column becomes exactly 0.
struct CentredRows: Sendable {
    private let x: EmbeddingRows
    private let first: [Double]
    private let rest: [Double]

    /// - Parameter rows: whose mean is taken; one at least.
    /// - Throws: `.interrupted`.
    init(
        _ x: EmbeddingRows, meanOf rows: [Int], interruption: Interruption
    ) throws(VaccineError) {
        var start = [Double](repeating: 0, count: x.width)
        x.read(rows[0], into: &start, from: 0)
        let (first, bands) = (start, rowBands(rows.count))
        let parts = Results<[Double]>(count: bands.count)
        for wave in Blocks(of: bands.count, size: Threads.wave(of: 64 * 4 * x.width)) {
            try interruption.check(wave.lowerBound, of: bands.count)
            Threads.forEach(wave.count) { place, _ in
                let index = wave.lowerBound + place
                var sums = [Double](repeating: 0, count: x.width)
                var values = sums
                for row in rows[bands[index]] {
                    x.read(row, into: &values, from: 0)
                    for column in sums.indices { sums[column] += values[column] - first[column] }
                }
                parts[index] = sums
            }
        }
        var total = [Double](repeating: 0, count: x.width)
        for index in bands.indices {
            for (column, sum) in (parts[index] ?? []).enumerated() { total[column] += sum }
        }
        (self.x, self.first) = (x, first)
        rest = total.map { $0 / Double(rows.count) }
    }

    var isFinite: Bool { rest.allSatisfy(\.isFinite) }

    func mean(times projection: DoubleMatrix?) -> [Double] {
        let mean = zip(first, rest).map { $0 + $1 }
        return projection?.transposedTimes(mean) ?? mean
    }

    /// These rows, times a projection if there is one, end to end.
    func values(_ rows: ArraySlice<Int>, times projection: DoubleMatrix?) -> [Double] {
        var values = [Double](repeating: 0, count: rows.count * x.width)
        for (place, row) in rows.enumerated() {
            let start = place * x.width
            x.read(row, into: &values, from: start)
            for column in 0..<x.width {
                values[start + column] = values[start + column] - first[column] - rest[column]
            }
        }
        guard let projection else { return values }
        return product(DoubleMatrix(rows: rows.count, columns: x.width, values), projection)
            .elements
    }
}
