internal import VaccineNumerics

/// A vector for every token of the vocabulary, widened where it is narrower than the residual stream.
///
/// ```
/// x[t, :] = scale · weight[id_t, :]   or   scale · projection · weight[id_t, :]
/// ```
struct Embedding {
    /// Shape [V, E].
    let weight: Weight
    /// Shape [C, E]; nil: E is C.
    let projection: Weight?
    /// 1 in most models; in Gemma √C in the precision of the weights.
    let scale: Float

    /// - Parameters:
    ///   - narrow: scratch [≥ T, E] where there is a projection.
    ///   - x: shape [T, C], overwritten.
    func forward(_ ids: [Int32], narrow: Matrix?, into x: Matrix) {
        let rows = narrow?.rows(0..<ids.count) ?? x
        for (row, id) in ids.enumerated() {
            weight.rows(Int(id)..<Int(id) + 1).read(into: rows.rows(row..<row + 1))
        }
        if scale != 1 { rows.scale(by: scale) }
        if let projection { multiply(rows, transposing: projection, into: x) }
    }
}
