internal import CFortran
internal import COpenBLAS
public import VaccineNumerics

/// Eigenvalues of a symmetric matrix, ascending.
///
/// - Parameter matrix: [n, n] row-major, symmetric; only one triangle is read.
/// - Throws: `VaccineError.value` when the iteration does not converge (the matrix holds NaN or ∞).
/// - Complexity: O(n³).
public func symmetricEigenvalues(_ matrix: [Double], order n: Int) throws(VaccineError) -> [Double]
{
    precondition(matrix.count == n * n, "the matrix must be square")
    var a = matrix
    var values = [Double](repeating: 0, count: n)
    var order = Int32(n)
    var info = Int32(0)
    var workCount = Int32(2 * n + 1)
    var integerCount = Int32(1)
    var work = [Double](repeating: 0, count: 2 * n + 1)
    var integers = [Int32](repeating: 0, count: 1)
    unsafe dsyevd_(
        "N", "L", &order, &a, &order, &values, &work, &workCount, &integers, &integerCount, &info)
    guard info == 0 else { throw .value("the eigenvalues did not converge") }
    return values
}
