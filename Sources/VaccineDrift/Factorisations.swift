internal import CFortran
internal import COpenBLAS
internal import VaccineNumerics

/// A symmetric matrix as V · diag(values) · Vᵀ.
struct Eigen {
    /// Descending.
    let values: [Double]
    /// Column i belongs to value i.
    let vectors: DoubleMatrix
}

/// - Throws: `VaccineError.value` when the iteration does not converge (the matrix holds NaN or ∞).
/// - Complexity: O(n³).
func symmetricEigen(_ matrix: DoubleMatrix, vectors: Bool = true) throws(VaccineError) -> Eigen {
    precondition(matrix.rows == matrix.columns, "the matrix must be square")
    let n = matrix.rows
    var a = matrix.elements
    var values = [Double](repeating: 0, count: n)
    var (order, info) = (Int32(n), Int32(0))
    var workCount = try lapackCount(vectors ? 1 + 6 * n + 2 * n * n : 2 * n + 1)
    var integerCount = try lapackCount(vectors ? 3 + 5 * n : 1)
    var work = [Double](repeating: 0, count: Int(workCount))
    var integers = [Int32](repeating: 0, count: Int(integerCount))
    _ = LinearAlgebra.oneThread
    unsafe dsyevd_(
        vectors ? "V" : "N", "L", &order, &a, &order, &values, &work, &workCount, &integers,
        &integerCount, &info)
    guard info == 0 else { throw .value("the eigenvalues did not converge") }
    values.reverse()
    guard vectors else { return Eigen(values: values, vectors: DoubleMatrix(zeros: 0, 0)) }
    // LAPACK leaves vector i in column i of a column-major matrix: row i here, ascending.
    var columns = DoubleMatrix(zeros: n, n)
    for vector in 0..<n {
        for component in 0..<n { columns[component, n - 1 - vector] = a[vector * n + component] }
    }
    return Eigen(values: values, vectors: columns)
}

/// A matrix [m, n] as U · diag(values) · Vᵀ with min(m, n) values, descending.
struct SingularValues {
    let values: [Double]
    /// Shape [m, min(m, n)].
    let left: DoubleMatrix
}

/// - Throws: `VaccineError.value` when the iteration does not converge.
/// - Complexity: O(m·n·min(m, n)).
func singularValues(
    _ matrix: DoubleMatrix, vectors: Bool = false
) throws(VaccineError) -> SingularValues {
    let (m, n) = (matrix.rows, matrix.columns)
    let least = min(m, n)
    guard least > 0 else {
        return SingularValues(values: [], left: DoubleMatrix(zeros: m, 0))
    }
    // Row-major [m, n] is column-major [n, m], the transpose, whose right vectors are our left ones.
    var a = matrix.elements
    var values = [Double](repeating: 0, count: least)
    var u = [Double](repeating: 0, count: vectors ? n * least : 1)
    var vt = [Double](repeating: 0, count: vectors ? least * m : 1)
    var (rows, columns, info) = (Int32(n), Int32(m), Int32(0))
    var (uStride, vtStride) = (Int32(vectors ? n : 1), Int32(vectors ? least : 1))
    var workCount = try lapackCount(
        (vectors ? 4 * least * least : 0) + 10 * least + 67 * max(m, n))
    var work = [Double](repeating: 0, count: Int(workCount))
    var integers = [Int32](repeating: 0, count: 8 * least)
    _ = LinearAlgebra.oneThread
    unsafe dgesdd_(
        vectors ? "S" : "N", &rows, &columns, &a, &rows, &values, &u, &uStride, &vt, &vtStride,
        &work, &workCount, &integers, &info)
    guard info == 0 else { throw .value("the singular values did not converge") }
    // vt is column-major [least, m], that is row-major [m, least].
    return SingularValues(
        values: values,
        left: vectors
            ? DoubleMatrix(rows: m, columns: least, vt) : DoubleMatrix(zeros: m, 0))
}

/// A size as LAPACK takes it.
///
/// - Throws: `VaccineError.value` where it has no such integer.
func lapackCount(_ count: Int) throws(VaccineError) -> Int32 {
    guard let count = Int32(exactly: count) else {
        throw .value("the matrix is too large for LAPACK's workspace of 2³¹ numbers")
    }
    return count
}
