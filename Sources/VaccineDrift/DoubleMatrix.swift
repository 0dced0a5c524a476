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
    func times(_ v: [Double]) -> [Double] {
        (0..<rows).map { row in
            (0..<columns).reduce(0) { $0 + elements[row * columns + $1] * v[$1] }
        }
    }

    /// selfᵀ · v.
    func transposedTimes(_ v: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                result[column] += elements[row * columns + column] * v[row]
            }
        }
        return result
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
