internal import COpenBLAS

/// A dense row-major matrix of double precision, for statistics: small, and a value.
struct DoubleMatrix {
    let rows: Int
    let columns: Int
    var elements: [Double]

    init(rows: Int, columns: Int, _ elements: [Double]) {
        precondition(elements.count == rows * columns, "counts differ")
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    init(zeros rows: Int, _ columns: Int) {
        self.init(rows: rows, columns: columns, [Double](repeating: 0, count: rows * columns))
    }

    subscript(row: Int, column: Int) -> Double {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }

    var trace: Double { (0..<rows).reduce(0) { $0 + self[$1, $1] } }
    var squaredNorm: Double { elements.reduce(0) { $0 + $1 * $1 } }

    /// The leading columns.
    func firstColumns(_ count: Int) -> DoubleMatrix {
        DoubleMatrix(
            rows: rows, columns: count,
            (0..<rows).flatMap { elements[$0 * columns..<$0 * columns + count] })
    }

    /// Every column multiplied by its factor.
    func scalingColumns(_ factors: [Double]) -> DoubleMatrix {
        precondition(factors.count == columns, "one factor per column")
        var result = self
        for row in 0..<rows {
            for column in 0..<columns { result.elements[row * columns + column] *= factors[column] }
        }
        return result
    }

    /// self · v.
    func times(_ v: [Double]) -> [Double] { times(v, CblasNoTrans, count: rows) }

    /// selfᵀ · v.
    func transposedTimes(_ v: [Double]) -> [Double] { times(v, CblasTrans, count: columns) }

    private func times(_ v: [Double], _ side: CBLAS_TRANSPOSE, count: Int) -> [Double] {
        precondition(v.count == rows + columns - count, "shapes differ")
        var result = [Double](repeating: 0, count: count)
        guard rows > 0, columns > 0 else { return result }
        _ = LinearAlgebra.oneThread
        unsafe cblas_dgemv(
            CblasRowMajor, side, blasint(rows), blasint(columns), 1, elements, blasint(columns), v,
            1, 0, &result, 1)
        return result
    }

    /// self += other.
    mutating func add(_ other: DoubleMatrix) {
        precondition(rows == other.rows && columns == other.columns, "shapes differ")
        var target = elements.mutableSpan
        let source = other.elements.span
        for index in target.indices { target[index] += source[index] }
    }

    /// self += factor · u · vᵀ.
    mutating func addOuter(_ factor: Double, _ u: [Double], _ v: [Double]) {
        precondition(u.count == rows && v.count == columns, "shapes differ")
        var target = elements.mutableSpan
        let (u, v) = (u.span, v.span)
        for row in u.indices {
            let (scale, start) = (factor * u[row], row * v.count)
            for column in v.indices { target[start + column] += scale * v[column] }
        }
    }

    /// The rows less their mean, by way of the first row, so that a constant column becomes exactly 0.
    func centred(mean: inout [Double]) -> DoubleMatrix {
        let ones = [Double](repeating: 1, count: rows)
        let first = Array(elements.prefix(columns))
        var result = self
        result.addOuter(-1, ones, first)
        let rest = result.transposedTimes(ones).map { $0 / Double(rows) }
        result.addOuter(-1, ones, rest)
        mean = zip(first, rest).map { $0 + $1 }
        return result
    }

    var squaredRowNorms: [Double] {
        (0..<rows).map { row in
            (row * columns..<(row + 1) * columns).reduce(0) { $0 + elements[$1] * elements[$1] }
        }
    }
}

/// op(a) · op(b), on the calling thread.
///
/// - Complexity: 2·m·n·k operations.
func product(
    _ a: DoubleMatrix, transposed aTransposed: Bool = false, _ b: DoubleMatrix,
    transposed bTransposed: Bool = false
) -> DoubleMatrix {
    let (m, k) = aTransposed ? (a.columns, a.rows) : (a.rows, a.columns)
    let (depth, n) = bTransposed ? (b.columns, b.rows) : (b.rows, b.columns)
    precondition(depth == k, "shapes differ")
    var c = DoubleMatrix(zeros: m, n)
    guard m > 0, n > 0, k > 0 else { return c }
    _ = LinearAlgebra.oneThread
    unsafe cblas_dgemm(
        CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans,
        bTransposed ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k), 1,
        a.elements, blasint(a.columns), b.elements, blasint(b.columns), 0, &c.elements,
        blasint(n))
    return c
}

func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

enum LinearAlgebra {
    /// OpenBLAS computes on the calling thread; `Threads` does the splitting.
    static let oneThread: Void = openblas_set_num_threads(1)
}
