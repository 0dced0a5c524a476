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
/// - Throws: `VaccineError.value` for elements that are not finite, `.interrupted`.
public func classifierScores(
    _ x: EmbeddingRows, _ y: EmbeddingRows, folds: [Int], count: Int, interruption: Interruption
) throws(VaccineError) -> [Double] {
    try x.checkFinite("x", interruption: interruption.part(0, of: 64))
    try y.checkFinite("y", interruption: interruption.part(1, of: 64))
    let interruption = interruption.part(2..<64, of: 64)
    var scores = [Double](repeating: 0, count: folds.count)
    for fold in 0..<count {
        let part = interruption.part(fold, of: count)
        let training = folds.indices.filter { folds[$0] != fold }
        let rows = try StandardisedRows(x, y, training, interruption: part.part(0, of: 16))
        let weights = try logistic(rows, training, interruption: part.part(1..<16, of: 16))
        let held = folds.indices.filter { folds[$0] == fold }
        try part.check(1)
        let values = Threads.map(held.count) { rows.score(held[$0], weights) }
        for (index, value) in zip(held, values) { scores[index] = value }
    }
    return scores
}

/// Pooled rows with columns less their mean over their standard deviation in some of them, and a column of
/// ones.
private struct StandardisedRows: Sendable {
    private let (x, y): (EmbeddingRows, EmbeddingRows)
    private let means: [Double]
    private let scales: [Double]

    /// Columns, that of ones included.
    var width: Int { x.width + 1 }

    init(
        _ x: EmbeddingRows, _ y: EmbeddingRows, _ training: [Int], interruption: Interruption
    ) throws(VaccineError) {
        (self.x, self.y) = (x, y)
        let n = Double(max(training.count, 1))
        let plain = StandardisedRows.reader(x, y)
        let sums = try summed(training, x.width, interruption.part(0, of: 2)) { index, sum in
            plain(index, &sum.values)
            addEach(sum.values, to: &sum.total)
        }
        let means = sums.map { $0 / n }
        let squares = try summed(training, x.width, interruption.part(1, of: 2)) { index, sum in
            plain(index, &sum.values)
            for column in means.indices {
                let value = sum.values[column] - means[column]
                sum.total[column] += value * value
            }
        }
        self.means = means
        scales = squares.map { $0 > 0 ? 1 / ($0 / n).squareRoot() : 0 }
    }

    private static func reader(
        _ x: EmbeddingRows, _ y: EmbeddingRows
    ) -> @Sendable (Int, inout [Double]) -> Void {
        { index, values in
            let (side, row) = index < x.rows ? (x, index) : (y, index - x.rows)
            side.read(row, into: &values, from: 0)
        }
    }

    /// 1 for rows of y.
    func label(_ index: Int) -> Double { index >= x.rows ? 1 : 0 }

    /// - Parameter values: of `width`, overwritten.
    func read(_ index: Int, into values: inout [Double]) {
        StandardisedRows.reader(x, y)(index, &values)
        for column in means.indices {
            values[column] = (values[column] - means[column]) * scales[column]
        }
        values[x.width] = 1
    }

    func score(_ index: Int, _ weights: [Double]) -> Double {
        var values = [Double](repeating: 0, count: width)
        read(index, into: &values)
        return dot(values, weights)
    }
}

/// What one task adds up, and room for one row.
private struct RowSum {
    var total: [Double]
    var values: [Double]
}

/// Sums over rows of numbers per column, in bands that do not depend on the threads.
///
/// - Parameter add: adds one row.
private func summed(
    _ rows: [Int], _ width: Int, _ interruption: Interruption,
    _ add: @Sendable (_ index: Int, _ sum: inout RowSum) -> Void
) throws(VaccineError) -> [Double] {
    let bands = rowBands(rows.count)
    var total = [Double](repeating: 0, count: width)
    for wave in Blocks(of: bands.count, size: Threads.wave(of: 64 * 8 * width)) {
        try interruption.check(wave.lowerBound, of: bands.count)
        let parts = Results<[Double]>(count: wave.count)
        Threads.forEach(wave.count) { place, _ in
            let zeros = [Double](repeating: 0, count: width)
            var sum = RowSum(total: zeros, values: zeros)
            for row in rows[bands[wave.lowerBound + place]] { add(row, &sum) }
            parts[place] = sum.total
        }
        for place in 0..<wave.count { addEach(parts[place] ?? [], to: &total) }
    }
    return total
}

/// Rows that are weighted at a time.
private let weightedRows = 2048

/// The weights of the regression; the last column, of ones, is not penalised.
private func logistic(
    _ rows: StandardisedRows, _ training: [Int], interruption: Interruption
) throws(VaccineError) -> [Double] {
    let d = rows.width
    var weights = [Double](repeating: 0, count: d)
    let (curvature, weighted) = (
        RowBlock(rows: d, columns: d),
        RowBlock(rows: min(weightedRows, training.count), columns: d)
    )
    var rest = interruption
    for _ in 0..<25 {
        // How many steps it takes is not known: each is a third of what is left.
        let told = rest.part(0, of: 3)
        rest = rest.part(1..<3, of: 3)
        var gradient = [Double](repeating: 0, count: d)
        for block in Blocks(of: training.count, size: weightedRows) {
            let (part, own) = (told.part(block, of: training.count), Array(training[block]))
            let known = weights
            try part.check(0)
            let places = Array(own.indices)
            addEach(
                try summed(places, d, part.part(0, of: 4)) { place, sum in
                    rows.read(own[place], into: &sum.values)
                    let chance = 1 / (1 + exp(-dot(sum.values, known)))
                    let slope = chance - rows.label(own[place])
                    let root = max(chance * (1 - chance), 1e-12).squareRoot()
                    for column in 0..<d {
                        sum.total[column] += slope * sum.values[column]
                        sum.values[column] *= root
                    }
                    weighted.setRow(place, sum.values, from: 0)
                }, to: &gradient)
            try curvature.setSquare(
                of: weighted, rows: own.count, add: block.lowerBound > 0,
                interruption: part.part(1..<4, of: 4))
        }
        var hessian = DoubleMatrix(rows: d, columns: d, curvature.elements)
        for column in 0..<d {
            let penalty = column < d - 1 ? 1.0 : 1e-9
            hessian[column, column] += penalty
            gradient[column] += column < d - 1 ? weights[column] : 0
        }
        let change = try solve(hessian, gradient)
        for column in 0..<d { weights[column] -= change[column] }
        if dot(change, change) < 1e-16 * (1 + dot(weights, weights)) { break }
    }
    return weights
}

/// The solution of a · v = b for a symmetric positive definite a, its upper triangle, by Cholesky's factors.
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
