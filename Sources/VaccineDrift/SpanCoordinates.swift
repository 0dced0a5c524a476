internal import COpenBLAS
public import VaccineNumerics

/// Rows in an orthonormal basis of their span: as many columns as rows, and every inner product and distance
/// stays. What is free of a set's basis, or of both sets' common one, is the same of them; where rows are
/// fewer than columns it costs O(rows²) of memory instead of O(width²).
///
/// ```
/// Xᵀ = Q · R,   coordinates = Rᵀ
/// ```
/// by Householder's reflections of blocks of columns, so that nothing is squared and rows of very different
/// sizes keep their digits. Of pairs the basis is that of x and y − x, so that a small drift does.
/// - Parameter y: nil: x alone, less its mean; else both, less x's mean.
/// - Returns: [rows, rows] of the rows of x and then of y.
/// - Complexity: O(width · rows²).
/// - Throws: `VaccineError.value` for elements that are not finite; `.interrupted`.
/// - SeeAlso: Demmel, Grigori, Hoemmen & Langou 2012, doi:10.1137/080731992, §3.
public func spanCoordinates(
    _ x: EmbeddingRows, _ y: EmbeddingRows?, interruption: Interruption
) throws(VaccineError) -> [Double] {
    let centred = try CentredRows(
        x, meanOf: Array(0..<x.rows), interruption: interruption.part(0, of: 32))
    try x.checkFinite("x")
    try y?.checkFinite("y")
    let mean = centred.mean(times: nil)
    guard mean.allSatisfy(\.isFinite) else { throw .value("x must be smaller: sums overflow") }
    let pairs = y?.rows == x.rows
    let rows = x.rows + (y?.rows ?? 0)
    var coordinates = try SpanFactor.coordinates(
        rows: rows, width: x.width, interruption: interruption.part(1..<32, of: 32)
    ) { row, columns, target, start in
        let own = row < x.rows ? row : row - x.rows
        for (place, column) in columns.enumerated() {
            let first = row < x.rows || pairs ? x[own, column] : mean[column]
            let other = row < x.rows ? mean[column] : y?[own, column] ?? 0
            target[start + place] = row < x.rows ? first - other : other - first
        }
    }
    if pairs {
        for index in 0..<x.rows * rows { coordinates[x.rows * rows + index] += coordinates[index] }
    }
    return coordinates
}

/// The triangular factor of some columns of all rows.
private final class SpanFactor: @unchecked Sendable {
    private let rows: Int
    /// Rᵀ, [rows, rows] row-major: R as LAPACK keeps it.
    private var triangle: [Double]
    /// Columns that the reflections share.
    private let panel: Int

    private init(rows: Int) {
        self.rows = rows
        triangle = [Double](repeating: 0, count: rows * rows)
        panel = min(32, rows)
    }

    /// - Parameter read: writes some columns of a row from `start` of `target`.
    static func coordinates(
        rows: Int, width: Int, interruption: Interruption,
        _ read:
            @Sendable (_ row: Int, _ columns: Range<Int>, _ target: inout [Double], _ start: Int)
            -> Void
    ) throws(VaccineError) -> [Double] {
        // Parts of the columns, each with its factor: as many as data, so that results do not depend on the
        // threads.
        let parts = (0..<max(1, min(4, width / rows))).map { $0 }
        let ranges = parts.map { Threads.part($0, of: parts.count, count: width, unit: 1) }
        let factors = parts.map { _ in SpanFactor(rows: rows) }
        let block = max(32, min(512, (1 << 27) / (rows * rows)))
        let longest = ranges.map(\.count).max() ?? 0
        for start in stride(from: 0, to: longest, by: block) {
            try interruption.check(start, of: longest)
            Threads.forEach(parts.count) { part, _ in
                let own = ranges[part]
                let columns =
                    min(
                        own.lowerBound + start, own.upperBound)..<min(
                        own.lowerBound + start + block, own.upperBound)
                guard !columns.isEmpty else { return }
                var values = [Double](repeating: 0, count: rows * columns.count)
                for row in 0..<rows { read(row, columns, &values, row * columns.count) }
                factors[part].absorb(&values, count: columns.count, triangular: false)
            }
        }
        for factor in factors.dropFirst() {
            try interruption.check()
            factors[0].absorb(&factor.triangle, count: rows, triangular: true)
        }
        return factors[0].triangle
    }

    /// Adds columns.
    ///
    /// - Parameters:
    ///   - values: [rows, count]; left without meaning.
    ///   - triangular: whether it is the triangle of another factor.
    private func absorb(_ values: inout [Double], count: Int, triangular: Bool) {
        var (m, n, l) = (Int32(count), Int32(rows), Int32(triangular ? count : 0))
        var (width, info) = (Int32(panel), Int32(0))
        var reflections = [Double](repeating: 0, count: panel * rows)
        var work = reflections
        _ = LinearAlgebra.oneThread
        unsafe dtpqrt_(
            &m, &n, &l, &width, &triangle, &n, &values, &m, &reflections, &width, &work, &info)
        precondition(info == 0, "argument \(-info) of dtpqrt")
    }
}
