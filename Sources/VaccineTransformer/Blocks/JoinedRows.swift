internal import VaccineNumerics

/// Keys and values of one head that lie apart, laid end to end as factors of products, and their gradients.
struct JoinedRows {
    let keys: Weight  // [longest, D]
    let values: Weight  // [longest, D]
    let dKeys: Matrix?  // [longest, D] where there are gradients
    let dValues: Matrix?  // [longest, D]

    init(
        longest: Int, headSize: Int, _ precision: Precision, gradients: Bool, in arena: Arena
    ) {
        keys = arena.weight(rows: longest, columns: headSize, precision.ofFactors)
        values = arena.weight(rows: longest, columns: headSize, precision.ofFactors)
        dKeys = gradients ? arena.matrix(rows: longest, columns: headSize) : nil
        dValues = gradients ? arena.matrix(rows: longest, columns: headSize) : nil
    }
}

extension Weight {
    /// Its first rows, overwritten with rows of `matrix`, rounded.
    func join(_ ranges: [Range<Int>], of matrix: Matrix) -> Weight {
        var end = 0
        for range in ranges {
            rows(end..<end + range.count).write(matrix.rows(range))
            end += range.count
        }
        return rows(0..<end)
    }
}
