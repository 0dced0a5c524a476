internal import COpenBLAS
internal import Glibc
public import VaccineNumerics

/// Out-of-fold scores of an L2-regularised logistic regression that tells x's rows from y's.
///
/// ```
/// min  ½ |w|² + Σ log(1 + exp(−t (w·z + b))),   z the columns standardised on the training rows
/// ```
/// by Newton's method.
/// - Parameters:
///   - folds: of each pooled row, 0 ..< count; a fold's rows are scored by what the others teach.
/// - Returns: w·z + b of every pooled row, x's rows first; larger: rather of y.
/// - Throws: `VaccineError.value` for elements that are not finite.
public func classifierScores(
    _ x: EmbeddingRows, _ y: EmbeddingRows, folds: [Int], count: Int, interruption: Interruption
) throws(VaccineError) -> [Double] {
    try x.checkFinite("x")
    try y.checkFinite("y")
    var scores = [Double](repeating: 0, count: folds.count)
    let (first, second) = (x.matrix, y.matrix)
    for fold in 0..<count {
        try interruption.check()
        let training = folds.indices.filter { folds[$0] != fold }
        let held = folds.indices.filter { folds[$0] == fold }
        func rows(_ indices: [Int]) -> DoubleMatrix {
            DoubleMatrix(
                rows: indices.count, columns: x.width,
                indices.flatMap { index in
                    let (side, row) = index < x.rows ? (first, index) : (second, index - x.rows)
                    return side.elements[row * x.width..<(row + 1) * x.width]
                })
        }
        let scale = Standardisation(rows(training))
        let weights = try logistic(
            scale.applied(to: rows(training)), training.map { $0 >= x.rows ? 1 : 0 },
            interruption)
        let values = scale.applied(to: rows(held)).times(weights)
        for (index, value) in zip(held, values) { scores[index] = value }
    }
    return scores
}

/// Columns less their mean over their standard deviation, and a column of ones.
private struct Standardisation {
    private var means: [Double]
    private var scales: [Double]

    init(_ rows: DoubleMatrix) {
        let n = Double(max(rows.rows, 1))
        means = rows.transposedTimes([Double](repeating: 1 / n, count: rows.rows))
        var squares = [Double](repeating: 0, count: rows.columns)
        for row in 0..<rows.rows {
            for column in 0..<rows.columns {
                let value = rows[row, column] - means[column]
                squares[column] += value * value
            }
        }
        scales = squares.map { $0 > 0 ? 1 / ($0 / n).squareRoot() : 0 }
    }

    func applied(to rows: DoubleMatrix) -> DoubleMatrix {
        var result = DoubleMatrix(zeros: rows.rows, rows.columns + 1)
        for row in 0..<rows.rows {
            for column in 0..<rows.columns {
                result[row, column] = (rows[row, column] - means[column]) * scales[column]
            }
            result[row, rows.columns] = 1
        }
        return result
    }
}

/// The weights of the regression; the last column, of ones, is not penalised.
private func logistic(
    _ z: DoubleMatrix, _ labels: [Double], _ interruption: Interruption
) throws(VaccineError) -> [Double] {
    let d = z.columns
    var weights = [Double](repeating: 0, count: d)
    for _ in 0..<25 {
        try interruption.check()
        let chances = z.times(weights).map { 1 / (1 + exp(-$0)) }
        var gradient = z.transposedTimes(zip(chances, labels).map { $0 - $1 })
        var weighted = z
        for row in 0..<z.rows {
            let root = max(chances[row] * (1 - chances[row]), 1e-12).squareRoot()
            for column in 0..<d { weighted[row, column] *= root }
        }
        var hessian = product(weighted, transposed: true, weighted)
        for column in 0..<d {
            let penalty = column < d - 1 ? 1.0 : 1e-9
            hessian[column, column] += penalty
            gradient[column] += column < d - 1 ? weights[column] : 0
        }
        let step = try solve(hessian, gradient)
        for column in 0..<d { weights[column] -= step[column] }
        if dot(step, step) < 1e-16 * (1 + dot(weights, weights)) { break }
    }
    return weights
}

/// The solution of a · v = b for a symmetric positive definite a, by Cholesky's factors.
private func solve(_ a: DoubleMatrix, _ b: [Double]) throws(VaccineError) -> [Double] {
    var (factor, order, info) = (a.elements, Int32(a.rows), Int32(0))
    unsafe dpotrf_("L", &order, &factor, &order, &info)
    guard info == 0 else { throw .value("x and y: the classifier's curvature is not positive") }
    var v = b
    // Column-major lower triangle: row-major upper.
    unsafe cblas_dtrsv(
        CblasRowMajor, CblasUpper, CblasTrans, CblasNonUnit, order, factor, order, &v, 1)
    unsafe cblas_dtrsv(
        CblasRowMajor, CblasUpper, CblasNoTrans, CblasNonUnit, order, factor, order, &v, 1)
    return v
}
