internal import COpenBLAS

/// How a factor of a product is read.
public enum Orientation: Sendable {
    case normal, transposed

    var blas: CBLAS_TRANSPOSE { self == .normal ? CblasNoTrans : CblasTrans }
}

/// A product of any two float32 matrices, through OpenBLAS; those with weights have kernels of their own.
///
/// ```
/// C ← α · op(A) · op(B) + β · C        op(X) = X or Xᵀ
/// ```
/// Large products are cut into one block of columns (or of rows) of C for each thread.
/// - Parameters:
///   - a: op(A) has shape [M, K].
///   - b: op(B) has shape [K, N].
///   - c: shape [M, N]; read only when `beta` is not 0.
///   - parallel: false inside a parallel region.
/// - Precondition: the three shapes agree.
/// - Complexity: 2·M·N·K floating-point operations, no allocation.
public func multiply(
    _ a: Matrix, _ aOrientation: Orientation = .normal,
    _ b: Matrix, _ bOrientation: Orientation = .normal,
    into c: Matrix, alpha: Float = 1, beta: Float = 0, parallel: Bool = true
) {
    let (m, k) = aOrientation == .normal ? (a.rows, a.columns) : (a.columns, a.rows)
    let (k2, n) = bOrientation == .normal ? (b.rows, b.columns) : (b.columns, b.rows)
    precondition(
        k == k2 && c.rows == m && c.columns == n,
        "product of [\(m), \(k)] and [\(k2), \(n)] into [\(c.rows), \(c.columns)]")
    guard m > 0, n > 0 else { return }

    @Sendable func block(_ rows: Range<Int>, _ columns: Range<Int>) {
        let aPart = aOrientation == .normal ? a.rows(rows) : a.columns(rows)
        let bPart = bOrientation == .normal ? b.columns(columns) : b.rows(columns)
        let cPart = c.columns(columns).rows(rows)
        unsafe cblas_sgemm(
            CblasRowMajor, aOrientation.blas, bOrientation.blas,
            blasint(rows.count), blasint(columns.count), blasint(k),
            alpha, aPart.base, blasint(aPart.stride), bPart.base, blasint(bPart.stride),
            beta, cPart.base, blasint(cPart.stride))
    }

    _ = BLAS.oneThread
    guard parallel, m * n * k > 1 << 18 else { return block(0..<m, 0..<n) }
    if n >= m {
        Threads.forEachRange(of: n, unit: 32) { block(0..<m, $0) }
    } else {
        Threads.forEachRange(of: m, unit: 32) { block($0, 0..<n) }
    }
}

/// The library behind general products.
public enum BLAS {
    /// OpenBLAS computes on the calling thread; `Threads` does the splitting.
    static let oneThread: Void = openblas_set_num_threads(1)

    /// Library, version and the kernel chosen for this processor.
    public static var description: String {
        unsafe String(cString: openblas_get_config()) + " kernel "
            + String(cString: openblas_get_corename())
    }
}
